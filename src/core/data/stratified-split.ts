/** The split of a site's rows into train and test, stratified by class or plainly shuffled, row for row that of scikit-learn. */
import { MersenneTwister } from './mersenne-twister.ts';

/** Row indices, in the order scikit-learn returns them. Together they are every row once. */
export interface Split {
  readonly train: readonly number[];
  readonly test: readonly number[];
}

/**
 * Equal to scikit-learn's train_test_split(range(n), train_size=trainFraction, stratify=labels, random_state=seed).
 * Where scikit-learn refuses to stratify (a class with one row, or fewer train or test rows than classes) the rows are
 * shuffled without regard to their labels, which is what FLamby does for its third hospital: equal to stratify=None.
 *
 * @param labels class index per row, whole numbers ≥ 0.
 * @param trainFraction above 0, below 1; ⌊trainFraction × n⌋ rows train.
 * @param seed 0 to 2^32 − 1.
 * Throws RangeError when a side would be empty.
 */
export function stratifiedSplit(labels: ArrayLike<number>, trainFraction: number, seed: number): Split {
  const { trainCount, testCount } = sideCounts(labels.length, trainFraction);
  const random = new MersenneTwister(seed);
  const classes = rowsByClass(labels);
  const canStratify = classes.every(rows => rows.length > 1) && Math.min(trainCount, testCount) >= classes.length;
  return canStratify
    ? splitClasses(classes, trainCount, testCount, random)
    : splitAll(labels.length, testCount, random);
}

/**
 * Equal to scikit-learn's train_test_split(range(rows), train_size=trainFraction, random_state=seed): labels do not count.
 * Parameters and errors as in `stratifiedSplit`.
 */
export function shuffledSplit(rows: number, trainFraction: number, seed: number): Split {
  const { testCount } = sideCounts(rows, trainFraction);
  return splitAll(rows, testCount, new MersenneTwister(seed));
}

function sideCounts(rows: number, trainFraction: number): { trainCount: number; testCount: number } {
  const trainCount = Math.floor(trainFraction * rows);
  if (trainCount < 1 || trainCount === rows) {
    throw new RangeError(`split: ${rows} rows at ${trainFraction} leave one side empty`);
  }
  return { trainCount, testCount: rows - trainCount };
}

function rowsByClass(labels: ArrayLike<number>): number[][] {
  const classes = new Map<number, number[]>();
  for (let row = 0; row < labels.length; row++) {
    const rows = classes.get(labels[row]);
    if (rows === undefined) classes.set(labels[row], [row]);
    else rows.push(row);
  }
  return [...classes].sort(([a], [b]) => a - b).map(([, rows]) => rows);
}

/** ShuffleSplit._iter_indices: the test rows are drawn first. */
function splitAll(rows: number, testCount: number, random: MersenneTwister): Split {
  const order = random.permutation(count(rows));
  return { train: order.slice(testCount), test: order.slice(0, testCount) };
}

/** StratifiedShuffleSplit._iter_indices. The order of the draws decides the result: keep it. */
function splitClasses(
  classes: readonly number[][],
  trainCount: number,
  testCount: number,
  random: MersenneTwister,
): Split {
  const sizes = classes.map(rows => rows.length);
  const trainSizes = approximateMode(sizes, trainCount, random);
  const testSizes = approximateMode(
    sizes.map((size, i) => size - trainSizes[i]),
    testCount,
    random,
  );
  const train: number[] = [];
  const test: number[] = [];
  classes.forEach((rows, i) => {
    const order = random.permutation(count(rows.length));
    for (const at of order.slice(0, trainSizes[i])) train.push(rows[at]);
    for (const at of order.slice(trainSizes[i], trainSizes[i] + testSizes[i])) test.push(rows[at]);
  });
  return { train: random.permutation(train), test: random.permutation(test) };
}

/**
 * How many of `draws` fall to each class: the approximate mode of the multivariate hypergeometric distribution, largest
 * remainders first, ties drawn (sklearn.utils.extmath._approximate_mode, the same floating-point operations in order).
 */
function approximateMode(sizes: readonly number[], draws: number, random: MersenneTwister): number[] {
  const total = sum(sizes);
  const expected = sizes.map(size => (size / total) * draws);
  const drawn = expected.map(Math.floor);
  const remainders = expected.map((value, i) => value - drawn[i]);
  let missing = draws - sum(drawn);
  for (const value of [...new Set(remainders)].sort((a, b) => b - a)) {
    if (missing <= 0) break;
    const tied = count(sizes.length).filter(i => remainders[i] === value);
    const chosen = random.permutation(tied).slice(0, Math.min(tied.length, missing));
    for (const i of chosen) drawn[i]++;
    missing -= chosen.length;
  }
  return drawn;
}

function count(length: number): number[] {
  return Array.from({ length }, (_, i) => i);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
