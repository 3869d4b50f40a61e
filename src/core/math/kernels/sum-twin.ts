/** Twin of sum.as.ts: float64 sums over float32 vectors in plain TypeScript. */

const lanes = 16;

/** Sum of squares in 16 lanes, combined in halves: the same order as the SIMD kernel. */
export function sumOfSquaresTwin(values: Float32Array): number {
  const sums = new Float64Array(lanes);
  for (let i = 0; i < values.length; i++) sums[i % lanes] += values[i] * values[i];
  for (let width = lanes / 2; width >= 1; width /= 2) {
    for (let i = 0; i < width; i++) sums[i] += sums[i + width];
  }
  return sums[0];
}

/** sums += weight·values; both of the same length. */
export function addWeightedTwin(values: Float32Array, sums: Float64Array, weight: number): void {
  for (let i = 0; i < values.length; i++) sums[i] += weight * values[i];
}

/** output = sums / divisor, rounded to float32. */
export function divideToFloatTwin(sums: Float64Array, output: Float32Array, divisor: number): void {
  for (let i = 0; i < output.length; i++) output[i] = sums[i] / divisor;
}
