/** Twin of recurrent.as.ts: recurrent cells in plain TypeScript, the same bits. Offsets in float32 values. */
import { sigmoid, tanh } from './activation-twin.ts';
import type { RecurrentKernels } from './recurrent.ts';

const { fround } = Math;

/** The kernels over a memory: from offsets in bytes to the functions below. */
export function recurrentTwin(m: Float32Array): RecurrentKernels {
  return {
    swapOuter: (from, to, outer, inner, width) => swapOuterTwin(m, from / 4, to / 4, outer, inner, width),
    lstmForward: (gates, cellBefore, cell, output, rows, hidden) =>
      lstmForwardTwin(m, gates / 4, cellBefore / 4, cell / 4, output / 4, rows, hidden),
    lstmBackward: (gates, cellBefore, cell, outputGradient, cellGradient, rows, hidden) =>
      lstmBackwardTwin(m, gates / 4, cellBefore / 4, cell / 4, outputGradient / 4, cellGradient / 4, rows, hidden),
    gruForward: (gates, before, output, rows, hidden) =>
      gruForwardTwin(m, gates / 4, before / 4, output / 4, rows, hidden),
    gruBackward: (gates, before, outputGradient, gradientBefore, rows, hidden) =>
      gruBackwardTwin(m, gates / 4, before / 4, outputGradient / 4, gradientBefore / 4, rows, hidden),
  };
}

/** to[j][i] = from[i][j], runs of `width` values. */
function swapOuterTwin(
  memory: Float32Array,
  from: number,
  to: number,
  outer: number,
  inner: number,
  width: number,
): void {
  for (let i = 0; i < outer; i++) {
    for (let j = 0; j < inner; j++) {
      const at = from + (i * inner + j) * width;
      memory.copyWithin(to + (j * outer + i) * width, at, at + width);
    }
  }
}

/** Gates i, f, g, o before their activation are replaced by them. */
function lstmForwardTwin(
  memory: Float32Array,
  gates: number,
  cellBefore: number,
  cell: number,
  output: number,
  rows: number,
  hidden: number,
): void {
  for (let k = 0; k < rows * hidden; k++) {
    const at = gates + gateIndex(k, hidden);
    const i = sigmoid(memory[at]);
    const f = sigmoid(memory[at + hidden]);
    const g = tanh(memory[at + 2 * hidden]);
    const o = sigmoid(memory[at + 3 * hidden]);
    const c = fround(fround(f * memory[cellBefore + k]) + fround(i * g));
    memory[at] = i;
    memory[at + hidden] = f;
    memory[at + 2 * hidden] = g;
    memory[at + 3 * hidden] = o;
    memory[cell + k] = c;
    memory[output + k] = o * tanh(c);
  }
}

/** Gates are replaced by the gradients before their activation, cellGradient by that of the cell before. */
function lstmBackwardTwin(
  memory: Float32Array,
  gates: number,
  cellBefore: number,
  cell: number,
  outputGradient: number,
  cellGradient: number,
  rows: number,
  hidden: number,
): void {
  for (let k = 0; k < rows * hidden; k++) {
    const at = gates + gateIndex(k, hidden);
    const squashed = tanh(memory[cell + k]);
    const i = memory[at];
    const f = memory[at + hidden];
    const g = memory[at + 2 * hidden];
    const o = memory[at + 3 * hidden];
    const dh = memory[outputGradient + k];
    const through = fround(fround(dh * o) * fround(1 - fround(squashed * squashed)));
    const dc = fround(memory[cellGradient + k] + through);
    memory[at] = fround(dc * g) * sigmoidSlope(i);
    memory[at + hidden] = fround(dc * memory[cellBefore + k]) * sigmoidSlope(f);
    memory[at + 2 * hidden] = fround(dc * i) * fround(1 - fround(g * g));
    memory[at + 3 * hidden] = fround(dh * squashed) * sigmoidSlope(o);
    memory[cellGradient + k] = dc * f;
  }
}

/** Gates r, z before their activation and the terms U, V of n are replaced by r, z, U, n. */
function gruForwardTwin(
  memory: Float32Array,
  gates: number,
  before: number,
  output: number,
  rows: number,
  hidden: number,
): void {
  for (let k = 0; k < rows * hidden; k++) {
    const at = gates + gateIndex(k, hidden);
    const r = sigmoid(memory[at]);
    const z = sigmoid(memory[at + hidden]);
    const n = tanh(fround(memory[at + 3 * hidden] + fround(r * memory[at + 2 * hidden])));
    memory[at] = r;
    memory[at + hidden] = z;
    memory[at + 3 * hidden] = n;
    memory[output + k] = fround(fround(1 - z) * n) + fround(z * memory[before + k]);
  }
}

/** Gates are replaced by the gradients before the activation of r and z, by U and by V; gradientBefore += outputGradient·z. */
function gruBackwardTwin(
  memory: Float32Array,
  gates: number,
  before: number,
  outputGradient: number,
  gradientBefore: number,
  rows: number,
  hidden: number,
): void {
  for (let k = 0; k < rows * hidden; k++) {
    const at = gates + gateIndex(k, hidden);
    const r = memory[at];
    const z = memory[at + hidden];
    const n = memory[at + 3 * hidden];
    const dh = memory[outputGradient + k];
    const dz = fround(dh * fround(memory[before + k] - n));
    const dn = fround(fround(dh * fround(1 - z)) * fround(1 - fround(n * n)));
    memory[at] = fround(dn * memory[at + 2 * hidden]) * sigmoidSlope(r);
    memory[at + hidden] = dz * sigmoidSlope(z);
    memory[at + 2 * hidden] = dn * r;
    memory[at + 3 * hidden] = dn;
    memory[gradientBefore + k] = memory[gradientBefore + k] + fround(dh * z);
  }
}

/** Where the first gate of value k of [rows, hidden] lies among [rows, 4·hidden]. */
function gateIndex(k: number, hidden: number): number {
  return k + 3 * hidden * Math.floor(k / hidden);
}

function sigmoidSlope(y: number): number {
  return fround(y * fround(1 - y));
}
