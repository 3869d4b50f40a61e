import assert from 'node:assert/strict';
import { test } from 'node:test';
import { simulationPorts } from '../../src/cli/simulation-ports.ts';
import { roundPrivacy } from '../../src/client/private-round.ts';
import type { Assignment } from '../../src/core/protocol/message.ts';
import { Problem } from '../../src/core/protocol/problem.ts';
import { smallTask } from '../simulation/federation.ts';
import { adaptiveFedAvg, centralFedAvg, dpSgd, localFedAvg, privateTask } from '../simulation/private-federation.ts';

const { primitives } = simulationPorts;
const plain: Assignment = {
  kind: 'train',
  model: new Uint8Array(32),
  parameters: 13,
  evaluate: false,
  remainingMs: 1000,
  cohort: 3,
  noiseMultiplier: null,
  clipNorm: null,
  group: null,
};

function noiseOf(privacy: object, round: number, change: Partial<Assignment> = {}) {
  return roundPrivacy(privateTask({ privacy, rounds: 50 }), round, { ...plain, ...change }, primitives)?.noise;
}

function refuses(privacy: object, change: Partial<Assignment>): void {
  assert.throws(
    () => noiseOf(privacy, 1, change),
    (error: unknown) => error instanceof Problem && error.code === 'bad-request',
    JSON.stringify(change),
  );
}

test('noise and clip bound are those of the task where it says them, and no assignment changes them', () => {
  assert.deepEqual(noiseOf(dpSgd, 1), { noiseMultiplier: 1, clipNorm: 1 });
  const decaying = { ...localFedAvg, schedule: { kind: 'decaying', factor: 0.5, least: 0.2 } };
  assert.deepEqual(noiseOf(decaying, 2), { noiseMultiplier: 0.5, clipNorm: 1 });
  assert.deepEqual(noiseOf(decaying, 40), { noiseMultiplier: 0.2, clipNorm: 1 });
  for (const privacy of [dpSgd, localFedAvg, decaying, centralFedAvg]) {
    refuses(privacy, { noiseMultiplier: 1 });
    refuses(privacy, { noiseMultiplier: 0.1 });
    refuses(privacy, { clipNorm: 1 });
  }
});

test('noise that follows releases is no less than the schedule may come to, and no more than it begins with', () => {
  const told = { noiseMultiplier: 0.5, clipNorm: 7 };
  assert.deepEqual(noiseOf(adaptiveFedAvg, 9, told), told);
  refuses(adaptiveFedAvg, { ...told, noiseMultiplier: 0.4999 });
  refuses(adaptiveFedAvg, { ...told, noiseMultiplier: 1.0001 });
  refuses(adaptiveFedAvg, { ...told, noiseMultiplier: null });
  refuses(adaptiveFedAvg, { ...told, clipNorm: null });
});

test('no figure is asked for that the task keeps', () => {
  refuses(dpSgd, { evaluate: true });
  refuses(dpSgd, { kind: 'evaluate', evaluate: true });
  refuses(localFedAvg, { kind: 'evaluate', evaluate: true });
  assert.ok(noiseOf({ ...dpSgd, metrics: { epsilon: 1 } }, 50, { kind: 'evaluate', evaluate: true }));
  refuses({ ...dpSgd, metrics: { epsilon: 1 } }, { evaluate: true });
});

test('a task without privacy has none, and no assignment gives it any', () => {
  const task = smallTask({ seed: 1, clients: 3, faults: [] });
  assert.equal(roundPrivacy(task, 1, { ...plain, evaluate: true }, primitives), null);
  assert.throws(() => roundPrivacy(task, 1, { ...plain, noiseMultiplier: 1 }, primitives), Problem);
});
