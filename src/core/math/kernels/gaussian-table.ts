/**
 * Tables from which the discrete Gaussian is drawn: for h ≥ 0 with P(h) ∝ exp(−h² / 2s²), s = 2^k up to 2048, the cumulative
 * probabilities, to 144 bits. Computed with integers alone.
 *
 * What is drawn differs from the exact distribution by less than 2^−128 in total variation: 16·s sums that are cut to 144 bits
 * (below 2^−129), what is computed with 256 bits (below 2^−200), and nothing beyond 16·s (below e^−127 < 2^−183). A sum of 2^24 values
 * is thus within 2^−104 of what is charged, which adds (1 + e^ε)·2^−104 to its δ: below 2^−46 for ε up to 40, and far below the slip that a
 * plan charges for each sum anyway (plan.ts).
 */

/** log₂ of the widest table; wider noise is made of blocks of values. */
export const mostTableLog = 11;
/** Standard deviations that a table reaches to. */
const reach = 16;
/** Leading bits of a cumulative probability that choose a cell of the guide. */
const guideBits = 16;
/** Words behind them: the first is looked at when a cell holds more than one value, the others when the first does not decide. */
const deepWords = 3;
const boundaryBits = BigInt(guideBits + 32 * (1 + deepWords));

/** Values of the guide, padded to whole vectors. */
const guideLength = 2 ** guideBits + 8;

export interface GaussianTable {
  /** How many cumulative probabilities are below i / 2^16, for i from 0 to 2^16: the least value of that cell. */
  readonly guide: Uint16Array;
  /** Bits 16 to 47 of each. */
  readonly near: Uint32Array;
  /** The three words behind, cumulative probability by cumulative probability. */
  readonly deep: Uint32Array;
}

/** How many values the table of a scale 2^logScale has. */
function tableEntries(logScale: number): number {
  return reach * 2 ** Math.min(logScale, mostTableLog);
}

/** Bytes that `storeTable` writes for a scale. */
export function tableBytes(logScale: number): number {
  return 2 * guideLength + 4 * (1 + deepWords) * tableEntries(logScale);
}

const tables = new Map<number, GaussianTable>();

/** The table for a scale of 2^logScale; that of 2^11 for wider ones. Computed once: 40 ms for the widest. */
export function gaussianTable(logScale: number): GaussianTable {
  const tableLog = Math.min(logScale, mostTableLog);
  const known = tables.get(tableLog);
  if (known) return known;
  const table = tableOf(cumulativeBits(tableLog));
  tables.set(tableLog, table);
  return table;
}

/** The parts of a table that lies in a memory. */
export function tableAt(buffer: ArrayBufferLike, offset: number, logScale: number): GaussianTable {
  const entries = tableEntries(logScale);
  const near = offset + 2 * guideLength;
  return {
    guide: new Uint16Array(buffer, offset, guideLength),
    near: new Uint32Array(buffer, near, entries),
    deep: new Uint32Array(buffer, near + 4 * entries, deepWords * entries),
  };
}

/** Writes the table for a scale where the kernels read it. */
export function storeTable(buffer: ArrayBufferLike, offset: number, logScale: number): void {
  const { guide, near, deep } = gaussianTable(logScale);
  const stored = tableAt(buffer, offset, logScale);
  stored.guide.set(guide);
  stored.near.set(near);
  stored.deep.set(deep);
}

/** P(h' ≤ h) · 2^144, cut to an integer, for h from 0 to the last but one; the last is certain. */
export function cumulativeBits(tableLog: number): bigint[] {
  const weights = gaussianWeights(tableLog);
  const total = weights.reduce((sum, weight) => sum + weight, 0n);
  let sum = 0n;
  return weights.slice(0, -1).map(weight => {
    sum += weight;
    return (sum << boundaryBits) / total;
  });
}

const workingBits = 256n;

/** exp(−h² / 2s²) · 2^256: the next is the last times a ratio that itself falls by the constant exp(−1 / s²). Each product is cut. */
function gaussianWeights(tableLog: number): bigint[] {
  const bits = BigInt(2 * tableLog);
  const fall = expOfMinusPowerOfTwo(bits);
  let ratio = expOfMinusPowerOfTwo(bits + 1n);
  let weight = 1n << workingBits;
  return Array.from({ length: tableEntries(tableLog) }, () => {
    const present = weight;
    weight = (weight * ratio) >> workingBits;
    ratio = (ratio * fall) >> workingBits;
    return present;
  });
}

/** exp(−1 / 2^bits) · 2^256 by its series. */
function expOfMinusPowerOfTwo(bits: bigint): bigint {
  let sum = 0n;
  let term = 1n << workingBits;
  for (let k = 1n; term !== 0n; k++) {
    sum += k % 2n === 1n ? term : -term;
    term = (term >> bits) / k;
  }
  return sum;
}

function tableOf(boundaries: readonly bigint[]): GaussianTable {
  const entries = boundaries.length + 1;
  const guide = new Uint16Array(guideLength);
  const near = new Uint32Array(entries);
  const deep = new Uint32Array(deepWords * entries);
  const cells = boundaries.map((boundary, h) => {
    near[h] = wordOf(boundary, 0);
    for (let i = 0; i < deepWords; i++) deep[deepWords * h + i] = wordOf(boundary, 1 + i);
    return Number(boundary >> (boundaryBits - BigInt(guideBits)));
  });
  let below = 0;
  for (let cell = 0; cell <= 2 ** guideBits; cell++) {
    while (below < cells.length && cells[below] < cell) below++;
    guide[cell] = below;
  }
  return { guide, near, deep };
}

/** One of the words behind the bits of the guide. */
function wordOf(boundary: bigint, index: number): number {
  return Number((boundary >> BigInt(32 * (deepWords - index))) & 0xffffffffn);
}
