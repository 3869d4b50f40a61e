/** Twin of rows.as.ts: rows of matrices in plain TypeScript, the same bits. Offsets and strides in float32 values. */

const { fround } = Math;
const lanes = 8;

/** sums[row] += Σ x² over the row. */
export function addRowSquaresTwin(
  memory: Float32Array,
  values: number,
  stride: number,
  sums: Float64Array,
  width: number,
): void {
  for (let row = 0; row < sums.length; row++) {
    const at = values + row * stride;
    sums[row] += dotProductTwin(memory, at, at, width);
  }
}

/** Σ a·b in float64, in 8 lanes. */
export function dotProductTwin(memory: Float32Array, a: number, b: number, count: number): number {
  const l = new Float64Array(lanes);
  const whole = count - (count % lanes);
  for (let i = 0; i < whole; i++) l[i % lanes] += memory[a + i] * memory[b + i];
  let sum = l[0] + l[4] + (l[2] + l[6]) + (l[1] + l[5] + (l[3] + l[7]));
  for (let i = whole; i < count; i++) sum += memory[a + i] * memory[b + i];
  return sum;
}

/** Row i of values *= weights[i]; 0 where the weight is 0, whatever the value. */
export function scaleRowsTwin(
  memory: Float32Array,
  values: number,
  rows: number,
  width: number,
  weights: number,
): void {
  for (let i = 0; i < rows * width; i++) {
    const weight = memory[weights + Math.floor(i / width)];
    memory[values + i] = weight === 0 ? 0 : memory[values + i] * weight;
  }
}

/** target += scale·values. */
export function addScaledTwin(
  memory: Float32Array,
  values: number,
  target: number,
  count: number,
  scale: number,
): void {
  const s = fround(scale);
  for (let i = 0; i < count; i++) memory[target + i] = memory[target + i] + fround(s * memory[values + i]);
}
