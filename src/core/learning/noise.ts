/** Noise on vectors in kernel memory, from words that a cryptographic generator makes. */
import { mostTableLog, storeTable, tableBytes } from '../math/kernels/gaussian-table.ts';
import type { Kernels, Layout } from '../math/kernels/kernels.ts';
import { mostLogScale } from '../privacy/noise-grid.ts';
import { mostRandomWords, type RandomBytes } from '../privacy/random-words.ts';

/** A multiple of 8. */
const chunkWords = mostRandomWords;
/** Where the table lies in the scratch, in words: behind the words, and a vector that says how many were used. */
const tableStart = chunkWords + 4;

/** Where noise is made. */
export interface NoisePlace {
  readonly kernels: Kernels;
  /** What `planNoise` laid out. */
  readonly scratch: number;
  readonly randomBytes: RandomBytes;
  /** Scale whose table is in the scratch: what `withTable` wrote since the memory was acquired. By default each call writes its own. */
  readonly tableScale?: number;
}

/** The same place for many calls with one scale. It holds as long as the memory is not released. */
export function withTable(place: NoisePlace, logScale: number): NoisePlace {
  storeTable(place.kernels.buffer, tableOf(place), logScale);
  return { ...place, tableScale: logScale };
}

/** Lays out the scratch of the functions below: words, how many of them were used, and a table. */
export function planNoise(layout: Layout): number {
  return layout.float32(tableStart + tableBytes(mostLogScale) / 4);
}

/**
 * Adds N(0, standardDeviation²) to each of `count` float32 values at the byte offset `target`. One word of 32 bits per value, never
 * used twice, and erased afterwards.
 *
 * Float noise is open to attacks on its last bits (see `gaussianFill`): what must not be uses `drawDiscreteGaussian`.
 * Throws RangeError for a deviation that is negative or not finite.
 */
export function addGaussianNoise(place: NoisePlace, target: number, count: number, standardDeviation: number): void {
  if (!(standardDeviation >= 0 && standardDeviation < Infinity)) {
    throw new RangeError(`noise: expected a standard deviation of 0 or more, got ${standardDeviation}`);
  }
  const { kernels, scratch, randomBytes } = place;
  erasing(place, () => {
    for (let done = 0; done < count; done += chunkWords) {
      const next = Math.min(chunkWords, count - done);
      randomBytes(new Uint8Array(kernels.buffer, scratch, 4 * Math.ceil(next / 8) * 8));
      kernels.addGaussian(scratch, target + 4 * done, next, standardDeviation);
    }
  });
}

/**
 * Writes `count` draws of the discrete Gaussian with the scale 2^logScale, exact to 2^−128, to the int32 values at the byte offset
 * `target`. About 1.1 words of 32 bits per draw, 3.1 beyond 2^11, never used twice, and erased afterwards. How many it takes depends on
 * the values drawn.
 * Throws RangeError for a logScale that is no integer from 0 to 20.
 */
export function drawDiscreteGaussian(place: NoisePlace, target: number, count: number, logScale: number): void {
  const { kernels } = place;
  drawing(place, count, logScale, (words, wordCount, table, done, consumed) =>
    kernels.discreteGaussianFill(words, wordCount, table, target + 4 * done, count - done, logScale, consumed),
  );
}

/**
 * Replaces `count` finite float32 values x at the byte offset `target` by (⌊x/step + U⌋ + N)·step: U uniform in [0, 1), fresh for each, N
 * as above and from the same words. x/step saturates at ±2^50. Throws RangeError for a logScale that is no integer from 0 to 20.
 */
export function ditherWithDiscreteGaussian(
  place: NoisePlace,
  target: number,
  count: number,
  logScale: number,
  step: number,
): void {
  const { kernels } = place;
  drawing(place, count, logScale, (words, wordCount, table, done, consumed) =>
    kernels.ditherGaussian(words, wordCount, table, target + 4 * done, count - done, logScale, step, consumed),
  );
}

/** Calls `draw` with new words behind those that it left, until it made `count` values. */
function drawing(
  place: NoisePlace,
  count: number,
  logScale: number,
  draw: (words: number, wordCount: number, table: number, done: number, consumed: number) => number,
): void {
  if (!(Number.isInteger(logScale) && logScale >= 0 && logScale <= mostLogScale)) {
    throw new RangeError(`noise: expected the logarithm of a scale from 0 to ${mostLogScale}, got ${logScale}`);
  }
  const { kernels, scratch, randomBytes } = place;
  const words = new Uint32Array(kernels.buffer, scratch, chunkWords);
  const consumed = new Uint32Array(kernels.buffer, scratch + words.byteLength, 2);
  const table = tableOf(place);
  // What is left in a memory from before is nothing that noise may rest on.
  if (place.tableScale !== logScale) storeTable(kernels.buffer, table, logScale);
  const perDraw = logScale > mostTableLog ? 3.3 : 1.15;
  erasing(place, () => {
    // What the last call left goes first: thrown away, it would make long draws rarer.
    let kept = 0;
    for (let done = 0; done < count; ) {
      const filled = Math.min(chunkWords, kept + 64 + Math.ceil(perDraw * (count - done)));
      randomBytes(new Uint8Array(kernels.buffer, scratch + 4 * kept, 4 * (filled - kept)));
      done += draw(scratch, filled, table, done, consumed.byteOffset);
      const [front, back] = consumed;
      words.copyWithin(0, front, filled - back);
      kept = filled - back - front;
    }
  });
}

function tableOf({ scratch }: NoisePlace): number {
  return scratch + 4 * tableStart;
}

function erasing({ kernels, scratch }: NoisePlace, work: () => void): void {
  try {
    work();
  } finally {
    new Uint32Array(kernels.buffer, scratch, tableStart).fill(0);
  }
}
