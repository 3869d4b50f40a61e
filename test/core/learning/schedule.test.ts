import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { learningRateFactor, type Schedule } from '../../../src/core/learning/schedule.ts';

const factors = (schedule: Schedule, rounds: number): number[] =>
  Array.from({ length: rounds }, (_, i) => learningRateFactor(schedule, i + 1, rounds));

function assertNear(found: readonly number[], expected: readonly number[], within = 1e-15): void {
  assert.equal(found.length, expected.length);
  found.forEach((value, i) => {
    assert.ok(Math.abs(value - expected[i]) <= within, `round ${i + 1}: ${value}, expected ${expected[i]}`);
  });
}

test('each schedule gives the factors of its closed form', () => {
  assert.deepEqual(factors({ name: 'constant', warmupRounds: 0 }, 3), [1, 1, 1]);
  assert.deepEqual(factors({ name: 'step', every: 2, factor: 0.5, warmupRounds: 0 }, 5), [1, 1, 0.5, 0.5, 0.25]);
  assert.deepEqual(factors({ name: 'exponential', factor: 0.5, warmupRounds: 0 }, 4), [1, 0.5, 0.25, 0.125]);
  assert.deepEqual(factors({ name: 'linear', final: 0, warmupRounds: 0 }, 4), [1, 0.75, 0.5, 0.25]);
  assertNear(factors({ name: 'linear', final: 0.2, warmupRounds: 0 }, 4), [1, 0.8, 0.6, 0.4]);
  // Loshchilov and Hutter 2017, equation 5.
  assertNear(factors({ name: 'cosine', final: 0, warmupRounds: 0 }, 3), [1, 0.75, 0.25]);
  assertNear(
    factors({ name: 'cosine', final: 0.1, warmupRounds: 0 }, 7),
    Array.from({ length: 7 }, (_, t) => 0.1 + 0.45 * (1 + Math.cos((Math.PI * t) / 7))),
  );
});

test('a warm-up rises in equal steps, and the schedule proper begins after it with the full rate', () => {
  assert.deepEqual(factors({ name: 'constant', warmupRounds: 3 }, 5), [0.25, 0.5, 0.75, 1, 1]);
  assert.deepEqual(factors({ name: 'linear', final: 0, warmupRounds: 1 }, 5), [0.5, 1, 0.75, 0.5, 0.25]);
  assert.deepEqual(factors({ name: 'exponential', factor: 0.5, warmupRounds: 2 }, 5).slice(2), [1, 0.5, 0.25]);
  assert.deepEqual(factors({ name: 'cosine', final: 0, warmupRounds: 9 }, 3), [0.1, 0.2, 0.3]);
});

test('after the warm-up no factor rises, none is above 1, and cosine and linear stay above their end', () => {
  const warmupRounds = fc.nat(20);
  const final = fc.double({ min: 0, max: 0.99, noNaN: true });
  const factor = fc.double({ min: 0.1, max: 1, noNaN: true });
  const schedules = fc.oneof(
    fc.record({ name: fc.constant('cosine' as const), final, warmupRounds }),
    fc.record({ name: fc.constant('linear' as const), final, warmupRounds }),
    fc.record({ name: fc.constant('step' as const), every: fc.integer({ min: 1, max: 9 }), factor, warmupRounds }),
    fc.record({ name: fc.constant('exponential' as const), factor, warmupRounds }),
  );
  fc.assert(
    fc.property(schedules, fc.integer({ min: 1, max: 200 }), (schedule, rounds) => {
      const found = factors(schedule, rounds);
      assert.ok(found.every(value => value > 0 && value <= 1));
      for (let round = schedule.warmupRounds + 2; round <= rounds; round++) {
        assert.ok(found[round - 1] <= found[round - 2], `round ${round}`);
      }
      if ('final' in schedule) assert.ok(found.slice(schedule.warmupRounds).every(value => value > schedule.final));
    }),
    { seed: 5 },
  );
});

test('powers over many rounds are those of the definition', () => {
  const schedule: Schedule = { name: 'exponential', factor: 0.9999, warmupRounds: 0 };
  for (const round of [1, 2, 1000, 65_537, 1_000_000]) {
    const expected = Math.exp((round - 1) * Math.log(0.9999));
    const found = learningRateFactor(schedule, round, 1_000_000);
    assert.ok(Math.abs(found / expected - 1) < 1e-9, `${round}: ${found}, expected ${expected}`);
  }
});

test('a round that the task does not have is an error', () => {
  for (const round of [0, 4, 1.5, Number.NaN]) {
    assert.throws(() => learningRateFactor({ name: 'constant', warmupRounds: 0 }, round, 3), RangeError);
  }
});
