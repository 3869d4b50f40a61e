/** Twin of product.as.ts: matrix products in plain TypeScript, the same bits. */
import { activateTwin } from './activation-twin.ts';

const { fround } = Math;

/** C = A·B: A rows × inner, B inner × columns. Offsets in float32 values. */
export function productTwin(
  memory: Float32Array,
  a: number,
  b: number,
  c: number,
  rows: number,
  inner: number,
  columns: number,
): void {
  memory.fill(0, c, c + rows * columns);
  for (let i = 0; i < rows; i++) {
    for (let k = 0; k < inner; k++)
      addScaled(memory, memory[a + i * inner + k], b + k * columns, c + i * columns, columns);
  }
}

/** C = activation(A·Bᵀ + bias): A rows × inner, B columns × inner; a bias offset of 0 is none. */
export function productTransposedTwin(
  memory: Float32Array,
  a: number,
  b: number,
  bias: number,
  c: number,
  rows: number,
  inner: number,
  columns: number,
  activation: number,
): void {
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      let sum = bias === 0 ? 0 : memory[bias + j];
      const left = a + i * inner;
      const right = b + j * inner;
      for (let k = 0; k < inner; k++) sum = fround(sum + fround(memory[left + k] * memory[right + k]));
      memory[c + i * columns + j] = sum;
    }
  }
  activateTwin(memory, c, rows * columns, activation);
}

/** C += Aᵀ·B: A inner × rows, B inner × columns. */
export function addTransposedProductTwin(
  memory: Float32Array,
  a: number,
  b: number,
  c: number,
  rows: number,
  inner: number,
  columns: number,
): void {
  for (let k = 0; k < inner; k++) {
    for (let i = 0; i < rows; i++)
      addScaled(memory, memory[a + k * rows + i], b + k * columns, c + i * columns, columns);
  }
}

/** C += A·B with strides, in float32 values. */
export function addProductTwin(
  memory: Float32Array,
  a: number,
  aOuter: number,
  aInner: number,
  b: number,
  bInner: number,
  bOuter: number,
  c: number,
  stride: number,
  rows: number,
  inner: number,
  columns: number,
): void {
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      const at = c + i * stride + j;
      let sum = memory[at];
      for (let k = 0; k < inner; k++)
        sum = fround(sum + fround(memory[a + i * aOuter + k * aInner] * memory[b + k * bInner + j * bOuter]));
      memory[at] = sum;
    }
  }
}

/** sums += the sum of the rows of A. */
export function addColumnSumsTwin(
  memory: Float32Array,
  a: number,
  stride: number,
  sums: number,
  rows: number,
  columns: number,
): void {
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) memory[sums + j] = memory[sums + j] + memory[a + i * stride + j];
  }
}

function addScaled(memory: Float32Array, scale: number, from: number, to: number, count: number): void {
  for (let j = 0; j < count; j++) memory[to + j] = memory[to + j] + fround(scale * memory[from + j]);
}
