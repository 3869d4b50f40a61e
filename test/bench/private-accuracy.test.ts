import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type PrivateSettings, planTraining, trainAndTest } from '../../bench/private-accuracy.ts';
import { pldNoiseMultiplier } from '../../src/core/privacy/pld-calibration.ts';

const settings: PrivateSettings = {
  epsilon: 2,
  countedBy: 'loss-distribution',
  delta: 1e-3,
  samplingRate: 1,
  steps: 20,
  clipNorm: 1,
  learningRate: 1,
  momentum: 0,
  model: { name: 'logistic' },
};

/** Three classes, each on its own axis. */
function axes(rows: number) {
  const labels = Float32Array.from({ length: rows }, (_, row) => row % 3);
  const features = Float32Array.from({ length: 3 * rows }, (_, i) => Number(labels[Math.floor(i / 3)] === i % 3));
  const data = { rows, width: 3, features, labelWidth: 1, labels };
  return { train: data, test: data, featureNames: [], classes: 3, scaler: null, droppedRows: 0 };
}

test('noise is planned to keep ε, with little to spare', () => {
  const site = axes(600);
  const { plan, epsilon, epsilonRdp } = planTraining(settings, site);
  assert.ok(epsilon <= 2 && epsilon > 1.99, `${epsilon}`);
  assert.ok(epsilonRdp > epsilon);
  const { samplingRate, steps, delta } = settings;
  const continuous = pldNoiseMultiplier({ epsilon: 2, delta, samplingRate, steps });
  assert.ok(plan.privacy.noiseMultiplier >= continuous);
  assert.ok(plan.privacy.noiseMultiplier < 1.1 * continuous);
});

test('counted by RDP there is more noise, and ε by RDP is kept', () => {
  const site = axes(600);
  const [byLoss, byRdp] = [planTraining(settings, site), planTraining({ ...settings, countedBy: 'rdp' }, site)];
  assert.ok(byRdp.epsilonRdp <= 2 && byRdp.epsilonRdp > 1.99, `${byRdp.epsilonRdp}`);
  assert.ok(byRdp.plan.privacy.noiseMultiplier > byLoss.plan.privacy.noiseMultiplier);
});

test('classes that are easy to tell apart are learnt through the noise', async () => {
  const site = axes(600);
  assert.equal(await trainAndTest(planTraining(settings, site), site), 1);
});
