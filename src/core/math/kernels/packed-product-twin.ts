/** Twin of packed-product.as.ts: products with a packed matrix in plain TypeScript, the same bits. Offsets and strides in float32 values. */
import type { PackedProductKernels } from './packed-product.ts';

const { fround } = Math;
const panel = 8;

/** The kernels over a memory: from offsets in bytes to the functions below. */
export function packedProductTwin(m: Float32Array): PackedProductKernels {
  return {
    packColumns: (b, bInner, bOuter, packed, inner, columns) =>
      packColumnsTwin(m, b / 4, bInner / 4, bOuter / 4, packed / 4, inner, columns),
    addPackedProduct: (a, aStride, packed, c, stride, rows, inner, columns) =>
      addPackedProductTwin(m, a / 4, aStride / 4, packed / 4, c / 4, stride / 4, rows, inner, columns),
  };
}

/** Packs B in panels of 8 columns: inner × 8 values each, absent columns 0. */
function packColumnsTwin(
  memory: Float32Array,
  b: number,
  bInner: number,
  bOuter: number,
  packed: number,
  inner: number,
  columns: number,
): void {
  const width = Math.ceil(columns / panel) * panel;
  for (let j = 0; j < width; j++) {
    for (let k = 0; k < inner; k++) {
      memory[packedIndex(packed, inner, k, j)] = j < columns ? memory[b + k * bInner + j * bOuter] : 0;
    }
  }
}

/** C += A·B, B packed. */
function addPackedProductTwin(
  memory: Float32Array,
  a: number,
  aStride: number,
  packed: number,
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
        sum = fround(sum + fround(memory[a + i * aStride + k] * memory[packedIndex(packed, inner, k, j)]));
      memory[at] = sum;
    }
  }
}

function packedIndex(packed: number, inner: number, k: number, j: number): number {
  return packed + (Math.floor(j / panel) * inner + k) * panel + (j % panel);
}
