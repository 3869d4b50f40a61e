// Matrix products. Every element of C is ((c0 + a0·b0) + a1·b1) + … in float32, inner index ascending, whatever the
// blocking: partial sums pass through C in memory, which holds float32 exactly. Twin: product-twin.ts.
// Blocking after Goto and van de Geijn 2008: A in blocks of 128 × 256, B in panels of 256 × 8, tiles of 4 × 8 in registers.
import { activate } from './activation.as';

const tileRows: usize = 4;
const tileColumns: usize = 8;
const blockRows: usize = 128;
const blockInner: usize = 256;
// Scratch lies in the first bytes of memory, which callers leave alone (reservedBytes in kernels.ts).
const packedA: usize = 64;
const packedB: usize = packedA + blockRows * blockInner * 4;
const edgeTile: usize = packedB + tileColumns * blockInner * 4;

/** C = A·B: A rows × inner, B inner × columns. */
export function product(a: usize, b: usize, c: usize, rows: usize, inner: usize, columns: usize): void {
  memory.fill(c, 0, rows * columns * 4);
  addProduct(a, inner * 4, 4, b, columns * 4, 4, c, columns * 4, rows, inner, columns);
}

/** C = activation(A·Bᵀ + bias): A rows × inner, B columns × inner, bias one value per column (0: none). */
export function productTransposed(
  a: usize, b: usize, bias: usize, c: usize, rows: usize, inner: usize, columns: usize, activation: i32,
): void {
  if (bias == 0) memory.fill(c, 0, rows * columns * 4);
  else for (let i: usize = 0; i < rows; i++) memory.copy(c + i * columns * 4, bias, columns * 4);
  addProduct(a, inner * 4, 4, b, 4, inner * 4, c, columns * 4, rows, inner, columns);
  activate(c, rows * columns, activation);
}

/** C += Aᵀ·B: A inner × rows, B inner × columns. */
export function addTransposedProduct(a: usize, b: usize, c: usize, rows: usize, inner: usize, columns: usize): void {
  addProduct(a, 4, rows * 4, b, columns * 4, 4, c, columns * 4, rows, inner, columns);
}

/** sums += the sum of the rows of A (rows × columns), `stride` bytes from one row to the next. */
export function addColumnSums(a: usize, stride: usize, sums: usize, rows: usize, columns: usize): void {
  const vectors = columns & ~3;
  for (let i: usize = 0; i < rows; i++) {
    const row = a + i * stride;
    let j: usize = 0;
    for (; j < vectors; j += 4) v128.store(sums + j * 4, f32x4.add(v128.load(sums + j * 4), v128.load(row + j * 4)));
    for (; j < columns; j++) store<f32>(sums + j * 4, load<f32>(sums + j * 4) + load<f32>(row + j * 4));
  }
}

/**
 * C += A·B. aOuter, aInner: bytes from one row of A to the next, and from one inner index to the next; one of them is 4.
 * bInner, bOuter: the same for B, outer being its columns. stride: bytes from one row of C to the next; its columns are adjacent.
 */
export function addProduct(
  a: usize, aOuter: usize, aInner: usize, b: usize, bInner: usize, bOuter: usize, c: usize, stride: usize, rows: usize, inner: usize, columns: usize,
): void {
  for (let k: usize = 0; k < inner; k += blockInner) {
    const depth = min(blockInner, inner - k);
    for (let i: usize = 0; i < rows; i += blockRows) {
      const height = min(blockRows, rows - i);
      for (let g: usize = 0; g < height; g += tileRows) {
        pack(packedA + g * depth * 4, 16, a + (i + g) * aOuter + k * aInner, aInner, aOuter, min(tileRows, height - g), depth);
      }
      for (let j: usize = 0; j < columns; j += tileColumns) {
        const width = min(tileColumns, columns - j);
        const panel = b + j * bOuter + k * bInner;
        pack(packedB, 32, panel, bInner, bOuter, min(4, width), depth);
        pack(packedB + 16, 32, panel + 4 * bOuter, bInner, bOuter, width > 4 ? width - 4 : 0, depth);
        for (let g: usize = 0; g < height; g += tileRows) {
          const target = c + (i + g) * stride + j * 4;
          const part = packedA + g * depth * 4;
          if (width == tileColumns && height - g >= tileRows) addTile(part, packedB, depth, target, stride);
          else addEdge(part, depth, target, stride, min(tileRows, height - g), width);
        }
      }
    }
  }
}

// Writes `lanes` (0 to 4) vectors of the source interleaved by inner index, four floats per index; absent lanes are 0.
export function pack(to: usize, toStride: usize, from: usize, innerStride: usize, outerStride: usize, lanes: usize, depth: usize): void {
  let k: usize = 0;
  if (lanes == 4) {
    if (outerStride == 4) {
      for (; k < depth; k++) v128.store(to + k * toStride, v128.load(from + k * innerStride));
      return;
    }
    for (const end = depth & ~3; k < end; k += 4) {
      const r0 = v128.load(from + k * 4);
      const r1 = v128.load(from + outerStride + k * 4);
      const r2 = v128.load(from + 2 * outerStride + k * 4);
      const r3 = v128.load(from + 3 * outerStride + k * 4);
      const t0 = v128.shuffle<i32>(r0, r1, 0, 4, 1, 5);
      const t1 = v128.shuffle<i32>(r0, r1, 2, 6, 3, 7);
      const t2 = v128.shuffle<i32>(r2, r3, 0, 4, 1, 5);
      const t3 = v128.shuffle<i32>(r2, r3, 2, 6, 3, 7);
      const at = to + k * toStride;
      v128.store(at, v128.shuffle<i64>(t0, t2, 0, 2));
      v128.store(at + toStride, v128.shuffle<i64>(t0, t2, 1, 3));
      v128.store(at + 2 * toStride, v128.shuffle<i64>(t1, t3, 0, 2));
      v128.store(at + 3 * toStride, v128.shuffle<i64>(t1, t3, 1, 3));
    }
  }
  for (; k < depth; k++) {
    const at = to + k * toStride;
    v128.store(at, f32x4.splat(0));
    for (let lane: usize = 0; lane < lanes; lane++) {
      store<f32>(at + lane * 4, load<f32>(from + k * innerStride + lane * outerStride));
    }
  }
}

function addEdge(a: usize, depth: usize, c: usize, stride: usize, height: usize, width: usize): void {
  memory.fill(edgeTile, 0, tileRows * tileColumns * 4);
  for (let i: usize = 0; i < height; i++) memory.copy(edgeTile + i * 32, c + i * stride, width * 4);
  addTile(a, packedB, depth, edgeTile, 32);
  for (let i: usize = 0; i < height; i++) memory.copy(c + i * stride, edgeTile + i * 32, width * 4);
}

function addTile(a: usize, b: usize, depth: usize, c: usize, stride: usize): void {
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
  for (const end = a + depth * 16; a < end; a += 16, b += 32) {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    const a0 = v128.load32_splat(a);
    s00 = f32x4.add(s00, f32x4.mul(a0, b0));
    s01 = f32x4.add(s01, f32x4.mul(a0, b1));
    const a1 = v128.load32_splat(a, 4);
    s10 = f32x4.add(s10, f32x4.mul(a1, b0));
    s11 = f32x4.add(s11, f32x4.mul(a1, b1));
    const a2 = v128.load32_splat(a, 8);
    s20 = f32x4.add(s20, f32x4.mul(a2, b0));
    s21 = f32x4.add(s21, f32x4.mul(a2, b1));
    const a3 = v128.load32_splat(a, 12);
    s30 = f32x4.add(s30, f32x4.mul(a3, b0));
    s31 = f32x4.add(s31, f32x4.mul(a3, b1));
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
