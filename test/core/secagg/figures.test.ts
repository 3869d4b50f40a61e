import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { dataShape } from '../../../src/core/data/data-shape.ts';
import { evaluateOutputs } from '../../../src/core/learning/evaluate.ts';
import { pooledEvaluation } from '../../../src/core/learning/quality.ts';
import type { Evaluation } from '../../../src/core/learning/trainer.ts';
import { Problem } from '../../../src/core/protocol/problem.ts';
import { lossOf, parseTask, type Task } from '../../../src/core/protocol/task.ts';
import { decodeFigures, encodeFigures, type Figures, figuresLayout } from '../../../src/core/secagg/figures.ts';
import { smallTask } from '../../federation/small-task.ts';

const everything = { loss: true, evaluation: true, alone: true };
const isMalformed = (error: unknown) => error instanceof Problem && error.code === 'malformed';

const binary = smallTask({ minimum: 1 });
const { data, training, evaluation } = binary;
const numbers = changed({
  data: {
    ...data,
    target: { type: 'number', spread: 2 },
  },
  evaluation: { ...evaluation, pooledAucBins: null },
});
const tasks = {
  binary,
  'binary without histograms': changed({ evaluation: { ...evaluation, pooledAucBins: null } }),
  'three classes': changed({
    data: { ...data, target: { type: 'classes', classes: ['a', 'b', 'c'] } },
    evaluation: { ...evaluation, pooledAucBins: null },
  }),
  numbers,
  quantiles: changed({
    data: numbers.data,
    training: { ...training, loss: { name: 'quantile', levels: [0.1, 0.5, 0.9] } },
    evaluation: { ...evaluation, pooledAucBins: null },
  }),
};

function changed(changes: object): Task {
  return parseTask({ ...binary, ...changes });
}

/** What the trainer makes of a model's outputs on a site: `rows` outputs and labels from a list of numbers. */
function evaluated(task: Task, rows: readonly (readonly [number, number])[]): Evaluation | null {
  if (rows.length === 0) return null;
  const { output } = dataShape(task.data);
  const loss = lossOf(task);
  const width = { binary: 1, 'cross-entropy': 3, mse: 1, huber: 1, quantile: 3 }[loss.name];
  const outputs = Float32Array.from({ length: width * rows.length }, (_, i) => {
    const [x] = rows[Math.floor(i / width)];
    return x * Math.cos(i % width);
  });
  const classes = output.kind === 'classes' ? output.classes : 0;
  const labels = Float32Array.from(rows, ([, y]) => (classes === 0 ? y : Math.abs(Math.round(y)) % classes));
  return evaluateOutputs(outputs, labels, output, loss, task.evaluation.pooledAucBins);
}

const row = fc.tuple(fc.double({ min: -6, max: 6, noNaN: true }), fc.double({ min: -6, max: 6, noNaN: true }));
const site = fc.record({
  rows: fc.array(row, { maxLength: 12 }),
  alone: fc.array(row, { maxLength: 12 }),
  weight: fc.integer({ min: 1, max: 1e12 }),
  loss: fc.double({ min: -10, max: 1e4, noNaN: true }),
});
const sites = fc.array(site, { minLength: 1, maxLength: 9 });

function figuresOf(
  task: Task,
  { rows, alone, weight, loss }: typeof site extends fc.Arbitrary<infer S> ? S : never,
): Figures {
  return { weight, loss, evaluation: evaluated(task, rows), alone: evaluated(task, alone) };
}

function summed(task: Task, all: readonly Figures[], asks = everything): Int32Array {
  const layout = figuresLayout(task, asks);
  const sum = new Int32Array(layout.words);
  for (const figures of all)
    encodeFigures(figures, layout).forEach((word, i) => {
      sum[i] += word;
    });
  return sum;
}

/** Counts equal; reals as near as adding float64 one after the other is to the exact sum. */
function assertSame(found: Evaluation | null, expected: Evaluation | null): void {
  if (found === null || expected === null) return assert.equal(found, expected);
  const plain = (e: Evaluation) => Object.entries(e).map(([name, value]) => [name, isReal(name) ? null : value]);
  assert.deepEqual(plain(found), plain(expected));
  for (const name of reals) {
    const [a, b] = [found, expected].map(e => (e as unknown as Record<string, number | undefined>)[name] ?? 0);
    assert.ok(Math.abs(a - b) <= 1e-12 * Math.max(1, Math.abs(b)), `${name}: ${a}, expected ${b}`);
  }
}

const reals = ['logLoss', 'loss', 'absoluteError', 'squaredError', 'total', 'totalSquares'];
const isReal = (name: string): boolean => reals.includes(name);

for (const [name, task] of Object.entries(tasks)) {
  test(`${name}: the sum of the words of all sites pools to what their evaluations pool to, the area under the curve to the bit`, () => {
    fc.assert(
      fc.property(sites, all => {
        const figures = all.map(one => figuresOf(task, one));
        const found = decodeFigures(summed(task, figures), figuresLayout(task, everything), figures.length);
        for (const part of ['evaluation', 'alone'] as const) {
          const told = figures.flatMap(f => (f[part] === null ? [] : [f[part]]));
          const sum = found[part];
          assertSame(sum === null ? null : pooledEvaluation([sum]), pooledEvaluation(told));
          if (part === 'evaluation') assert.equal(found.evaluated, told.length);
        }
        const weight = figures.reduce((total, f) => total + f.weight, 0);
        const mean = figures.reduce((total, f) => total + f.weight * (f.loss ?? 0), 0) / weight;
        assert.ok(found.loss !== null && Math.abs(found.loss - mean) <= 1e-11 * Math.max(1, Math.abs(mean)));
      }),
      { numRuns: 60 },
    );
  });
}

test('groups pool like sites: the evaluations of two groups give what those of all their sites give', () => {
  fc.assert(
    fc.property(sites, sites, (one, other) => {
      const groups = [one, other].map(all => all.map(s => figuresOf(binary, s)));
      const sums = groups.flatMap(figures => {
        const sum = decodeFigures(
          summed(binary, figures),
          figuresLayout(binary, everything),
          figures.length,
        ).evaluation;
        return sum === null ? [] : [sum];
      });
      assertSame(
        pooledEvaluation(sums),
        pooledEvaluation(groups.flat().flatMap(f => (f.evaluation === null ? [] : [f.evaluation]))),
      );
    }),
    { numRuns: 30 },
  );
});

test('what is not asked takes no words and tells nothing', () => {
  const figures = figuresOf(binary, { rows: [[1, 1]], alone: [[2, 0]], weight: 3, loss: 0.5 });
  const nothing = { loss: false, evaluation: false, alone: false };
  assert.equal(summed(binary, [figures], nothing).length, 0);
  const empty = { loss: null, evaluation: null, alone: null, evaluated: 0 };
  assert.deepEqual(decodeFigures(new Int32Array(0), figuresLayout(binary, nothing), 1), empty);
  const asks = { ...nothing, alone: true };
  const alone = decodeFigures(summed(binary, [figures], asks), figuresLayout(binary, asks), 1);
  assert.deepEqual({ ...alone, alone: null }, empty);
  assert.equal(alone.alone?.examples, 1);
});

test('every client of a task sends as many words, whatever it has to tell; one without test rows sends zeros', () => {
  const asks = { loss: false, evaluation: true, alone: true };
  for (const task of Object.values(tasks)) {
    const silent = summed(task, [figuresOf(task, { rows: [], alone: [], weight: 1, loss: 0 })], asks);
    const told = summed(task, [figuresOf(task, { rows: [[1, 1]], alone: [[1, 1]], weight: 1, loss: 0 })], asks);
    assert.equal(silent.length, told.length);
    assert.ok(silent.every(word => word === 0));
    assert.ok(told.some(word => word !== 0));
  }
});

test('figures that do not have the form of the task are refused before they leave', () => {
  const good = figuresOf(binary, { rows: [[1, 1]], alone: [], weight: 3, loss: 0.5 });
  const layout = figuresLayout(binary, everything);
  const refused = (changes: object) =>
    assert.throws(
      () => encodeFigures({ ...good, ...changes } as Figures, layout),
      isMalformed,
      JSON.stringify(changes),
    );
  encodeFigures(good, layout);
  refused({ loss: null });
  refused({ loss: Number.NaN });
  refused({ loss: 1e101 });
  refused({ weight: 0.5 });
  refused({ weight: -1 });
  refused({ evaluation: evaluated(numbers, [[1, 1]]) });
  refused({ alone: evaluated(tasks['three classes'], [[1, 1]]) });
  refused({ alone: evaluated(tasks['binary without histograms'], [[1, 1]]) });
  for (const changes of [
    { correct: -1 },
    { examples: 1.5 },
    { examples: 2 ** 40 },
    { logLoss: Number.POSITIVE_INFINITY },
  ])
    refused({ evaluation: { ...good.evaluation, ...changes } });
  const twoOfThree = { ...good, alone: null, evaluation: evaluated(tasks['binary without histograms'], [[1, 1]]) };
  assert.throws(() => encodeFigures(twoOfThree, figuresLayout(tasks['three classes'], everything)), isMalformed);
  const quantiles = figuresOf(tasks.quantiles, { rows: [[1, 1]], alone: [], weight: 3, loss: 0.5 });
  assert.throws(() => encodeFigures(quantiles, figuresLayout(numbers, everything)), isMalformed);
});

test('a sum that no honest clients have is refused: of words out of range, more evaluations than clients, no weight, negative errors', () => {
  const figures = figuresOf(binary, { rows: [[1, 1]], alone: [], weight: 3, loss: 0.5 });
  const layout = figuresLayout(binary, everything);
  const sum = summed(binary, [figures, figures]);
  assert.equal(decodeFigures(sum, layout, 2).evaluated, 2);
  assert.throws(() => decodeFigures(sum, layout, 1), isMalformed);
  const wrongMask = sum.map((word, i) => word + Math.imul(i + 1, 0x9e3779b9));
  assert.throws(() => decodeFigures(wrongMask, layout, 2), isMalformed);
  const asked = { loss: false, evaluation: true, alone: false };
  const crowded = summed(binary, [figures], asked);
  crowded[0] = 3;
  assert.throws(() => decodeFigures(crowded, figuresLayout(binary, asked), 2), isMalformed);
  const weightless = sum.slice();
  weightless[0] = 0;
  assert.throws(() => decodeFigures(weightless, layout, 2), isMalformed);
  const numbersSum = summed(numbers, [figuresOf(numbers, { rows: [[1, 1]], alone: [], weight: 1, loss: 0 })], asked);
  const negative = numbersSum.map((word, i) => (i < 4 ? word : -word));
  assert.throws(() => decodeFigures(negative, figuresLayout(numbers, asked), 1), isMalformed);
  for (const contributors of [0, 4097, 1.5, Number.NaN])
    assert.throws(() => decodeFigures(sum, layout, contributors), RangeError);
  assert.throws(() => decodeFigures(sum.subarray(1), layout, 2), RangeError);
});
