/** A random rotation that anyone can undo: signs from a public seed, then the Walsh–Hadamard transform. It makes long coordinates short. */
import { type KernelSource, Layout } from '../math/kernels/kernels.ts';
import { RandomStream } from '../math/random.ts';

/** Coordinates of a rotated vector: the least power of two from `dimension`. */
export function paddedDimension(dimension: number): number {
  return 2 ** Math.ceil(Math.log2(dimension));
}

/** H·D·x / √d in float64, x padded with zeros to a power of two d, D the signs of the seed (32 bytes, public). The L2 norm stays. */
export function rotated(vector: Float32Array | Float64Array, seed: Uint8Array, source: KernelSource): Float64Array {
  const padded = new Float64Array(paddedDimension(vector.length));
  const signs = signsOf(seed, padded.length);
  vector.forEach((x, i) => {
    padded[i] = x * signs[i];
  });
  return transformed(padded, source);
}

/** The first `count` coordinates of the vector that `rotated` made these values of. */
export function rotatedBack(values: Float64Array, seed: Uint8Array, count: number, source: KernelSource): Float64Array {
  const signs = signsOf(seed, values.length);
  return transformed(values, source)
    .subarray(0, count)
    .map((x, i) => x * signs[i]);
}

function transformed(values: Float64Array, source: KernelSource): Float64Array {
  const layout = new Layout();
  const target = layout.float64(values.length);
  const kernels = source.acquire(layout.bytes);
  const place = new Float64Array(kernels.buffer, target, values.length);
  place.set(values);
  kernels.hadamard(target, values.length);
  const scale = Math.sqrt(1 / values.length);
  const result = place.map(x => x * scale);
  // What an update was made of stays in no memory that others use.
  place.fill(0);
  source.release(kernels);
  return result;
}

function signsOf(seed: Uint8Array, count: number): Int8Array {
  const stream = new RandomStream(seed);
  let bits = 0;
  return Int8Array.from({ length: count }, (_, i) => {
    bits = i % 32 === 0 ? stream.uint32() : bits >>> 1;
    return bits & 1 ? -1 : 1;
  });
}
