// Cells of recurrent layers at one step in time, and copies between the orders [rows, steps] and [steps, rows].
// Float32, every operation rounded in the order written. Twin: recurrent-twin.ts.
import { sigmoid, tanh } from './activation.as';

// Scratch for the last values of a row that fill no vector.
const tail: usize = 32;

/** to[j][i] = from[i][j], runs of `width` values: from is outer × inner runs, to is inner × outer. */
export function swapOuter(from: usize, to: usize, outer: usize, inner: usize, width: usize): void {
  const bytes = width * 4;
  const vectors = bytes & ~15;
  for (let i: usize = 0; i < outer; i++) {
    for (let j: usize = 0; j < inner; j++, from += bytes) {
      const target = to + (j * outer + i) * bytes;
      let at: usize = 0;
      for (; at < vectors; at += 16) v128.store(target + at, v128.load(from + at));
      for (; at < bytes; at += 4) store<f32>(target + at, load<f32>(from + at));
    }
  }
}

/** gates [rows, 4·hidden]: i, f, g, o before their activation, replaced by them. */
export function lstmForward(gates: usize, cellBefore: usize, cell: usize, output: usize, rows: usize, hidden: usize): void {
  const block = hidden * 4;
  const whole = block & ~15;
  for (let row: usize = 0; row < rows; row++, gates += 4 * block, cellBefore += block, cell += block, output += block) {
    for (let at: usize = 0; at < whole; at += 16) lstmCell(gates + at, block, cellBefore + at, cell + at, output + at, 16);
    if (whole < block) lstmCell(gates + whole, block, cellBefore + whole, cell + whole, output + whole, block - whole);
  }
}

// @ts-ignore: decorator
@inline
function lstmCell(gates: usize, block: usize, cellBefore: usize, cell: usize, output: usize, bytes: usize): void {
  const i = sigmoid(read(gates, bytes));
  const f = sigmoid(read(gates + block, bytes));
  const g = tanh(read(gates + 2 * block, bytes));
  const o = sigmoid(read(gates + 3 * block, bytes));
  const c = f32x4.add(f32x4.mul(f, read(cellBefore, bytes)), f32x4.mul(i, g));
  write(gates, i, bytes);
  write(gates + block, f, bytes);
  write(gates + 2 * block, g, bytes);
  write(gates + 3 * block, o, bytes);
  write(cell, c, bytes);
  write(output, f32x4.mul(o, tanh(c)), bytes);
}

/** gates i, f, g, o are replaced by the gradients before their activation, cellGradient by that of the cell before. */
export function lstmBackward(
  gates: usize, cellBefore: usize, cell: usize, outputGradient: usize, cellGradient: usize, rows: usize, hidden: usize,
): void {
  const block = hidden * 4;
  const whole = block & ~15;
  for (let row: usize = 0; row < rows; row++) {
    for (let at: usize = 0; at < whole; at += 16) {
      lstmCellBack(gates + at, block, cellBefore + at, cell + at, outputGradient + at, cellGradient + at, 16);
    }
    if (whole < block) {
      lstmCellBack(gates + whole, block, cellBefore + whole, cell + whole, outputGradient + whole, cellGradient + whole, block - whole);
    }
    gates += 4 * block;
    cellBefore += block;
    cell += block;
    outputGradient += block;
    cellGradient += block;
  }
}

// @ts-ignore: decorator
@inline
function lstmCellBack(
  gates: usize, block: usize, cellBefore: usize, cell: usize, outputGradient: usize, cellGradient: usize, bytes: usize,
): void {
  const one = f32x4.splat(1);
  const squashed = tanh(read(cell, bytes));
  const i = read(gates, bytes);
  const f = read(gates + block, bytes);
  const g = read(gates + 2 * block, bytes);
  const o = read(gates + 3 * block, bytes);
  const dh = read(outputGradient, bytes);
  const through = f32x4.mul(f32x4.mul(dh, o), f32x4.sub(one, f32x4.mul(squashed, squashed)));
  const dc = f32x4.add(read(cellGradient, bytes), through);
  write(gates, f32x4.mul(f32x4.mul(dc, g), sigmoidSlope(i)), bytes);
  write(gates + block, f32x4.mul(f32x4.mul(dc, read(cellBefore, bytes)), sigmoidSlope(f)), bytes);
  write(gates + 2 * block, f32x4.mul(f32x4.mul(dc, i), f32x4.sub(one, f32x4.mul(g, g))), bytes);
  write(gates + 3 * block, f32x4.mul(f32x4.mul(dh, squashed), sigmoidSlope(o)), bytes);
  write(cellGradient, f32x4.mul(dc, f), bytes);
}

/** gates [rows, 4·hidden]: r, z before their activation and the two terms of n, U = W_hn·h + b_hn and V = W_in·x + b_in; replaced by r, z, U, n. */
export function gruForward(gates: usize, before: usize, output: usize, rows: usize, hidden: usize): void {
  const block = hidden * 4;
  const whole = block & ~15;
  for (let row: usize = 0; row < rows; row++, gates += 4 * block, before += block, output += block) {
    for (let at: usize = 0; at < whole; at += 16) gruCell(gates + at, block, before + at, output + at, 16);
    if (whole < block) gruCell(gates + whole, block, before + whole, output + whole, block - whole);
  }
}

// @ts-ignore: decorator
@inline
function gruCell(gates: usize, block: usize, before: usize, output: usize, bytes: usize): void {
  const r = sigmoid(read(gates, bytes));
  const z = sigmoid(read(gates + block, bytes));
  const n = tanh(f32x4.add(read(gates + 3 * block, bytes), f32x4.mul(r, read(gates + 2 * block, bytes))));
  const kept = f32x4.mul(z, read(before, bytes));
  write(gates, r, bytes);
  write(gates + block, z, bytes);
  write(gates + 3 * block, n, bytes);
  write(output, f32x4.add(f32x4.mul(f32x4.sub(f32x4.splat(1), z), n), kept), bytes);
}

/** gates r, z, U, n are replaced by the gradients before the activation of r and z, by U and by V; gradientBefore += outputGradient·z. */
export function gruBackward(
  gates: usize, before: usize, outputGradient: usize, gradientBefore: usize, rows: usize, hidden: usize,
): void {
  const block = hidden * 4;
  const whole = block & ~15;
  for (let row: usize = 0; row < rows; row++) {
    for (let at: usize = 0; at < whole; at += 16) {
      gruCellBack(gates + at, block, before + at, outputGradient + at, gradientBefore + at, 16);
    }
    if (whole < block) {
      gruCellBack(gates + whole, block, before + whole, outputGradient + whole, gradientBefore + whole, block - whole);
    }
    gates += 4 * block;
    before += block;
    outputGradient += block;
    gradientBefore += block;
  }
}

// @ts-ignore: decorator
@inline
function gruCellBack(
  gates: usize, block: usize, before: usize, outputGradient: usize, gradientBefore: usize, bytes: usize,
): void {
  const one = f32x4.splat(1);
  const r = read(gates, bytes);
  const z = read(gates + block, bytes);
  const u = read(gates + 2 * block, bytes);
  const n = read(gates + 3 * block, bytes);
  const dh = read(outputGradient, bytes);
  const dz = f32x4.mul(dh, f32x4.sub(read(before, bytes), n));
  const dn = f32x4.mul(f32x4.mul(dh, f32x4.sub(one, z)), f32x4.sub(one, f32x4.mul(n, n)));
  write(gates, f32x4.mul(f32x4.mul(dn, u), sigmoidSlope(r)), bytes);
  write(gates + block, f32x4.mul(dz, sigmoidSlope(z)), bytes);
  write(gates + 2 * block, f32x4.mul(dn, r), bytes);
  write(gates + 3 * block, dn, bytes);
  write(gradientBefore, f32x4.add(read(gradientBefore, bytes), f32x4.mul(dh, z)), bytes);
}

// @ts-ignore: decorator
@inline
function sigmoidSlope(y: v128): v128 {
  return f32x4.mul(y, f32x4.sub(f32x4.splat(1), y));
}

// @ts-ignore: decorator
@inline
function read(at: usize, bytes: usize): v128 {
  return bytes >= 16 ? v128.load(at) : readPart(at, bytes);
}

function readPart(at: usize, bytes: usize): v128 {
  v128.store(tail, f32x4.splat(0));
  memory.copy(tail, at, bytes);
  return v128.load(tail);
}

// @ts-ignore: decorator
@inline
function write(at: usize, values: v128, bytes: usize): void {
  if (bytes >= 16) v128.store(at, values);
  else writePart(at, values, bytes);
}

function writePart(at: usize, values: v128, bytes: usize): void {
  v128.store(tail, values);
  memory.copy(at, tail, bytes);
}
