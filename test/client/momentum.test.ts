import assert from 'node:assert/strict';
import { test } from 'node:test';
import { average, forgetMomenta } from '../../src/client/momentum.ts';
import type { ClientPorts } from '../../src/client/ports.ts';
import type { RoundContext, Trained } from '../../src/client/stages.ts';
import { Problem } from '../../src/core/protocol/problem.ts';
import { passed } from '../../src/core/protocol/stage.ts';
import { MemoryBlobs } from '../../src/simulation/memory-blobs.ts';
import { smallTask } from '../simulation/federation.ts';

const taskId = 'aa'.repeat(32);

function contextOf(round: number, workerMomentum: number): RoundContext {
  const task = smallTask({ seed: 1, clients: 3, faults: [], workerMomentum });
  // What the stage reads of a round.
  return { task, taskId, round } as RoundContext;
}

function trained(values: readonly number[], loss = 1): Trained {
  return passed<Trained>({
    data: 'exact',
    difference: Float32Array.from(values),
    report: { examples: 1, steps: 1, loss, evaluation: null, withinClip: null },
  });
}

const portsOf = (blobs: MemoryBlobs): ClientPorts => ({ blobs }) as object as ClientPorts;

async function sent(blobs: MemoryBlobs, round: number, beta: number, values: readonly number[]): Promise<number[]> {
  return [...(await average(trained(values), contextOf(round, beta), portsOf(blobs))).difference];
}

test('m is the exponential mean of the differences, 0 before the first', async () => {
  const blobs = new MemoryBlobs();
  assert.deepEqual(await sent(blobs, 1, 0.5, [8, -4]), [4, -2]);
  assert.deepEqual(await sent(blobs, 2, 0.5, [0, 4]), [2, 1]);
  assert.deepEqual(await sent(blobs, 7, 0.5, [2, 1]), [2, 1], 'a client that was not asked for some rounds');
});

test('a round that is repeated gives the same, also when the momenta before were kept or its own was written', async () => {
  const blobs = new MemoryBlobs();
  await sent(blobs, 3, 0.75, [1, 2]);
  const first = await sent(blobs, 4, 0.75, [5, 6]);
  assert.deepEqual(await sent(blobs.crash(), 4, 0.75, [5, 6]), first);
});

test('with 0 the difference is passed on and nothing is kept', async () => {
  const blobs = new MemoryBlobs();
  assert.deepEqual(await sent(blobs, 1, 0, [8, -4]), [8, -4]);
  assert.deepEqual(await blobs.list('momentum/'), []);
});

test('training that diverged is no momentum: nothing is kept of it', async () => {
  const blobs = new MemoryBlobs();
  const before = await sent(blobs, 1, 0.5, [2, 2]);
  for (const broken of [trained([Number.NaN, 1]), trained([1, Infinity]), trained([1, 1], Number.NaN)])
    await assert.rejects(
      average(broken, contextOf(2, 0.5), portsOf(blobs)),
      (error: unknown) => error instanceof Problem && error.code === 'non-finite',
    );
  assert.deepEqual(await sent(blobs, 3, 0.5, before), before);
});

test('a momentum of another length is damage, not a start from 0', async () => {
  const blobs = new MemoryBlobs();
  await sent(blobs, 1, 0.5, [1]);
  await assert.rejects(sent(blobs, 2, 0.5, [1, 2]), /momentum of a{64} before round 2 is damaged/);
});

test('only the momentum of the newest round is kept, none after the run, and none of another task is touched', async () => {
  const blobs = new MemoryBlobs();
  for (const round of [1, 2, 10]) await sent(blobs, round, 0.5, [1]);
  await forgetMomenta('bb', null, blobs);
  assert.equal((await blobs.list('momentum/')).length, 3);
  await forgetMomenta(taskId, 10, blobs);
  assert.deepEqual(await blobs.list('momentum/'), [`momentum/${taskId}/10`]);
  await forgetMomenta(taskId, null, blobs);
  assert.deepEqual(await blobs.list('momentum/'), []);
});
