/** Attacks of the coordinator on its clients. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { simulationPorts } from '../../src/cli/simulation-ports.ts';
import type { CoordinatorChannel } from '../../src/client/channel.ts';
import { runClient } from '../../src/client/client.ts';
import { floatsToBytes, sameBytes } from '../../src/core/bytes/floats.ts';
import { decodeEnvelope, type Envelope, signEnvelope } from '../../src/core/crypto/envelope.ts';
import type { Signer } from '../../src/core/crypto/primitives.ts';
import { taskManifest } from '../../src/core/learning/model.ts';
import { parameterCount } from '../../src/core/learning/parameters.ts';
import { FloatPool } from '../../src/core/math/float-pool.ts';
import { encodePayload, labels, parseUpdate } from '../../src/core/protocol/message.ts';
import type { LogEvent } from '../../src/core/protocol/ports.ts';
import { encodeTask, type Task } from '../../src/core/protocol/task.ts';
import { VirtualClock } from '../../src/simulation/clock.ts';
import { simulatedIdentity } from '../../src/simulation/membership.ts';
import { MemoryBlobs } from '../../src/simulation/memory-blobs.ts';
import { MemoryOutbox } from '../../src/simulation/memory-outbox.ts';
import { syntheticTrainer } from '../../src/simulation/synthetic-trainer.ts';
import { smallTask } from '../simulation/federation.ts';

const { primitives, signerOf } = simulationPorts;
const federation = 'simulation';
const task = smallTask({ seed: 1, clients: 1, faults: [] });
const manifest = taskManifest(task);
const size = parameterCount(manifest);
const coordinator = simulatedIdentity('coordinator', 'coordinator', primitives, signerOf);
const client = simulatedIdentity('client', 'alice', primitives, signerOf);

/** One thing the coordinator says when it is asked for work, and what it then serves as the model. */
interface Said {
  /** Default: train. */
  readonly kind?: 'train' | 'evaluate';
  readonly round: number;
  readonly model: Float32Array;
  /** What is served, when it is something else. */
  readonly served?: Float32Array;
  readonly signer?: Signer;
  readonly federation?: string;
  readonly label?: string;
}

const model = (value: number): Float32Array => new Float32Array(size).fill(value);

/** Lets the client hear what is said, one after the other; what it sent, and what it refused by which code. */
async function hear(sayings: readonly Said[], of: Task = task): Promise<{ sent: Envelope[]; refused: string[] }> {
  const taskBytes = encodeTask(of);
  const taskHash = primitives.sha256(taskBytes);
  const clock = new VirtualClock(simulationPorts);
  const sent: Envelope[] = [];
  const refused: string[] = [];
  const stop = new AbortController();
  let said = 0;
  const sign = (label: string, round: number, payload: Uint8Array, by: Signer, to: string): Envelope =>
    signEnvelope(
      { label, federation: to, task: taskHash, round, sender: coordinator.certificate, payload },
      by,
      primitives,
    );
  const receipt = (round: number, envelope: Envelope): Envelope => {
    sent.push(envelope);
    const payload = encodePayload({ label: envelope.label, payload: primitives.sha256(envelope.payload) });
    return sign(labels.receipt, round, payload, coordinator.signer, federation);
  };
  const channel: CoordinatorChannel = {
    async nextAssignment() {
      const saying = sayings[said++];
      if (saying === undefined) {
        stop.abort();
        return null;
      }
      const digest = primitives.sha256(floatsToBytes(saying.model));
      const payload = encodePayload({
        kind: saying.kind ?? 'train',
        model: digest,
        parameters: size,
        evaluate: false,
        remainingMs: 1000,
        cohort: 1,
        noiseMultiplier: null,
        clipNorm: null,
        group: null,
      });
      const { label = labels.assignment, signer = coordinator.signer } = saying;
      return sign(label, saying.round, payload, signer, saying.federation ?? federation);
    },
    task: async () => taskBytes,
    async model() {
      const { served, model: announced } = sayings[said - 1];
      return floatsToBytes(served ?? announced);
    },
    async sendUpdate(_task, round, head) {
      return receipt(round, decodeEnvelope(head.subarray(4)));
    },
    sendEvaluation: async (_task, round, envelope) => receipt(round, envelope),
    sendGroup: async () => assert.fail('there are no groups'),
    nextGroup: async () => assert.fail('there are no groups'),
    sendDecline: async () => assert.fail('nothing is declined here'),
  };
  const running = runClient(
    {
      federation,
      name: 'alice',
      identity: () => ({ signer: client.signer, certificate: client.certificate }),
      coordinatorKey: certificate =>
        sameBytes(certificate, coordinator.certificate) ? coordinator.signer.publicKey : null,
      channel,
      trainerFor: async () => syntheticTrainer('alice', manifest, clock, () => 10),
      outbox: new MemoryOutbox(),
      privacy: { find: async () => null, reserve: async () => assert.fail('nothing is private here') },
      blobs: new MemoryBlobs(),
      primitives,
      clock,
      log: ({ event, code }: LogEvent) => {
        if (event === 'refused') refused.push(code ?? '');
      },
      vectors: new FloatPool(1),
      step: () => undefined,
      group: null,
    },
    stop.signal,
  );
  await clock.run(() => stop.signal.aborted, 3_600_000);
  await running;
  return { sent, refused };
}

test('a coordinator that shows a second model for a round gets no second answer', async () => {
  const { sent, refused } = await hear([
    { round: 1, model: model(0) },
    { round: 1, model: model(1) },
  ]);
  assert.equal(sent.length, 1);
  assert.ok(sameBytes(parseUpdate(sent[0].payload).model, primitives.sha256(floatsToBytes(model(0)))));
  assert.deepEqual(refused, ['equivocation']);
});

test('a coordinator that asks again for the same model gets the same bytes', async () => {
  const { sent, refused } = await hear([
    { round: 1, model: model(0) },
    { round: 1, model: model(0) },
  ]);
  assert.equal(sent.length, 2);
  assert.deepEqual(sent[1], sent[0]);
  assert.deepEqual(refused, []);
});

test('a coordinator that goes back to a round that is over gets no answer', async () => {
  const { sent, refused } = await hear([
    { round: 1, model: model(0) },
    { round: 2, model: model(1) },
    { round: 1, model: model(0) },
  ]);
  assert.deepEqual(
    sent.map(envelope => envelope.round),
    [1, 2],
  );
  assert.deepEqual(refused, ['replayed']);
});

test('a model whose bytes are not those that were announced is not trained on', async () => {
  for (const served of [model(1), new Float32Array(size + 1), new Float32Array(size - 1)]) {
    const { sent, refused } = await hear([{ round: 1, model: model(0), served }]);
    assert.deepEqual([sent, refused], [[], ['bad-digest']]);
  }
});

for (const [what, code, said] of [
  ['another key', 'bad-signature', { signer: signerOf(new Uint8Array(32)) }],
  ['another federation', 'wrong-federation', { federation: 'elsewhere' }],
  ['another use of the key', 'bad-request', { label: labels.receipt }],
] as const) {
  test(`an assignment signed for, or by, ${what} is refused`, async () => {
    const { sent, refused } = await hear([{ round: 1, model: model(0), ...said }]);
    assert.deepEqual([sent, refused], [[], [code]]);
  });
}

test('an assignment for a round that the task does not have is refused', async () => {
  for (const round of [0, task.rounds + 1]) {
    const { sent, refused } = await hear([{ round, model: model(0) }]);
    assert.deepEqual([sent, refused], [[], ['wrong-round']]);
  }
});

test('a model is evaluated for its own sake where the run can end, and nowhere else', async () => {
  const evaluate = (round: number): Said => ({ kind: 'evaluate', round, model: model(round) });
  const roundsOf = ({ sent }: { sent: Envelope[] }) => sent.map(envelope => envelope.round);
  for (const round of [1, task.rounds, task.rounds + 2]) {
    const { sent, refused } = await hear([evaluate(round)]);
    assert.deepEqual([sent, refused], [[], ['wrong-round']]);
  }
  assert.deepEqual(roundsOf(await hear([evaluate(task.rounds + 1)])), [task.rounds + 1]);
  const early = { ...task, rounds: 9, stopping: { metric: 'loss' as const, patience: 2, minDelta: 0 } };
  for (const round of [3, 4]) assert.deepEqual(roundsOf(await hear([evaluate(round)], early)), []);
  for (const round of [5, 10]) assert.deepEqual(roundsOf(await hear([evaluate(round)], early)), [round]);
  const rarely = { ...early, evaluation: { ...early.evaluation, everyRounds: 2 } };
  assert.deepEqual(roundsOf(await hear([evaluate(7)], rarely)), []);
  assert.deepEqual(roundsOf(await hear([evaluate(8)], rarely)), [8]);
});

test('a run that ended early is over: an evaluation, which can cost as much as a run alone, is not asked for again', async () => {
  const early = { ...task, rounds: 9, stopping: { metric: 'loss' as const, patience: 2, minDelta: 0 } };
  const { sent, refused } = await hear(
    [
      { kind: 'evaluate', round: 5, model: model(0) },
      { kind: 'evaluate', round: 5, model: model(0) },
      { kind: 'evaluate', round: 6, model: model(1) },
      { kind: 'train', round: 6, model: model(1) },
    ],
    early,
  );
  assert.deepEqual(
    sent.map(({ label, round }) => [label, round]),
    [
      ['evaluation', 5],
      ['evaluation', 5],
    ],
  );
  assert.deepEqual(refused, ['wrong-round', 'wrong-round']);
});
