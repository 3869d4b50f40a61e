/** δ of one sampled Gaussian against figures of 60 digits (mpmath: the tails beyond the threshold of the likelihood ratio). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sampledGaussianDelta } from '../../../src/core/privacy/sampled-gaussian-delta.ts';

const close = (got: number, expected: number): void =>
  assert.ok(Math.abs(got - expected) <= 1e-12 * expected, `${got}, expected ${expected}`);

test('replacing a record that is rarely drawn keeps its digits', () => {
  const delta = (sigma: number, q: number, epsilon: number) => sampledGaussianDelta(q, sigma, 1, 'replace', epsilon);
  close(delta(22, 1e-5, 0), 3.625499510437299e-7);
  close(delta(2, 0.01, 0.02), 1.506775882806771e-4);
  close(delta(0.1, 0.3, 3), 0.2999989268311245);
  close(delta(1, 1e-3, 8), 1.517252571961547e-51);
  close(delta(1, 0.5, -1), 0.6664650384891762);
  assert.equal(delta(1e-120, 0.25, 3), 0.25);
});

test('adding a record that is rarely drawn keeps its digits', () => {
  close(sampledGaussianDelta(2.81517094312634e-11, 3.0052795947767326, 1, 'add', 0), 3.719889884111976e-12);
});

test('without sampling, replacing is a Gaussian of twice the sensitivity', () => {
  close(sampledGaussianDelta(1, 2, 1, 'replace', 0.7), sampledGaussianDelta(1, 1, 1, 'remove', 0.7));
});
