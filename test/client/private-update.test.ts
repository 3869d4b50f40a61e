import assert from 'node:assert/strict';
import { test } from 'node:test';
import { simulationPorts } from '../../src/cli/simulation-ports.ts';
import type { ClientPorts } from '../../src/client/ports.ts';
import { roundPrivacy } from '../../src/client/private-round.ts';
import { prepare, prepareShare } from '../../src/client/update.ts';
import { taskManifest } from '../../src/core/learning/model.ts';
import { parameterCount } from '../../src/core/learning/parameters.ts';
import type { Trainer } from '../../src/core/learning/trainer.ts';
import { FloatPool } from '../../src/core/math/float-pool.ts';
import type { Assignment } from '../../src/core/protocol/message.ts';
import { Problem } from '../../src/core/protocol/problem.ts';
import { sharedWords } from '../../src/core/secagg/noise-words.ts';
import { centralFedAvg, dpSgd, localFedAvg, privateTask, sharedFedAvg } from '../simulation/private-federation.ts';

const { primitives } = simulationPorts;

/** What one round of a client does, in order; `reserve` is refused where `isRefused`. */
async function order(privacy: object, isRefused: boolean, trains: Trainer['train']): Promise<readonly string[]> {
  const done: string[] = [];
  const note = (what: string): void => void (done.at(-1) === what || done.push(what));
  const isShared = privacy === sharedFedAvg;
  const task = privateTask(isShared ? { privacy, protection: { kind: 'group', size: 3, honest: 3 } } : { privacy });
  const manifest = taskManifest(task);
  const global = new Float32Array(parameterCount(manifest));
  const assignment: Assignment = {
    kind: 'train',
    model: new Uint8Array(32),
    parameters: global.length,
    evaluate: false,
    remainingMs: 1000,
    cohort: 3,
    noiseMultiplier: null,
    clipNorm: null,
    group: null,
  };
  const about = { task, taskHash: new Uint8Array(32), taskId: '00', round: 1, assignment, manifest };
  const context = { ...about, privacy: roundPrivacy(task, 1, assignment, primitives) };
  const ports = {
    name: 'alice',
    privacy: {
      async reserve() {
        // Durable only when it resolves: whoever does not wait is seen.
        await new Promise(resolve => setImmediate(resolve));
        note(isRefused ? 'refused' : 'reserved');
        if (isRefused) throw new Problem('budget-spent');
        return { commit: async () => note('committed'), release: async () => note('released') };
      },
    },
    vectors: new FloatPool(1),
    primitives: {
      ...primitives,
      randomBytes(length: number) {
        note('random bytes');
        return primitives.randomBytes(length);
      },
    },
    step: () => undefined,
    log: () => undefined,
    // Of all ports a round without momentum uses no others.
  } as unknown as ClientPorts;
  const trainer: Trainer = {
    manifest,
    train(request) {
      note('trained');
      return trains(request);
    },
    evaluate: () => assert.fail('nothing is evaluated'),
  };
  try {
    const shared = sharedWords(task, context.taskHash, 1, primitives);
    const training = { trainer, global, compression: null, ports, signal: undefined };
    if (shared === null) await prepare({ ...training, context: { ...context, protection: 'inspect' } });
    else await prepareShare({ ...training, context: { ...context, protection: 'group' } }, shared);
  } catch (error) {
    note(error instanceof Problem ? error.code : String(error));
  }
  return done;
}

const noisy: Trainer['train'] = async ({ parameters }) => ({ parameters, examples: 1, steps: 2, loss: null });

test('what a round costs is durable before a program that draws noise begins, and before a random byte of whole updates', async () => {
  assert.deepEqual(await order(dpSgd, false, noisy), ['reserved', 'trained']);
  assert.deepEqual(await order(localFedAvg, false, noisy), ['trained', 'reserved', 'random bytes']);
  assert.deepEqual(await order(sharedFedAvg, false, noisy), ['trained', 'reserved', 'random bytes']);
  assert.deepEqual(await order(centralFedAvg, false, noisy), ['trained', 'reserved']);
});

test('where the ledger refuses nothing is drawn', async () => {
  assert.deepEqual(await order(dpSgd, true, noisy), ['refused', 'budget-spent']);
  for (const privacy of [localFedAvg, sharedFedAvg])
    assert.deepEqual(await order(privacy, true, noisy), ['trained', 'refused', 'budget-spent']);
});

test('training that ends in the middle has spent: nothing is taken back', async () => {
  const stopped: Trainer['train'] = async () => Promise.reject(new RangeError('stopped'));
  assert.deepEqual(await order(dpSgd, false, stopped), ['reserved', 'trained', 'RangeError: stopped']);
});
