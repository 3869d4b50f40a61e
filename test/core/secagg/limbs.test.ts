import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Problem } from '../../../src/core/protocol/problem.ts';
import { countWords, LimbReader, LimbWriter, mostContributors, realWords } from '../../../src/core/secagg/limbs.ts';

const isMalformed = (error: unknown) => error instanceof Problem && error.code === 'malformed';

/** A number that so many clients write all the same, added up modulo 2^32. */
function sumOfSame(write: (writer: LimbWriter) => void, words: number, clients: number): Int32Array {
  const writer = new LimbWriter(words);
  write(writer);
  return writer.words.map(word => Math.imul(word, clients));
}

function summed(writers: readonly LimbWriter[]): Int32Array {
  const sum = new Int32Array(writers[0].words.length);
  for (const { words } of writers) for (let i = 0; i < sum.length; i++) sum[i] += words[i];
  return sum;
}

test('the largest counts and reals of as many clients as there may be do not wrap', () => {
  const most = 2 ** 40 - 1;
  const counts = sumOfSame(writer => writer.count(most), countWords, mostContributors);
  assert.equal(new LimbReader(counts, mostContributors).count(), mostContributors * most);
  // The largest float64 below 2^335: all its 53 bits are 1.
  const largest = 2 ** 335 * (1 - 2 ** -53);
  for (const real of [largest, -largest, 1e100, -1e100]) {
    const reals = sumOfSame(writer => writer.real(real), realWords, mostContributors);
    assert.equal(new LimbReader(reals, mostContributors).real(), mostContributors * real);
  }
});

test('sums of counts are exact', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 2 ** 40 - 1 }), { minLength: 1, maxLength: 20 }), counts => {
      const writers = counts.map(count => {
        const writer = new LimbWriter(countWords);
        writer.count(count);
        return writer;
      });
      const total = counts.reduce((sum, count) => sum + count, 0);
      assert.equal(new LimbReader(summed(writers), counts.length).count(), total);
    }),
  );
});

/** The nearest float64 to the exact sum, by rational arithmetic on multiples of 2^-64. */
function exactSum(reals: readonly number[]): number {
  const scaled = reals.map(real => {
    const size = BigInt(Math.round(Math.abs(real) * 2 ** 64));
    return real < 0 ? -size : size;
  });
  return Number(scaled.reduce((sum, x) => sum + x, 0n)) / 2 ** 64;
}

test('sums of reals are the float64 nearest to the sum of what was written, and what was written is off by 2^-65 at most', () => {
  const real = fc.oneof(
    fc.double({ min: -1e100, max: 1e100, noNaN: true }),
    fc.double({ min: -1000, max: 1000, noNaN: true }),
    fc.double({ min: -1e-18, max: 1e-18, noNaN: true }),
  );
  fc.assert(
    fc.property(fc.array(real, { minLength: 1, maxLength: 20 }), reals => {
      const writers = reals.map(value => {
        const writer = new LimbWriter(realWords);
        writer.real(value);
        assert.ok(Math.abs(new LimbReader(writer.words, 1).real() - value) <= 2 ** -65);
        return writer;
      });
      assert.equal(new LimbReader(summed(writers), reals.length).real(), exactSum(reals));
    }),
  );
});

test('what does not fit the limbs is refused', () => {
  for (const count of [-1, 0.5, 2 ** 40, Number.NaN, Number.POSITIVE_INFINITY])
    assert.throws(() => new LimbWriter(countWords).count(count), isMalformed);
  for (const real of [2 ** 335, -(2 ** 335), Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])
    assert.throws(() => new LimbWriter(realWords).real(real), isMalformed);
});

test('a sum of limbs that so many clients cannot have is refused', () => {
  const clients = 3;
  for (const [at, word] of [
    [0, clients * (2 ** 20 - 1) + 1],
    [1, clients * (2 ** 20 - 1) + 1],
    [1, -1],
  ]) {
    const words = new Int32Array(countWords);
    words[at] = word;
    assert.throws(() => new LimbReader(words, clients).count(), isMalformed);
    words[at] = clients * (2 ** 20 - 1);
    assert.ok(new LimbReader(words, clients).count() > 0);
  }
  for (const sign of [1, -1]) {
    const words = new Int32Array(realWords);
    words[7] = sign * (clients * (2 ** 19 - 1) + 1);
    assert.throws(() => new LimbReader(words, clients).real(), isMalformed);
    words[7] -= sign;
    assert.equal(Math.sign(new LimbReader(words, clients).real()), sign);
  }
});
