import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseEvent } from '../../../src/core/privacy/event.ts';
import { drawBelow, drawDiscreteLaplace, drawExpOfMinus, drawFraction } from '../../../src/core/privacy/exact-draws.ts';
import { withRandomWords } from '../../../src/core/privacy/random-words.ts';
import { rrTruthProbability } from '../../../src/core/privacy/randomized-response.ts';
import {
  addDiscreteLaplace,
  laplaceGrid,
  laplaceVector,
  pureEvent,
  randomizedResponse,
  responseEvent,
} from '../../../src/core/privacy/randomizers.ts';
import { failingBytes, seededBytes } from './seeded-bytes.ts';

/** χ² of what was drawn against probabilities, over the values of which at least 10 are expected and all others together. */
function assertDistributed(drawn: readonly number[], probability: ReadonlyMap<number, number>): void {
  const counts = new Map<number, number>();
  for (const value of drawn) counts.set(value, (counts.get(value) ?? 0) + 1);
  let [statistic, cells, seenRest, expectedRest] = [0, 0, drawn.length, drawn.length];
  for (const [value, p] of probability) {
    const expected = p * drawn.length;
    if (expected < 10) continue;
    const seen = counts.get(value) ?? 0;
    statistic += (seen - expected) ** 2 / expected;
    seenRest -= seen;
    expectedRest -= expected;
    cells++;
  }
  if (expectedRest > 1) statistic += (seenRest - expectedRest) ** 2 / expectedRest;
  assert.ok(Math.abs(statistic - cells) < 4 * Math.sqrt(2 * cells) + 4, `χ² ${statistic} of ${cells}`);
}

/** P(x) ∝ e^(−rate·|x|). */
function laplaceProbabilities(rate: number): Map<number, number> {
  const norm = Math.tanh(rate / 2);
  const most = Math.ceil(30 / rate);
  return new Map(
    Array.from({ length: 2 * most + 1 }, (_, i) => [i - most, norm * Math.exp(-rate * Math.abs(i - most))]),
  );
}

const draws = <T>(count: number, draw: (words: Parameters<typeof drawBelow>[0]) => T, seed = 3): T[] =>
  withRandomWords(seededBytes(seed).randomBytes, 1000, words => Array.from({ length: count }, () => draw(words)));

const share = (answers: readonly boolean[]) => answers.filter(Boolean).length / answers.length;

test('integers below a bound are all as likely', () => {
  for (const n of [1, 3, 10, 64])
    assertDistributed(
      draws(50_000, words => drawBelow(words, n)),
      new Map(Array.from({ length: n }, (_, i) => [i, 1 / n])),
    );
});

test('fractions and exponentials come true with their probability, with small and with wide denominators', () => {
  const count = 100_000;
  for (const [n, d] of [
    [0, 7],
    [1, 3],
    [7, 7],
    [5, 2 ** 21 - 9],
    [2 ** 40 + 1, 2 ** 41],
    [2 ** 52 - 1, 2 ** 53 - 1],
  ]) {
    const of = share(draws(count, words => drawFraction(words, n, d)));
    assert.ok(Math.abs(of - n / d) < 4 * Math.sqrt(((n / d) * (1 - n / d)) / count) + 1e-12, `${n} / ${d}: ${of}`);
  }
  for (const [n, d] of [
    [0, 1],
    [1, 2],
    [1, 1],
    [5, 2],
    [2 ** 41 + 3, 2 ** 42],
  ]) {
    const p = Math.exp(-n / d);
    const of = share(draws(count, words => drawExpOfMinus(words, n, d)));
    assert.ok(Math.abs(of - p) < 4 * Math.sqrt((p * (1 - p)) / count) + 1e-12, `e^−${n}/${d}: ${of}`);
  }
});

test('a fraction is decided by its digits to the base 2^32, one after the other', () => {
  const scripted = (list: number[]) => (bytes: Uint8Array<ArrayBuffer>) =>
    new Uint32Array(bytes.buffer).set(list.concat(new Array(16).fill(0)).slice(0, 16));
  const decided = (n: number, d: number, ...list: number[]) =>
    withRandomWords(scripted(list), 16, words => drawFraction(words, n, d));
  const third = Math.floor(2 ** 32 / 3);
  assert.deepEqual(
    [third - 1, third + 1].map(word => decided(1, 3, word)),
    [true, false],
  );
  assert.deepEqual(
    [third - 1, third + 1].map(word => decided(1, 3, third, word)),
    [true, false],
  );
  // The same with integers beyond what a Number multiplies exactly.
  const [n, d] = [2 ** 30, 3 * 2 ** 30];
  assert.deepEqual(
    [third - 1, third + 1].map(word => decided(n, d, third, third, word)),
    [true, false],
  );
});

test('discrete Laplace draws have their distribution, for whole, fractional and wide scales', () => {
  for (const [numerator, denominator] of [
    [1, 1],
    [5, 1],
    [3, 7],
    [2 * 2 ** 20, 2 ** 20],
    [2 ** 23 + 1, 2 ** 22],
  ]) {
    assertDistributed(
      draws(60_000, words => drawDiscreteLaplace(words, numerator, denominator)),
      laplaceProbabilities(denominator / numerator),
    );
  }
});

test('counts leave with noise of scale 2/ε each, from bytes that are erased', () => {
  const source = seededBytes();
  const released = Array.from({ length: 20_000 }, () => addDiscreteLaplace([100, 40], 2, 0.5, source.randomBytes));
  assertDistributed(
    released.map(([examples]) => examples - 100),
    laplaceProbabilities(0.25),
  );
  assertDistributed(
    released.map(([, correct]) => correct - 40),
    laplaceProbabilities(0.25),
  );
  assert.ok(source.isErased());
  assert.throws(() => addDiscreteLaplace([1, 1], 2, 1, failingBytes(0).randomBytes), /failed/);
});

test('the probabilities of noisy counts differ by e^ε at most when one row is there or not', () => {
  // (examples, correct) and (examples + 1, correct + 1): the worst case, from the exact probabilities.
  const p = laplaceProbabilities(0.25);
  for (let x = -20; x < 20; x++)
    for (let y = -20; y < 20; y++) {
      const [here, there] = [(p.get(x) ?? 0) * (p.get(y) ?? 0), (p.get(x - 1) ?? 0) * (p.get(y - 1) ?? 0)];
      assert.ok(here / there <= Math.exp(0.5) * (1 + 1e-12));
    }
});

test('randomized response tells the truth with probability e^ε / (e^ε + k − 1), and all others alike', () => {
  for (const [k, epsilon, value] of [
    [2, 1, 1],
    [5, 0.3, 0],
    [11, 3.2, 7],
  ]) {
    const { randomBytes } = seededBytes(k);
    const answers = Array.from({ length: 30_000 }, () => randomizedResponse(value, k, epsilon, randomBytes));
    const truth = rrTruthProbability(k, epsilon);
    assertDistributed(
      answers,
      new Map(Array.from({ length: k }, (_, i) => [i, i === value ? truth : (1 - truth) / (k - 1)])),
    );
    const event = responseEvent(k, epsilon, 'replace');
    assert.deepEqual(parseEvent(event), event);
    assert.ok(event.kind === 'randomized-response' && Math.abs(1 - event.noise + event.noise / k - truth) < 1e-12);
  }
});

test('a vector with Laplace noise is on its grid, with the scale asked for, and never longer than its bound before', () => {
  const [dimension, epsilon, clipNorm] = [40, 2, 3];
  const grid = laplaceGrid(epsilon, clipNorm, dimension);
  assert.ok(grid.contributionSteps / grid.scaleSteps <= epsilon);
  assert.ok(clipNorm / grid.step / grid.scaleSteps > 0.99 * epsilon);
  const { randomBytes } = seededBytes();
  const vector = new Float32Array(dimension).fill(0.5);
  const noise: number[] = [];
  for (let i = 0; i < 500; i++) {
    for (const x of laplaceVector(vector, grid, randomBytes)) {
      const steps = Math.round(x / grid.step);
      assert.equal(x, Math.fround(steps * grid.step));
      // Clipped from 20 to 3.
      noise.push(steps - (0.5 * (3 / 20)) / grid.step);
    }
  }
  const mean = noise.reduce((sum, x) => sum + x, 0) / noise.length;
  const size = noise.reduce((sum, x) => sum + Math.abs(x), 0) / noise.length;
  assert.ok(Math.abs(mean) < (4 * Math.SQRT2 * grid.scaleSteps) / Math.sqrt(noise.length));
  assert.ok(Math.abs(size / grid.scaleSteps - 1) < 4 / Math.sqrt(noise.length));
});

test('what cannot be answered privately is refused, and a vector that is not finite counts as zero', () => {
  const { randomBytes } = seededBytes();
  for (const epsilon of [0, -1, 1e-6, 1001, Number.NaN, Infinity]) {
    assert.throws(() => addDiscreteLaplace([1, 0], 2, epsilon, randomBytes), RangeError);
    assert.throws(() => randomizedResponse(0, 2, epsilon, randomBytes), RangeError);
    assert.throws(() => laplaceGrid(epsilon, 1, 3), RangeError);
    assert.throws(() => pureEvent(epsilon), RangeError);
  }
  for (const [value, k] of [
    [2, 2],
    [-1, 3],
    [0, 1],
    [0.5, 2],
    [0, 2 ** 17],
  ])
    assert.throws(() => randomizedResponse(value, k, 1, randomBytes), RangeError);
  assert.throws(() => addDiscreteLaplace([0.5], 1, 1, randomBytes), RangeError);
  assert.throws(() => addDiscreteLaplace([1], 0, 1, randomBytes), RangeError);
  const grid = laplaceGrid(1000, 1, 2);
  for (const x of laplaceVector(Float32Array.of(Number.NaN, 5), grid, randomBytes)) assert.ok(Math.abs(x) < 0.1);
});

test('a vector of any finite size is clipped to its L1 norm', () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e200, max: 1e200 }), {
        minLength: 1,
        maxLength: 9,
      }),
      list => {
        const grid = laplaceGrid(1000, 1, list.length);
        const noisy = laplaceVector(Float64Array.from(list), grid, seededBytes(list.length).randomBytes);
        // Noise of 2 steps in scale at ε = 1000.
        assert.ok(
          noisy.reduce((sum, x) => sum + Math.abs(x), 0) <
            1 + 40 * list.length * grid.step + Math.ceil(Math.sqrt(list.length)) * grid.step,
        );
      },
    ),
  );
});
