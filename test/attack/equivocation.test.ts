/** A member that says two things in one round, at once and across a restart of the coordinator: the first one stands. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { test } from 'node:test';
import { applyServerOptimizer, initialServerState } from '../../src/core/aggregation/server-optimizer.ts';
import { floatsToBytes } from '../../src/core/bytes/floats.ts';
import { taskParameters } from '../../src/core/learning/model.ts';
import { encodeUpdateHead } from '../../src/core/protocol/message.ts';
import { initialSeed } from '../../src/core/protocol/task.ts';
import { type ByHand, byHand, credentialsOf, type Made, makeUpdate } from '../federation/by-hand.ts';
import { enrol, temporaryFolder } from '../federation/enrolled.ts';
import { startCoordinator } from '../federation/local.ts';
import { operatorOf } from '../federation/operator.ts';
import { smallTask } from '../federation/small-task.ts';

const task = smallTask({ minimum: 2, rounds: 1 });
const global = taskParameters(task, sha256(initialSeed(task)));
const constant = (value: number): Float32Array => new Float32Array(global.length).fill(value);

test('of two updates of a member one stands, whatever comes later; the other is refused, counted and kept', async t => {
  await using stack = new AsyncDisposableStack();
  const enrolled = await enrol(join(temporaryFolder(t), 'demo'), ['anna', 'mallory']);
  const operator = await operatorOf(enrolled, stack);
  const start = async (lifetime: AsyncDisposableStack): Promise<ByHand[]> => {
    await startCoordinator(lifetime, enrolled);
    const hands = ['anna', 'mallory'].map(name => byHand(lifetime, enrolled, credentialsOf(enrolled, name)));
    for (const hand of hands) assert.equal((await hand.hello()).code, 'ok');
    return hands;
  };
  let stands: [code: string, value: number, made: Made][];
  {
    await using firstLife = new AsyncDisposableStack();
    const [anna, mallory] = await start(firstLife);
    const assigned = [mallory, anna].map(hand => hand.assignment());
    await operator.present(enrolled.clients);
    const id = await operator.submit(task);
    const [assignment] = await Promise.all(assigned);
    const both = [0.001, 0.5].map(value => {
      const made = makeUpdate(assignment, task, mallory.credentials, { tensor: constant(value) });
      return { value, made };
    });
    stands = await Promise.all(both.map(async ({ value, made }) => [await send(mallory, id, made), value, made]));
    assert.deepEqual(stands.map(([code]) => code).sort(), ['equivocation', 'ok'], 'sent at once, one is taken');
  }
  await using secondLife = new AsyncDisposableStack();
  const [anna, mallory] = await start(secondLife);
  const id = await operator.submit(task);
  for (const [code, , made] of stands) assert.equal(await send(mallory, id, made), code, 'after a restart as before');
  const tensor = constant(0.25);
  assert.equal(await send(anna, id, makeUpdate(await anna.assignment(), task, anna.credentials, { tensor })), 'ok');
  const { reports, refusals, model } = await operator.status(id);
  assert.deepEqual(reports[0].combined, ['anna', 'mallory']);
  assert.deepEqual(refusals, [{ client: 'mallory', code: 'equivocation', count: 2 }]);
  const [, value] = stands.find(([code]) => code === 'ok') ?? [];
  assert.equal(model, modelAfter(((value ?? 0) + 0.25) / 2), 'the update that stands is the one that is combined');
});

async function send({ request }: ByHand, task: string, { envelope, tensor }: Made): Promise<string> {
  const body = Buffer.concat([encodeUpdateHead(envelope), tensor]);
  return (await request('PUT', `/v1/tasks/${task}/rounds/1/update`, body)).code;
}

/** Digest of the model after one round whose mean update has this value everywhere. */
function modelAfter(mean: number): string {
  const state = initialServerState(task.server, global.length);
  return sha256(floatsToBytes(applyServerOptimizer(task.server, state, global, constant(mean)).parameters)).toString(
    'hex',
  );
}

function sha256(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}
