import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { expNegative, log1pUnit, logAtLeastOne, logistic, logPositive } from '../../../src/core/math/elementary.ts';

const close = (actual: number, expected: number, relative: number) =>
  assert.ok(Math.abs(actual - expected) <= relative * Math.abs(expected) + 1e-320, `${actual}, expected ${expected}`);

test('the exponential agrees with that of the engine', () => {
  fc.assert(fc.property(fc.double({ min: -700, max: 0, noNaN: true }), x => close(expNegative(x), Math.exp(x), 5e-16)));
  assert.equal(expNegative(0), 1);
  assert.equal(expNegative(-0), 1);
  assert.equal(expNegative(-1000), 0);
  assert.equal(expNegative(-Infinity), 0);
  assert.ok(Number.isNaN(expNegative(NaN)));
});

test('the logarithms agree with those of the engine', () => {
  fc.assert(fc.property(fc.double({ min: 0, max: 1, noNaN: true }), x => close(log1pUnit(x), Math.log1p(x), 5e-16)));
  fc.assert(
    fc.property(fc.double({ min: 1, max: 1e300, noNaN: true }), x => close(logAtLeastOne(x), Math.log(x), 5e-16)),
  );
});

test('the logarithm of any positive number agrees with that of the engine', () => {
  const near = (x: number) => {
    const error = Math.abs(logPositive(x) - Math.log(x));
    assert.ok(error <= 5e-16 * Math.abs(Math.log(x)) + 2 ** -52, `${x}: ${error}`);
  };
  fc.assert(fc.property(fc.double({ min: Number.MIN_VALUE, max: Number.MAX_VALUE, noNaN: true }), near));
  fc.assert(fc.property(fc.double({ min: 0.5, max: 2, noNaN: true }), near));
  for (const x of [Number.MIN_VALUE, 2 ** -1022, 2 ** -1000, 1 - 2 ** -53, 1, Number.MAX_VALUE]) near(x);
  for (const x of [0, -1, NaN]) assert.throws(() => logPositive(x), RangeError);
});

test('the logistic function is symmetric, monotone and never loses small probabilities', () => {
  fc.assert(
    fc.property(fc.double({ min: -600, max: 600, noNaN: true }), x => {
      close(logistic(x), 1 / (1 + Math.exp(-x)), 1e-15);
      assert.ok(logistic(-Math.abs(x)) > 0);
    }),
  );
  assert.equal(logistic(0), 0.5);
  assert.equal(logistic(Infinity), 1);
  assert.equal(logistic(-Infinity), 0);
});
