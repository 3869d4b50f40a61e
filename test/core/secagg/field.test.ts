import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  decodeElement,
  drawElement,
  encodeElement,
  fieldPrime,
  invertAll,
  reduce,
} from '../../../src/core/secagg/field.ts';

const p = 2n ** 256n + 297n;
const element = fc.bigInt({ min: 0n, max: p - 1n });

test('2^256 + 297 is the least prime above 2^256, by Miller–Rabin with 64 bases', () => {
  assert.equal(fieldPrime, p);
  assert.equal(isProbablePrime(p), true);
  for (let offset = 1n; offset < 297n; offset++) assert.equal(isProbablePrime(2n ** 256n + offset), false);
});

test('the test for primes tells known primes from Carmichael numbers and products', () => {
  for (const prime of [2n ** 255n - 19n, 2n ** 127n - 1n, 1_000_003n]) assert.equal(isProbablePrime(prime), true);
  for (const composite of [561n, 825_265n, 3_215_031_751n, (2n ** 127n - 1n) * (2n ** 61n - 1n)])
    assert.equal(isProbablePrime(composite), false);
});

test('reduction by folding is the remainder, whatever the sign and the size', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 900n), max: 2n ** 900n }), value => {
      assert.equal(reduce(value), ((value % p) + p) % p);
    }),
  );
  for (let quotient = -3n; quotient <= 3n; quotient++) {
    for (const near of [-298n, -297n, -1n, 0n, 1n, 297n])
      for (const anchor of [p, 2n ** 256n, p * p]) {
        const value = quotient * anchor + near;
        assert.equal(reduce(value), ((value % p) + p) % p);
      }
  }
});

test('inverses of many elements are those of Fermat, and zero has none', () => {
  const nonZero = fc.bigInt({ min: 1n, max: p - 1n });
  fc.assert(
    fc.property(fc.array(nonZero, { maxLength: 5 }), elements => {
      assert.deepEqual(
        invertAll(elements),
        elements.map(value => power(value, p - 2n, p)),
      );
    }),
    { numRuns: 30 },
  );
  assert.throws(() => invertAll([1n, 0n, 5n]), RangeError);
  assert.throws(() => invertAll([p]), RangeError);
});

test('an element of 32 bytes comes back, and others have no encoding', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), bytes => {
      const value = BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
      assert.equal(decodeElement(bytes), value);
      assert.deepEqual(encodeElement(value), bytes);
    }),
  );
  for (const value of [2n ** 256n, p - 1n, -1n]) assert.throws(() => encodeElement(value), RangeError);
  for (const length of [0, 31, 33]) assert.throws(() => decodeElement(new Uint8Array(length)), RangeError);
});

test('elements are read from where they stand in a larger buffer', () => {
  const whole = Uint8Array.from({ length: 40 }, (_, i) => i);
  assert.equal(decodeElement(whole.subarray(3, 35)), decodeElement(Uint8Array.from(whole.subarray(3, 35))));
});

test('a draw is what 257 bits say, and those that are no element are drawn again', () => {
  const draws = [
    [0xff, ...new Array(32).fill(0xff)],
    [1, ...encodeElement(297n)],
    [0xff, ...encodeElement(296n)],
    [0, ...encodeElement(5n)],
  ].map(bytes => Uint8Array.from(bytes));
  const next = (count: number): Uint8Array => {
    assert.equal(count, 33);
    return draws.shift() ?? assert.fail('drawn too often');
  };
  assert.equal(drawElement(next), p - 1n);
  assert.equal(drawElement(next), 5n);
  fc.assert(fc.property(element, value => reduce(value) === value));
});

function isProbablePrime(n: bigint): boolean {
  let odd = n - 1n;
  let twos = 0;
  for (; odd % 2n === 0n; odd /= 2n) twos++;
  return bases.every(base => {
    if (n % base === 0n) return n === base;
    let x = power(base, odd, n);
    if (x === 1n || x === n - 1n) return true;
    for (let i = 1; i < twos; i++) {
      x = (x * x) % n;
      if (x === n - 1n) return true;
    }
    return false;
  });
}

/** The first 64 primes. */
const bases = Array.from({ length: 311 }, (_, i) => BigInt(i + 2)).filter(n => {
  for (let d = 2n; d * d <= n; d++) if (n % d === 0n) return false;
  return true;
});
assert.ok(bases.length >= 64);

function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n;
  for (let b = base % modulus, e = exponent; e > 0n; e >>= 1n, b = (b * b) % modulus)
    if (e & 1n) result = (result * b) % modulus;
  return result;
}
