/** The kernels in WebAssembly SIMD. Memories are kept for reuse: a process that trains often does not make a new one each time. */
import { base64ToBytes } from './base64.ts';
import type { KernelFunctions, KernelSource, Kernels } from './kernels.ts';
import { kernelsBinary } from './kernels-binary.ts';

const pageBytes = 65_536;
/** Idle memories kept, and how large one of them may be. */
const keptMemories = 4;
const keptBytes = 64 * 2 ** 20;

/** True when this platform runs WebAssembly SIMD (fixed-width; relaxed SIMD is never used: its results differ by machine). */
export function hasSimd(): boolean {
  return typeof WebAssembly === 'object' && WebAssembly.validate(base64ToBytes(kernelsBinary));
}

/** A source of SIMD kernels. Throws RangeError when a memory cannot grow to what is asked (4 GiB at most). */
export function createSimdKernels(): KernelSource {
  const module = new WebAssembly.Module(base64ToBytes(kernelsBinary));
  const idle: SimdKernels[] = [];
  return {
    name: 'simd',
    acquire(bytes) {
      const kernels = idle.pop() ?? instantiate(module);
      kernels.reserve(bytes);
      return kernels;
    },
    release(kernels) {
      // What `acquire` of this source returned is an instance of ours.
      const simd = kernels as SimdKernels;
      if (idle.length < keptMemories && simd.buffer.byteLength <= keptBytes && !idle.includes(simd)) idle.push(simd);
    },
  };
}

interface SimdKernels extends Kernels {
  /** Grows the memory to at least so many bytes; views of `buffer` taken before are then detached. */
  reserve(bytes: number): void;
}

function instantiate(module: WebAssembly.Module): SimdKernels {
  const memory = new WebAssembly.Memory({ initial: 3 });
  const { exports } = new WebAssembly.Instance(module, { env: { memory } });
  return {
    // kernels.as.ts exports exactly the functions of KernelFunctions; the twin tests call each.
    ...(exports as unknown as KernelFunctions),
    name: 'simd',
    get buffer() {
      return memory.buffer;
    },
    reserve(bytes) {
      const missing = Math.ceil((bytes - memory.buffer.byteLength) / pageBytes);
      if (missing > 0) memory.grow(missing);
    },
  };
}
