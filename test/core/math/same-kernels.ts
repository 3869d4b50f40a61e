/** Both implementations of the kernels on the same memory contents. */
import assert from 'node:assert/strict';
import { type Kernels, Layout } from '../../../src/core/math/kernels/kernels.ts';
import { createSimdKernels } from '../../../src/core/math/kernels/simd.ts';
import { twinKernels } from '../../../src/core/math/kernels/twin.ts';
import { RandomStream } from '../../../src/core/math/random.ts';

/** The SIMD kernels. */
export const simd = createSimdKernels();

/** `count` float32 values of the kernels' memory. */
export const floats = (kernels: Kernels, offset: number, count: number) =>
  new Float32Array(kernels.buffer, offset, count);

/**
 * Runs the same calls on both implementations, on memories with the same random content, and compares what they return and
 * every bit of the tensors (of a NaN only that it is one). Returns the tensors after the run.
 *
 * @param sizes float32 values of each tensor; `run` gets their byte offsets.
 */
export function assertSame(
  sizes: readonly number[],
  run: (kernels: Kernels, tensors: readonly number[]) => number | undefined,
  options: { seed?: number; prepare?: (values: Float32Array[]) => void } = {},
): Float32Array[] {
  const layout = new Layout();
  const tensors = sizes.map(size => layout.float32(size));
  const results = [simd, twinKernels].map(source => {
    const kernels = source.acquire(layout.bytes);
    const stream = new RandomStream(new Uint8Array(32).fill(options.seed ?? 0));
    const values = tensors.map((offset, i) => {
      floats(kernels, offset, Math.ceil(sizes[i] / 4) * 4).fill(0);
      const tensor = floats(kernels, offset, sizes[i]);
      for (let j = 0; j < tensor.length; j++) tensor[j] = stream.normal();
      return tensor;
    });
    options.prepare?.(values);
    const returned = run(kernels, tensors);
    const after = values.map(tensor => tensor.slice());
    // As plain arrays: typed ones would compare the bits of NaN.
    const seen = after.map(tensor => Array.from(tensor));
    source.release(kernels);
    return { returned, seen, after };
  });
  assert.deepEqual([results[0].returned, results[0].seen], [results[1].returned, results[1].seen]);
  return results[1].after;
}
