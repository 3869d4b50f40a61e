import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { adviseGroups, type GroupChoice, usualSizes } from '../../../src/core/secagg/advise.ts';
import { type GroupsAlike, leakProbability } from '../../../src/core/secagg/leak-probability.ts';

const silent = { honest: null, bear: null, colluders: [], parameters: 1_000_000 };

function choices(clients: number, sizes: readonly number[], colluders: readonly number[]): readonly GroupChoice[] {
  const { choices: found, breaches } = adviseGroups({ ...silent, clients, sizes, colluders });
  assert.deepEqual(breaches, []);
  return found;
}

/** As the design prints them: 1 digit below 1 %. */
function printed(probability: number): string {
  if (probability === 0) return '0';
  return probability >= 0.01 ? `${Math.round(100 * probability)} %` : `${(100 * probability).toPrecision(1)} %`;
}

test('the table of the design comes out again, its probabilities exact', () => {
  const rows = choices(100, [5, 8, 10, 20, 50], [5, 10]).map(
    ({ size, thresholds: { t, colluders, least, honest }, dropouts, privacySet, groups, liars, leaks }) =>
      `${size} | ${honest} | ${t}/${colluders}/${least} | ${dropouts} | ${privacySet} | ` +
      `${groups}; ${liars.median}/${liars.krum} | ${leaks.map(({ probability }) => printed(probability)).join(' / ')}`,
  );
  // cryptography.md §3.7, with the nMin of each row. It has 38 % / 100 % and 4 % / 38 % for 5 and 8: union bounds, as the next test shows.
  assert.deepEqual(rows, [
    '5 | 3 | 4/1/4 | 1 | 3 | 20; 9/8 | 36 % / 90 %',
    '8 | 5 | 6/2/7 | 1 | 5 | 12; 5/4 | 4 % / 39 %',
    '10 | 5 | 7/3/8 | 2 | 5 | 10; 4/3 | 0.3 % / 8 %',
    '20 | 5 | 14/6/14 | 6 | 8 | 5; 2/1 | 0 / 0.2 %',
    '50 | 5 | 34/16/34 | 16 | 18 | 2; 0/0 | 0 / 0',
  ]);
});

/** n choose k. */
function choose(n: number, k: number): bigint {
  let ways = 1n;
  for (let i = 0; i < k; i++) ways = (ways * BigInt(n - i)) / BigInt(i + 1);
  return ways;
}

/** P[a given group holds more than its bound], times the groups: a hypergeometric tail. */
function unionBound(all: number, colluders: number, { count, members, colluders: bound }: GroupsAlike): number {
  let above = 0n;
  for (let k = bound + 1; k <= Math.min(members, colluders); k++)
    above += choose(members, k) * choose(all - members, colluders - k);
  return Math.min(1, (count * Number(above)) / Number(choose(all, colluders)));
}

test('the sum over the groups, as the design prints it, is above the exact probability and near it where that is small', () => {
  const published = [
    [20, 5, 1, '38 %', '100 %'],
    [12, 8, 2, '4 %', '38 %'],
    [10, 10, 3, '0.3 %', '8 %'],
    [5, 20, 6, '0', '0.2 %'],
    [2, 50, 16, '0', '0'],
  ] as const;
  for (const [count, members, colluders, ...figures] of published) {
    for (const [i, many] of [5, 10].entries()) {
      const bound = unionBound(100, many, { count, members, colluders });
      assert.equal(printed(bound), figures[i]);
      // Four clients more, in a group of their own that bears all of them, where the groups do not hold a hundred.
      const rest = 100 - count * members;
      const groups = [
        { count, members, colluders },
        { count: rest === 0 ? 0 : 1, members: rest, colluders: rest },
      ];
      const exact = leakProbability(groups, many);
      assert.ok(exact <= bound * (1 + 1e-12));
      if (bound < 0.1) assert.ok(bound - exact <= bound ** 2 + 1e-15);
    }
  }
});

test('the probabilities of the design for five hundred clients come out again', () => {
  const [twenty, fifty] = choices(500, [20, 50], [50]).map(({ leaks }) => leaks[0].probability);
  assert.equal(printed(twenty), '5 %');
  assert.equal(fifty.toExponential(0), '6e-6');
});

/** The share of placements with no group above its bound, in whole numbers. */
function exactLeak(groups: readonly GroupsAlike[], colluders: number): number {
  let ways: bigint[] = [1n];
  for (const { count, members, colluders: bound } of groups) {
    for (let i = 0; i < count; i++) {
      const next = new Array<bigint>(colluders + 1).fill(0n);
      for (const [placed, sum] of ways.entries())
        for (let k = 0; k <= Math.min(bound, colluders - placed); k++) next[placed + k] += sum * choose(members, k);
      ways = next;
    }
  }
  const all = choose(
    groups.reduce((sum, { count, members }) => sum + count * members, 0),
    colluders,
  );
  const scale = 10n ** 60n;
  return Number(((all - (ways[colluders] ?? 0n)) * scale) / all) / 1e60;
}

test('the probability is that of counting placements in whole numbers, tiny ones too', () => {
  const alike = fc.record({
    count: fc.integer({ min: 1, max: 6 }),
    members: fc.integer({ min: 1, max: 14 }),
    colluders: fc.nat(6),
  });
  fc.assert(
    fc.property(fc.array(alike, { minLength: 1, maxLength: 3 }), fc.nat(), (groups, pick) => {
      const all = groups.reduce((sum, { count, members }) => sum + count * members, 0);
      const colluders = pick % (all + 1);
      const exact = exactLeak(groups, colluders);
      assert.ok(Math.abs(leakProbability(groups, colluders) - exact) <= 1e-11 * exact + 1e-58);
    }),
  );
  const tiny = exactLeak([{ count: 40, members: 50, colluders: 16 }], 60);
  assert.ok(tiny > 0 && tiny < 1e-9);
  assert.ok(Math.abs(leakProbability([{ count: 40, members: 50, colluders: 16 }], 60) / tiny - 1) < 1e-11);
});

test('no colluders are never too many, and more than all groups bear always are', () => {
  const groups = [{ count: 4, members: 10, colluders: 3 }];
  assert.equal(leakProbability(groups, 0), 0);
  assert.equal(leakProbability(groups, 3), 0);
  assert.equal(leakProbability(groups, 13), 1);
  assert.equal(leakProbability(groups, 40), 1);
  assert.throws(() => leakProbability(groups, 41), RangeError);
  assert.throws(() => leakProbability(groups, -1), RangeError);
});

test('uneven groups are judged by the weaker ones', () => {
  // Eleven clients in one group of five and one of six: the five lose one, the six none with five honest.
  const [choice] = choices(11, [5], []);
  assert.deepEqual([choice.groups, choice.smallest, choice.largest], [2, 5, 6]);
  assert.deepEqual([choice.dropouts, choice.privacySet], [1, 3]);
  const [five] = adviseGroups({ ...silent, clients: 11, sizes: [5], honest: 5, colluders: [1] }).choices;
  assert.deepEqual([five.dropouts, five.privacySet, five.thresholds.colluders], [0, 5, 0]);
  // A colluder in the group of five, which bears none: 5 of 11 places.
  assert.ok(Math.abs(five.leaks[0].probability - 5 / 11) < 1e-12);
});

test('what every choice promises holds for all its groups', () => {
  fc.assert(
    fc.property(fc.integer({ min: 3, max: 400 }), fc.nat(), (clients, pick) => {
      const size = 3 + (pick % (Math.min(clients, 256) - 2));
      const [choice] = choices(clients, [size], [0]);
      assert.ok(choice.smallest >= size && choice.largest - choice.smallest <= 1);
      assert.ok(choice.groups * choice.smallest <= clients && choice.groups * choice.largest >= clients);
      assert.ok(choice.dropouts >= 0 && choice.privacySet >= choice.thresholds.honest);
      assert.equal(choice.liars.median, Math.floor((choice.groups - 1) / 2));
      assert.equal(choice.liars.krum, Math.max(0, Math.ceil(choice.groups / 2) - 2));
      assert.equal(choice.leaks[0].probability, 0);
    }),
    { numRuns: 50 },
  );
});

test('a member of a group of 64 sends at most five per cent beyond a million values, and less in smaller groups', () => {
  const [small, large] = choices(64, [8, 64], []);
  assert.ok(large.uploadShare <= 0.05);
  assert.ok(small.uploadShare < large.uploadShare / 6);
});

test('a size that cannot be is told with the way out, beside those that can', () => {
  const asked = { ...silent, clients: 300, honest: 5 };
  const { choices: found, breaches } = adviseGroups({ ...asked, sizes: [4, 6, 257, 301] });
  assert.deepEqual(
    found.map(({ size }) => size),
    [6],
  );
  assert.deepEqual(breaches, [
    { size: 4, message: 'a group of 4 holds no 5 honest members', remedy: 'use 5 or more' },
    { size: 257, message: 'groups of 257 are not taken', remedy: 'use 256 or less' },
    { size: 301, message: 'a cohort of 300 makes no group of 301', remedy: 'use 300 or less' },
  ]);
  const [small] = adviseGroups({ ...silent, clients: 2, sizes: [2] }).breaches;
  assert.deepEqual(small, {
    size: 2,
    message: 'a cohort of 2 holds no 3 honest members',
    remedy: 'use 3 clients or more',
  });
});

test('four clients that bear no colluder can lose one, and groups that bear two have seven members or more', () => {
  const [four] = adviseGroups({ ...silent, clients: 4, sizes: [4], bear: 0 }).choices;
  assert.deepEqual([four.thresholds.colluders, four.dropouts, four.privacySet], [0, 1, 3]);
  const { choices: found, breaches } = adviseGroups({ ...silent, clients: 28, sizes: [5, 7], bear: 2 });
  assert.deepEqual(
    found.map(({ thresholds: { t, colluders, honest, least } }) => [t, colluders, honest, least]),
    [[5, 2, 3, 5]],
  );
  assert.deepEqual(breaches, [
    {
      size: 5,
      message: 'a group of 5 with 3 honest members bears 1 that collude, not 2',
      remedy: 'use groups of 7 or more, or bear 1',
    },
  ]);
});

test('numbers that are no cohort are refused', () => {
  for (const wrong of [{ clients: 0 }, { honest: 2 }, { bear: -1 }, { colluders: [10] }, { parameters: 0 }])
    assert.throws(() => adviseGroups({ ...silent, clients: 9, sizes: [], ...wrong }), RangeError);
});

test('the usual sizes are those that deal a cohort differently', () => {
  assert.deepEqual(usualSizes(100), [5, 8, 10, 20, 50]);
  assert.deepEqual(usualSizes(12), [5, 8]);
  assert.deepEqual(usualSizes(30), [5, 8, 20]);
  assert.deepEqual(usualSizes(16), [5, 8, 10]);
  assert.deepEqual(usualSizes(4), [4]);
});
