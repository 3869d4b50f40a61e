/** Weights out of bounds, by which one member counts for more than all others, and weights that are told in the clear. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeCbor } from '../../src/core/bytes/cbor.ts';
import { decodeEnvelope } from '../../src/core/crypto/envelope.ts';
import { dequantise, groupMean, makeEncoding, quantise } from '../../src/core/secagg/encoding.ts';
import { parseInput } from '../../src/core/secagg/group-message.ts';
import { syntheticExamples } from '../../src/simulation/synthetic-trainer.ts';
import { clients, GroupHost, player } from '../client/group-host.ts';
import { inputOf, places, TestGroup, vectorOf } from './secagg-session.ts';

const encoding = makeEncoding({ bits: 32, clipNorm: 1, weightMax: 100, dimension: 2, members: 4 });
const honest = [40, 60, 100].map(weight => quantise(Float32Array.of(0.5, 0), weight, encoding));
const summed = (vectors: readonly Int32Array[]) =>
  vectors.reduce((total, one) => total.map((word, i) => (word + one[i]) | 0));

test('a weight that is not bounded lets one member decide the mean', () => {
  const coarse = { ...encoding, scaleBits: 16 };
  const weight = 100_000;
  const vectors = [40, 60, 100].map(own => quantise(Float32Array.of(0.5, 0), own, coarse));
  const [x, y, total] = summed([...vectors, Int32Array.of(0, 0.5 * (weight / 100) * 2 ** 16, weight)]);
  const mean = [x, y].map(steps => steps / 2 ** 16 / (total / 100));
  assert.ok(mean[0] < 0.001 && mean[1] > 0.498, 'three honest members count for nothing');
});

test('no member encodes a weight out of bounds', () => {
  for (const weight of [101, 100_000, 0, -15, 0.5, Number.NaN, Number.POSITIVE_INFINITY])
    assert.throws(() => quantise(Float32Array.of(0.5, 0), weight, encoding), { code: 'bad-weight' });
});

test('the heaviest member moves the sum by the clip bound at most, and weighs less than its share of the cap', () => {
  const heavy = quantise(Float32Array.of(0, 1), 100, encoding);
  const [, y] = groupMean(dequantise(summed([...honest, heavy]), encoding, 4), encoding);
  assert.ok(Math.abs(y - 100 / 300) < 1e-6);
  assert.ok(Math.hypot(heavy[0], heavy[1]) <= 2 ** encoding.scaleBits + 1);
});

test('a sum of weights that honest members cannot have is refused with the sum', () => {
  for (const weight of [401, 1, -1, 2 ** 31 - 1]) {
    const total = Int32Array.of(0, 0, weight);
    assert.throws(() => dequantise(total, encoding, 4), RangeError);
  }
});

test('a client with more examples than the cap counts with the cap', async () => {
  const host = new GroupHost();
  const cap = 60;
  assert.ok(clients.some(({ name }) => syntheticExamples(name) > 0));
  await Promise.all(places(clients.length).map(at => player(host, at).run()));
  const { encoding: used } = player(host, 0).context.session;
  assert.ok(used !== null && used.weightMax === cap);
  const [update] = await host.opened();
  const expected = clients.reduce((total, { name }) => total + Math.min(cap, syntheticExamples(name)), 0);
  assert.equal(dequantise(update, used, clients.length).weight, expected);
});

test('no weight leaves a member in the clear: what is signed names session, set, digest, length and complaints', () => {
  const group = new TestGroup({ size: 4 }).reach('input');
  const { payload } = decodeEnvelope(group.said('group-input', 0));
  assert.deepEqual(Object.keys(decodeCbor(payload) as object).sort(), [
    'bytes',
    'complaints',
    'sharers',
    'sid',
    'vector',
  ]);
  assert.ok(parseInput(payload));
});

test('the weight is a masked word like any other', async () => {
  const group = new TestGroup({ size: 4 }).reach('masking');
  const input = inputOf(1);
  const [light, heavy] = await Promise.all(
    [1, 100].map(weight => vectorOf(group, 0, group.masks.get(1), Int32Array.of(...input.slice(1), weight))),
  );
  const at = input.length - 1;
  assert.ok(![light, heavy].some(vector => vector[at] >= 0 && vector[at] <= 100), 'neither looks like a weight');
  assert.equal((heavy[at] - light[at]) | 0, 99);
});
