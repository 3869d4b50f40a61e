import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { RandomStream } from '../../../src/core/math/random.ts';
import { encodeElement } from '../../../src/core/secagg/field.ts';
import { lagrangeAtZero, maxPlace } from '../../../src/core/secagg/lagrange.ts';
import { combine, combineWith, type Share, split } from '../../../src/core/secagg/shamir.ts';

const p = 2n ** 256n + 297n;
const mod = (value: bigint) => ((value % p) + p) % p;

const secret = fc.uint8Array({ minLength: 32, maxLength: 32 });
const sizes = fc
  .record({ count: fc.integer({ min: 1, max: 12 }), part: fc.double({ min: 0, max: 1, noNaN: true }), seed: fc.nat() })
  .map(({ count, part, seed }) => ({ count, threshold: 1 + Math.floor(part * (count - 1)), seed }));

/** Bytes of a hash chain: the same for the same seed. */
function bytesOf(seed: number): (count: number) => Uint8Array {
  let at = 0;
  return count => {
    const parts: Buffer[] = [];
    for (let length = 0; length < count; length += 32)
      parts.push(createHash('sha256').update(`${seed}/${at++}`).digest());
    return Uint8Array.from(Buffer.concat(parts).subarray(0, count));
  };
}

function chosen(values: readonly Uint8Array[], count: number, seed: number): Share[] {
  const key = createHash('sha256').update(`choice ${seed}`).digest();
  const places = values.map((_, i) => i + 1);
  new RandomStream(key).shuffle(places);
  return places.slice(0, count).map(x => ({ x, value: Uint8Array.from(values[x - 1]) }));
}

test('any threshold of the shares give the secret, in any order', () => {
  fc.assert(
    fc.property(secret, sizes, (own, { count, threshold, seed }) => {
      const values = split(own, threshold, count, bytesOf(seed));
      assert.equal(values.length, count);
      assert.deepEqual(combine(chosen(values, threshold, seed), threshold), own);
    }),
  );
});

test('every set of 3 of 6 shares gives the secret', () => {
  const own = encodeElement(2n ** 256n - 1n);
  const values = split(own, 3, 6, bytesOf(1));
  const places = [1, 2, 3, 4, 5, 6];
  for (const a of places)
    for (const b of places.filter(x => x !== a))
      for (const c of places.filter(x => x !== a && x !== b)) {
        const shares = [a, b, c].map(x => ({ x, value: values[x - 1] }));
        assert.deepEqual(combine(shares, 3), own);
      }
});

test('one share fewer fits every secret: for each there is a polynomial through the shares', () => {
  fc.assert(
    fc.property(secret, secret, sizes, (own, other, { count, threshold, seed }) => {
      const seen = chosen(split(own, threshold, count, bytesOf(seed)), threshold - 1, seed);
      // The polynomial of degree threshold − 1 through (0, other) and what was seen, by Newton's divided differences.
      const through = newton([0n, ...seen.map(({ x }) => BigInt(x))], [toBigInt(other), ...seen.map(elementOf)]);
      assert.ok(through.coefficients.length <= threshold);
      assert.equal(through.at(0n), toBigInt(other));
      for (const share of seen) assert.equal(through.at(BigInt(share.x)), elementOf(share));
    }),
  );
});

test('shares lie on one polynomial of degree below the threshold, and not on one of less', () => {
  const own = encodeElement(12345n);
  const values = split(own, 4, 9, bytesOf(3)).map(toBigInt);
  const xs = values.map((_, i) => BigInt(i + 1));
  const { coefficients } = newton([0n, ...xs], [12345n, ...values]);
  assert.notEqual(coefficients[3], 0n);
  assert.deepEqual(
    coefficients.slice(4).filter(c => c !== 0n),
    [],
  );
});

test('one altered share changes the result, or makes it no secret', () => {
  fc.assert(
    fc.property(
      secret,
      sizes,
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      (own, { count, threshold, seed }, at, bits) => {
        const shares = chosen(split(own, threshold, count, bytesOf(seed)), threshold, seed);
        shares[at % threshold].value[at % 32] ^= bits;
        let got: Uint8Array | null = null;
        try {
          got = combine(shares, threshold);
        } catch (error) {
          assert.ok(error instanceof RangeError);
        }
        assert.notDeepEqual(got, own);
      },
    ),
  );
});

test('the weights interpolate 1, and every power of x below their number to zero', () => {
  const places = fc.uniqueArray(fc.integer({ min: 1, max: maxPlace }), { minLength: 1, maxLength: 9 });
  fc.assert(
    fc.property(places, xs => {
      const lambda = lagrangeAtZero(xs);
      for (let degree = 0; degree < xs.length; degree++) {
        const sum = xs.reduce((total, x, i) => total + lambda[i] * BigInt(x) ** BigInt(degree), 0n);
        assert.equal(mod(sum), degree === 0 ? 1n : 0n);
      }
    }),
  );
});

test('weights are those of a plain second computation, and serve many secrets', () => {
  const xs = [7, 2, 499, 500, 31];
  const lambda = lagrangeAtZero(xs);
  const plain = xs.map(x =>
    xs.reduce((total, other) => (other === x ? total : mod(total * BigInt(other) * fermat(BigInt(other - x)))), 1n),
  );
  assert.deepEqual(lambda, plain);
  for (let seed = 0; seed < 5; seed++) {
    const own = encodeElement(BigInt(seed) ** 99n % 2n ** 256n);
    const values = split(own, 5, 500, bytesOf(seed));
    assert.deepEqual(
      combineWith(
        lambda,
        xs.map(x => values[x - 1]),
      ),
      own,
    );
  }
});

test('a polynomial with a value that does not fit in 32 bytes is drawn again', () => {
  // With the secret 2^256 − 1, place 1 gets 2^256, then 2^256 + 296 = p − 1, then p = 0.
  const draws = [1n, 297n, 298n].map(value => Uint8Array.of(0, ...encodeElement(value)));
  const own = encodeElement(2n ** 256n - 1n);
  const values = split(own, 2, 2, () => draws.shift() ?? assert.fail('drawn too often'));
  assert.equal(draws.length, 0);
  assert.deepEqual(values.map(toBigInt), [0n, 298n]);
});

test('threshold 1 hands everyone the secret itself', () => {
  const own = encodeElement(5n);
  assert.deepEqual(
    split(own, 1, 3, () => assert.fail('nothing to draw')),
    [own, own, own],
  );
});

test('a result of 2^256 or more is refused', () => {
  // f(x) = x − 1, and −1 is 2^256 + 296.
  const shares = [1n, 2n].map(x => ({ x: Number(x), value: encodeElement(x - 1n) }));
  assert.throws(() => combine(shares, 2), RangeError);
  assert.throws(() => combineWith([1n], [new Uint8Array(31)]), RangeError);
});

test('duplicates, places out of range, other counts and other lengths are refused', () => {
  const value = new Uint8Array(32);
  const at = (...xs: number[]): Share[] => xs.map(x => ({ x, value }));
  for (const [shares, threshold] of [
    [at(1, 1), 2],
    [at(0, 1), 2],
    [at(1, -1), 2],
    [at(1, 1.5), 2],
    [at(1, Number.NaN), 2],
    [at(1, maxPlace + 1), 2],
    [at(1, 2, 3), 2],
    [at(1), 2],
    [[], 0],
    [[{ x: 1, value: new Uint8Array(33) }], 1],
  ] as [Share[], number][])
    assert.throws(() => combine(shares, threshold), RangeError);
  assert.throws(() => combineWith(lagrangeAtZero([1, 2]), [value]), RangeError);
  assert.throws(() => lagrangeAtZero([]), RangeError);
  for (const [threshold, count] of [
    [0, 3],
    [4, 3],
    [1.5, 3],
    [2, maxPlace + 1],
    [1, Number.NaN],
  ])
    assert.throws(() => split(value, threshold, count, bytesOf(1)), RangeError);
  assert.throws(() => split(new Uint8Array(31), 2, 3, bytesOf(1)), RangeError);
});

function toBigInt(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
}

function elementOf(share: Share): bigint {
  return toBigInt(share.value);
}

function fermat(value: bigint): bigint {
  let result = 1n;
  for (let b = mod(value), e = p - 2n; e > 0n; e >>= 1n, b = (b * b) % p) if (e & 1n) result = (result * b) % p;
  return result;
}

/** The interpolating polynomial in Newton's form. */
function newton(xs: readonly bigint[], ys: readonly bigint[]) {
  const table = [...ys];
  for (let level = 1; level < xs.length; level++)
    for (let i = xs.length - 1; i >= level; i--)
      table[i] = mod((table[i] - table[i - 1]) * fermat(xs[i] - xs[i - level]));
  return {
    coefficients: table,
    at: (x: bigint) => table.reduceRight((value, c, i) => mod(value * (x - xs[i]) + c), 0n),
  };
}
