import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gaussianEpsilon } from '../../../src/core/privacy/gaussian.ts';
import { rdpGroupEpsilon } from '../../../src/core/privacy/group-privacy.ts';
import { pldEpsilon } from '../../../src/core/privacy/pld.ts';
import { pldGroupEpsilon, replacedRecordEpsilon } from '../../../src/core/privacy/pld-relations.ts';
import { sampledGaussianDelta } from '../../../src/core/privacy/sampled-gaussian-delta.ts';

const delta = 1e-5;

test('without sampling a record in another’s place moves the sum twice as far, and a group as far as it is large', () => {
  const step = { samplingRate: 1, noiseMultiplier: 6 };
  const [replaced, group] = [replacedRecordEpsilon(step, 10, delta), pldGroupEpsilon(step, 10, 3, delta)];
  const [twice, thrice] = [2, 3].map(times => gaussianEpsilon(6 / times, delta, 1, 10));
  assert.ok(replaced >= twice * (1 - 1e-9) && replaced < twice * (1 + 1e-4), `${replaced} and ${twice}`);
  assert.ok(group >= thrice * (1 - 1e-9) && group < thrice * (1 + 1e-4), `${group} and ${thrice}`);
});

test('one step with a record in another’s place has the δ of its closed form', () => {
  const step = { samplingRate: 0.3, noiseMultiplier: 0.9 };
  const epsilon = replacedRecordEpsilon(step, 1, delta);
  const exact = sampledGaussianDelta(0.3, 0.9, 1, 'replace', epsilon);
  assert.ok(exact <= delta && exact > delta * 0.999, String(exact));
});

test('a group of one is one record, and a larger one costs more, but no more than group privacy by RDP', () => {
  const step = { samplingRate: 0.02, noiseMultiplier: 1.2 };
  const event = { kind: 'gaussian', noiseMultiplier: 1.2 } as const;
  const one = pldEpsilon({ kind: 'sampled', q: 0.02, of: event, count: 50 }, delta).upper;
  assert.ok(Math.abs(pldGroupEpsilon(step, 50, 1, delta) / one - 1) < 1e-4);
  const four = pldGroupEpsilon(step, 50, 4, delta);
  assert.ok(four > one && four < rdpGroupEpsilon(step, 50, 4, delta), String(four));
});

test('nothing sampled costs nothing, no noise everything, and values out of range are refused', () => {
  const step = { samplingRate: 0.1, noiseMultiplier: 1 };
  assert.equal(replacedRecordEpsilon({ ...step, samplingRate: 0 }, 5, delta), 0);
  assert.equal(replacedRecordEpsilon(step, 0, delta), 0);
  assert.equal(replacedRecordEpsilon({ ...step, noiseMultiplier: 0 }, 5, delta), Number.POSITIVE_INFINITY);
  assert.equal(replacedRecordEpsilon(step, 5, 0), Number.POSITIVE_INFINITY);
  for (const wrong of [{ samplingRate: 1.1 }, { samplingRate: -0.1 }, { noiseMultiplier: -1 }]) {
    assert.throws(() => replacedRecordEpsilon({ ...step, ...wrong }, 5, delta), RangeError);
    assert.throws(() => pldGroupEpsilon({ ...step, ...wrong }, 5, 2, delta), RangeError);
  }
});
