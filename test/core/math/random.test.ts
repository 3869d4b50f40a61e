import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { nextXoshiro128, RandomStream } from '../../../src/core/math/random.ts';

const seed = (value: number) => new Uint8Array(32).fill(value);
const take = <T>(count: number, draw: () => T): T[] => Array.from({ length: count }, draw);

test('the generator is xoshiro128**: state 1, 2, 3, 4 gives the published numbers', () => {
  const state = Uint32Array.of(1, 2, 3, 4);
  // Made by the authors' C code, xoshiro128starstar.c 1.1, as the rand_xoshiro crate publishes them.
  const expected = [
    11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849, 3729100597, 4258142804,
  ];
  assert.deepEqual(
    take(10, () => nextXoshiro128(state)),
    expected,
  );
});

test('the same seed gives the same stream, another seed another one', () => {
  const draw = (value: number) =>
    take(
      8,
      (
        s => () =>
          s.uint32()
      )(new RandomStream(seed(value))),
    );
  assert.deepEqual(draw(1), draw(1));
  assert.notDeepEqual(draw(1), draw(2));
  assert.throws(() => new RandomStream(new Uint8Array(31)), RangeError);
});

test('a split stream depends on seed and label, not on what was drawn before', () => {
  const early = new RandomStream(seed(3)).split('a');
  const late = new RandomStream(seed(3));
  take(100, () => late.uint32());
  assert.deepEqual(
    take(5, () => early.uint32()),
    take(
      5,
      (
        s => () =>
          s.uint32()
      )(late.split('a')),
    ),
  );
  assert.notEqual(new RandomStream(seed(3)).split('a').uint32(), new RandomStream(seed(3)).split('b').uint32());
  assert.notEqual(new RandomStream(seed(3)).split('a').uint32(), new RandomStream(seed(4)).split('a').uint32());
});

test('integers below n stay below n and reach every value about equally often', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2 ** 32 }), fc.nat(255), (n, value) => {
      const drawn = new RandomStream(seed(value)).below(n);
      assert.ok(Number.isInteger(drawn) && drawn >= 0 && drawn < n);
    }),
  );
  const stream = new RandomStream(seed(5));
  const counts = [0, 0, 0, 0, 0, 0, 0];
  for (let i = 0; i < 70_000; i++) counts[stream.below(7)]++;
  // χ² with 6 degrees of freedom exceeds 22.5 once in a thousand.
  const chiSquare = counts.reduce((sum, count) => sum + (count - 10_000) ** 2 / 10_000, 0);
  assert.ok(chiSquare < 22.5, `${chiSquare}`);
  for (const n of [0, -1, 1.5, 2 ** 32 + 1, NaN]) assert.throws(() => stream.below(n), RangeError);
});

test('rejection removes the bias that a plain remainder would have', () => {
  const stream = new RandomStream(seed(6));
  const n = 3 * 2 ** 30; // a remainder of 32 bits would hit the lowest third twice as often
  const low = take(30_000, () => stream.below(n)).filter(value => value < 2 ** 30).length;
  assert.ok(Math.abs(low - 10_000) < 350, `${low}`);
});

test('uniform floats lie in [0, 1), exact in their format, with the right mean', () => {
  const stream = new RandomStream(seed(7));
  const singles = take(20_000, () => stream.float32());
  const doubles = take(20_000, () => stream.float64());
  assert.ok(singles.every(x => x >= 0 && x < 1 && Math.fround(x) === x));
  assert.ok(doubles.every(x => x >= 0 && x < 1));
  for (const values of [singles, doubles]) {
    assert.ok(Math.abs(values.reduce((a, b) => a + b) / values.length - 0.5) < 0.01);
  }
});

test('normal values have mean 0, deviation 1 and normal tails', () => {
  const stream = new RandomStream(seed(8));
  const values = take(40_000, () => stream.normal());
  const mean = values.reduce((a, b) => a + b) / values.length;
  const variance = values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / values.length;
  const beyondTwo = values.filter(x => Math.abs(x) > 2).length / values.length;
  assert.ok(Math.abs(mean) < 0.02, `${mean}`);
  assert.ok(Math.abs(variance - 1) < 0.03, `${variance}`);
  assert.ok(Math.abs(beyondTwo - 0.0455) < 0.004, `${beyondTwo}`);
});

test('a shuffle keeps the values, and every order of three is about equally frequent', () => {
  const stream = new RandomStream(seed(9));
  fc.assert(
    fc.property(fc.array(fc.nat()), values => {
      const shuffled = [...values];
      stream.shuffle(shuffled);
      assert.deepEqual(
        shuffled.sort((a, b) => a - b),
        values.sort((a, b) => a - b),
      );
    }),
  );
  const counts = new Map<string, number>();
  for (let i = 0; i < 12_000; i++) {
    const values = [1, 2, 3];
    stream.shuffle(values);
    counts.set(values.join(), (counts.get(values.join()) ?? 0) + 1);
  }
  assert.equal(counts.size, 6);
  for (const count of counts.values()) assert.ok(Math.abs(count - 2000) < 200, `${count}`);
});
