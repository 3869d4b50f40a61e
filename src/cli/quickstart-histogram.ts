/** What words of 32 bits look like: how often each part of their range occurs, drawn in text, and whether they may be uniform. */
import { chiSquarePValue } from '../core/privacy-audit/significance.ts';

/** Equal parts of −2^31 to 2^31 − 1. */
export const bins = 16;

export interface Histogram {
  /** Words in each part of the range, ascending. */
  readonly counts: readonly number[];
  /** Chance that uniform words would be spread as unevenly as these or more (Pearson's χ² test). At least 5 words for each part are needed. */
  readonly uniformP: number;
}

export function histogramOf(words: Int32Array): Histogram {
  const counts = new Array<number>(bins).fill(0);
  for (const word of words) counts[Math.floor((word + 2 ** 31) / (2 ** 32 / bins))]++;
  const expected = words.length / bins;
  const sum = counts.reduce((total, count) => total + (count - expected) ** 2 / expected, 0);
  return { counts, uniformP: chiSquarePValue(sum, bins - 1) };
}

const blocks = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/** Two lines of bars, two characters for each part, the highest bar as high as `most`, or as the largest count. */
export function histogramLines(
  counts: readonly number[],
  most = Math.max(1, ...counts),
): [upper: string, lower: string] {
  const eighths = counts.map(count => (count === 0 ? 0 : Math.max(1, Math.round((16 * count) / most))));
  const line = (below: number): string =>
    eighths.map(height => blocks[Math.min(8, Math.max(0, height - below))].repeat(2)).join('');
  return [line(8), line(0)];
}
