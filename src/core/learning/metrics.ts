/** Metrics of classifiers, as sums and histograms that add up over sites. */

/** Share of examples that are right; NaN where there are none. */
export function accuracy(correct: number, examples: number): number {
  return correct / examples;
}

/** Accuracy of always answering the most frequent class: the line every model has to beat. NaN where there are no examples. */
export function majorityAccuracy(classCounts: readonly number[]): number {
  return accuracy(Math.max(0, ...classCounts), sum(classCounts));
}

/**
 * Area under the ROC curve: the chance that a positive scores above a negative, ties counting one half (Hanley and
 * McNeil 1982). Exact up to the final division. Null where a class is missing. O(n log n).
 *
 * @param scores higher means more positive; any monotone score, no NaN.
 * @param labels 1 for positive, 0 for negative.
 */
export function areaUnderCurve(scores: ArrayLike<number>, labels: ArrayLike<number>): number | null {
  const bySign = (label: number) => Float64Array.from(Array.from(scores).filter((_, i) => labels[i] === label)).sort();
  const negative = bySign(0);
  const positive = bySign(1);
  let below = 0;
  let upTo = 0;
  let halves = 0;
  for (const score of positive) {
    while (below < negative.length && negative[below] < score) below++;
    while (upTo < negative.length && negative[upTo] <= score) upTo++;
    halves += below + upTo;
  }
  return asArea(halves, negative.length, positive.length);
}

/**
 * Area under the ROC curve from score histograms over the same bins in ascending order: scores in one bin count as ties.
 * Null where a class is missing. Throws RangeError when the histograms have different lengths.
 */
export function aucFromHistograms(negative: readonly number[], positive: readonly number[]): number | null {
  if (negative.length !== positive.length) {
    throw new RangeError(`aucFromHistograms: ${negative.length} and ${positive.length} bins`);
  }
  let below = 0;
  let halves = 0;
  for (let bin = 0; bin < negative.length; bin++) {
    halves += positive[bin] * (2 * below + negative[bin]);
    below += negative[bin];
  }
  return asArea(halves, sum(negative), sum(positive));
}

/** Counts of scores in [0, 1] over equal bins; 1 belongs to the last one. */
export function scoreHistogram(scores: readonly number[], bins: number): number[] {
  const counts = new Array<number>(bins).fill(0);
  for (const score of scores) counts[Math.min(bins - 1, Math.floor(score * bins))]++;
  return counts;
}

function asArea(halves: number, negatives: number, positives: number): number | null {
  return negatives === 0 || positives === 0 ? null : halves / (2 * negatives * positives);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
