/** Sums that leave their words: wrapped or saturated, they are wrong and look like any other; a member that sends too much wraps those of all. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TaskError } from '../../src/core/protocol/task.ts';
import { dequantise, groupMean, makeEncoding, quantise } from '../../src/core/secagg/encoding.ts';
import { type Bits, wordSizes } from '../../src/core/secagg/packing.ts';
import { groupTask } from '../client/group-host.ts';

const members = 8;

const sum = (vectors: readonly Int32Array[], bits: Bits) =>
  vectors.reduce((total, one) => total.map((word, i) => ((word + one[i]) << (32 - bits)) >> (32 - bits)));

test('with a scale that leaves no room for the sum, updates of one sign come out with the other', () => {
  const bits = 16;
  // The whole range for each client alone.
  const scale = (2 ** (bits - 1) - 1) / 1;
  const words = Array.from({ length: members }, () => Int32Array.of(Math.round(0.9 * scale), Math.round(0.3 * scale)));
  const mean = sum(words, bits).map(word => word);
  assert.ok(mean[0] < 0 || mean[1] < 0, 'all updates are positive');
  assert.ok(Math.abs(mean[0] / scale / members - 0.9) > 0.5);
});

test('with ours the longest updates of the largest group add up exactly, at every word size', () => {
  for (const bits of wordSizes)
    for (const clipNorm of [1e-3, 1, 100]) {
      const encoding = makeEncoding({ bits, clipNorm, weightMax: null, dimension: 1, members });
      for (const sign of [1, -1]) {
        const words = Array.from({ length: members }, () => quantise(Float32Array.of(sign * clipNorm), 1, encoding));
        const exact = words.reduce((total, [word]) => total + word, 0);
        assert.ok(Math.abs(exact) < 2 ** (bits - 1));
        assert.equal(sum(words, bits)[0], exact);
        const [mean] = groupMean(dequantise(sum(words, bits), encoding, members), encoding);
        assert.ok(Math.abs(mean - sign * clipNorm) <= clipNorm / 64);
      }
    }
});

test('a task whose sums could wrap, or have hardly any steps left, is refused where it is read', () => {
  const read = (protection: object, aggregation: object = {}) =>
    groupTask({
      protection: { kind: 'group', honest: 3, ...protection },
      aggregation: { rule: 'mean', weightBy: 'examples', weightCap: 60, clipNorm: 1, ...aggregation },
    });
  assert.throws(
    () => read({ bits: 16, size: 256 }),
    (error: Error) => error instanceof TaskError && /protection.bits/.test(error.message),
  );
  assert.throws(
    () => read({ bits: 16 }, { weightCap: 10_000 }),
    (error: Error) => error instanceof TaskError && /weightCap/.test(error.message),
  );
  assert.ok(read({ bits: 32, size: 256 }));
  assert.ok(read({ bits: 16 }));
});

test('an update longer than the clip bound is not encoded: nothing saturates', () => {
  const encoding = makeEncoding({ bits: 32, clipNorm: 1, weightMax: null, dimension: 2, members });
  for (const update of [
    [1.01, 0],
    [0.9, 0.9],
    [1e30, 0],
  ])
    assert.throws(() => quantise(Float32Array.from(update), 1, encoding), RangeError);
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY])
    assert.throws(() => quantise(Float32Array.of(value, 0), 1, encoding), { code: 'non-finite' });
  assert.equal(quantise(Float32Array.of(1, 0), 1, encoding)[0], 2 ** encoding.scaleBits);
});

test('a liar that fills the words of the sum is noticed there, unless its lie could be honest', () => {
  const encoding = makeEncoding({ bits: 32, clipNorm: 1, weightMax: null, dimension: 4, members });
  const honest = Array.from({ length: members - 1 }, () => quantise(Float32Array.of(0.1, 0, 0, 0), 1, encoding));
  const opened = (lie: Int32Array) => dequantise(sum([...honest, lie], 32), encoding, members);
  for (const lie of [
    Int32Array.of(2 ** 31 - 1, 0, 0, 0),
    Int32Array.of(0, -(2 ** 31), 0, 0),
    new Int32Array(4).fill(2 ** 30),
  ])
    assert.throws(() => opened(lie), RangeError);
  // Not protected: one member may use up what the bounds of all others leave.
  assert.ok(opened(Int32Array.of(0, 3 * 2 ** encoding.scaleBits, 0, 0)));
});
