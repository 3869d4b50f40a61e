// Products with a matrix packed beforehand: for one that is multiplied many times. Every element of C adds up as in
// product.as.ts, inner index ascending, so the bits are the same. Twin: packed-product-twin.ts.
import { pack } from './product.as';

// Scratch of the kernels; between two products nothing lies in it.
const edgeTile: usize = 64;

/**
 * Packs B (inner × columns; bInner and bOuter as in addProduct) in panels of 8 columns: inner × 8 values each, absent
 * columns 0.
 */
export function packColumns(b: usize, bInner: usize, bOuter: usize, packed: usize, inner: usize, columns: usize): void {
  for (let j: usize = 0; j < columns; j += 8, packed += inner * 32) {
    const width = min<usize>(8, columns - j);
    pack(packed, 32, b + j * bOuter, bInner, bOuter, min<usize>(4, width), inner);
    pack(packed + 16, 32, b + (j + 4) * bOuter, bInner, bOuter, width > 4 ? width - 4 : 0, inner);
  }
}

/** C += A·B: the rows of A aStride bytes apart, those of C stride; B packed. */
export function addPackedProduct(
  a: usize, aStride: usize, packed: usize, c: usize, stride: usize, rows: usize, inner: usize, columns: usize,
): void {
  const wholeRows = rows & ~3;
  const wholeColumns = columns & ~7;
  for (let j: usize = 0; j < columns; j += 8, packed += inner * 32) {
    const target = c + j * 4;
    let i: usize = 0;
    if (j < wholeColumns) {
      for (; i < wholeRows; i += 4) {
        const at = a + i * aStride;
        addTile(at, at + aStride, at + 2 * aStride, at + 3 * aStride, packed, inner, target + i * stride, stride);
      }
    }
    for (; i < rows; i += 4) {
      addEdge(a + i * aStride, aStride, packed, inner, target + i * stride, stride, min<usize>(4, rows - i), min<usize>(8, columns - j));
    }
  }
}

// Rows that are absent are computed as the last one, and not kept.
function addEdge(
  a: usize, aStride: usize, b: usize, inner: usize, c: usize, stride: usize, height: usize, width: usize,
): void {
  for (let i: usize = 0; i < height; i++) memory.copy(edgeTile + i * 32, c + i * stride, width * 4);
  const last = height - 1;
  addTile(a, a + min<usize>(1, last) * aStride, a + min<usize>(2, last) * aStride, a + last * aStride, b, inner, edgeTile, 32);
  for (let i: usize = 0; i < height; i++) memory.copy(c + i * stride, edgeTile + i * 32, width * 4);
}

function addTile(a0: usize, a1: usize, a2: usize, a3: usize, b: usize, inner: usize, c: usize, stride: usize): void {
  const c1 = c + stride;
  const c2 = c1 + stride;
  const c3 = c2 + stride;
  let s00 = v128.load(c);
  let s01 = v128.load(c, 16);
  let s10 = v128.load(c1);
  let s11 = v128.load(c1, 16);
  let s20 = v128.load(c2);
  let s21 = v128.load(c2, 16);
  let s30 = v128.load(c3);
  let s31 = v128.load(c3, 16);
  for (let at: usize = 0, end = inner * 4; at < end; at += 4, b += 32) {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    const x0 = v128.load32_splat(a0 + at);
    s00 = f32x4.add(s00, f32x4.mul(x0, b0));
    s01 = f32x4.add(s01, f32x4.mul(x0, b1));
    const x1 = v128.load32_splat(a1 + at);
    s10 = f32x4.add(s10, f32x4.mul(x1, b0));
    s11 = f32x4.add(s11, f32x4.mul(x1, b1));
    const x2 = v128.load32_splat(a2 + at);
    s20 = f32x4.add(s20, f32x4.mul(x2, b0));
    s21 = f32x4.add(s21, f32x4.mul(x2, b1));
    const x3 = v128.load32_splat(a3 + at);
    s30 = f32x4.add(s30, f32x4.mul(x3, b0));
    s31 = f32x4.add(s31, f32x4.mul(x3, b1));
  }
  v128.store(c, s00);
  v128.store(c, s01, 16);
  v128.store(c1, s10);
  v128.store(c1, s11, 16);
  v128.store(c2, s20);
  v128.store(c2, s21, 16);
  v128.store(c3, s30);
  v128.store(c3, s31, 16);
}
