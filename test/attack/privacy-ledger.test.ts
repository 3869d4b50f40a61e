/** A coordinator that lies to make a client spend more privacy than its task, its ledger or its owner allow. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { simulationPorts } from '../../src/cli/simulation-ports.ts';
import type { CoordinatorChannel } from '../../src/client/channel.ts';
import { runClient } from '../../src/client/client.ts';
import { floatsToBytes, sameBytes } from '../../src/core/bytes/floats.ts';
import { decodeEnvelope, type Envelope, signEnvelope } from '../../src/core/crypto/envelope.ts';
import { taskManifest } from '../../src/core/learning/model.ts';
import { parameterCount } from '../../src/core/learning/parameters.ts';
import { FloatPool } from '../../src/core/math/float-pool.ts';
import type { SpendLimit } from '../../src/core/privacy/ledger-port.ts';
import { planOfTask, roundEvent } from '../../src/core/privacy/plan.ts';
import { encodePayload, labels, parseDecline } from '../../src/core/protocol/message.ts';
import type { LogEvent } from '../../src/core/protocol/ports.ts';
import { encodeTask, parseTask, type Task } from '../../src/core/protocol/task.ts';
import { VirtualClock } from '../../src/simulation/clock.ts';
import { simulatedIdentity } from '../../src/simulation/membership.ts';
import { MemoryBlobs } from '../../src/simulation/memory-blobs.ts';
import { MemoryLedger } from '../../src/simulation/memory-ledger.ts';
import { MemoryOutbox } from '../../src/simulation/memory-outbox.ts';
import { syntheticTrainer } from '../../src/simulation/synthetic-trainer.ts';
import { smallTask } from '../simulation/federation.ts';

const { primitives, signerOf } = simulationPorts;
const federation = 'simulation';
const coordinator = simulatedIdentity('coordinator', 'coordinator', primitives, signerOf);
const client = simulatedIdentity('client', 'alice', primitives, signerOf);

function privateTask(name: string, privacy: object = {}, rounds = 20): Task {
  return parseTask({
    ...smallTask({ seed: 1, clients: 1, faults: [], rounds }),
    name,
    aggregation: { rule: 'mean', weightBy: 'uniform', clipNorm: 1000 },
    privacy: {
      mechanism: 'dp-fedavg',
      unit: 'organisation',
      relation: 'add-remove',
      clip: 1,
      sampling: 'all',
      expectedCohort: 3,
      noiseAt: 'client',
      noiseMultiplier: 4,
      delta: 1e-5,
      budget: { epsilon: 3 },
      ...privacy,
    },
  });
}

const fixed = privateTask('fixed');
const another = privateTask('another');
const following = privateTask('following', {
  noiseAt: 'coordinator',
  schedule: { kind: 'progress', factor: 0.8, least: 2 },
});
const size = parameterCount(taskManifest(fixed));

/** One thing the coordinator says when it is asked for work. */
interface Said {
  readonly task?: Task;
  readonly round: number;
  /** Fill of the model. */
  readonly model?: number;
  readonly noiseMultiplier?: number | null;
  readonly clipNorm?: number | null;
  readonly evaluate?: boolean;
}

interface Heard {
  readonly sent: Envelope[];
  /** Reasons that the client gave for not taking part. */
  readonly declined: string[];
  /** Codes of what it refused to listen to. */
  readonly refused: string[];
}

/** Lets a client with this ledger hear what is said, one after the other. */
async function hear(sayings: readonly Said[], ledger: MemoryLedger): Promise<Heard> {
  const clock = new VirtualClock(simulationPorts);
  const heard: Heard = { sent: [], declined: [], refused: [] };
  const stop = new AbortController();
  let said = 0;
  const hashOf = (task: Task): Uint8Array => primitives.sha256(encodeTask(task));
  const sign = (label: string, task: Uint8Array, round: number, payload: Uint8Array): Envelope =>
    signEnvelope(
      { label, federation, task, round, sender: coordinator.certificate, payload },
      coordinator.signer,
      primitives,
    );
  const modelOf = ({ model = 0 }: Said): Uint8Array => floatsToBytes(new Float32Array(size).fill(model));
  const channel: CoordinatorChannel = {
    async nextAssignment() {
      const saying = sayings[said++];
      if (saying === undefined) {
        stop.abort();
        return null;
      }
      const { task = fixed, round, noiseMultiplier = null, clipNorm = null, evaluate = false } = saying;
      const payload = encodePayload({
        kind: 'train',
        model: primitives.sha256(modelOf(saying)),
        parameters: size,
        evaluate,
        remainingMs: 1000,
        cohort: 1,
        noiseMultiplier,
        clipNorm,
        group: null,
      });
      return sign(labels.assignment, hashOf(task), round, payload);
    },
    task: async id => {
      const known = [fixed, another, following].find(task => Buffer.from(hashOf(task)).toString('hex') === id);
      return encodeTask(known ?? assert.fail('unknown task'));
    },
    model: async () => modelOf(sayings[said - 1]),
    async sendUpdate(_task, round, head) {
      const envelope = decodeEnvelope(head.subarray(4));
      heard.sent.push(envelope);
      const payload = encodePayload({ label: envelope.label, payload: primitives.sha256(envelope.payload) });
      return sign(labels.receipt, envelope.task, round, payload);
    },
    sendEvaluation: async () => assert.fail('nothing is evaluated here'),
    sendGroup: async () => assert.fail('there are no groups'),
    nextGroup: async () => assert.fail('there are no groups'),
    async sendDecline(_task, _round, { payload }) {
      heard.declined.push(parseDecline(payload).reason);
    },
  };
  const ports = {
    federation,
    name: 'alice',
    identity: () => ({ signer: client.signer, certificate: client.certificate }),
    coordinatorKey: (certificate: Uint8Array) =>
      sameBytes(certificate, coordinator.certificate) ? coordinator.signer.publicKey : null,
    channel,
    trainerFor: async (task: Task) => syntheticTrainer('alice', taskManifest(task), clock, () => 10),
    outbox: new MemoryOutbox(),
    privacy: ledger,
    blobs: new MemoryBlobs(),
    primitives,
    clock,
    log: ({ event, code }: LogEvent) => {
      if (event === 'refused') heard.refused.push(code ?? '');
    },
    vectors: new FloatPool(1),
    step: () => undefined,
    group: null,
  };
  const running = runClient(ports, stop.signal);
  await clock.run(() => stop.signal.aborted, 3_600_000);
  await running;
  return heard;
}

const ledgerOf = (lifetime?: SpendLimit): MemoryLedger =>
  new MemoryLedger({
    sha256: primitives.sha256,
    build: 'test',
    limits: lifetime === undefined ? {} : { organisations: lifetime },
  });

test('whatever noise, bound or figures an assignment names, the client reserves what its own plan says, or nothing', async () => {
  const honest = fc.oneof(
    fc.record({ task: fc.constant(fixed), round: fc.integer({ min: 1, max: 25 }) }),
    fc.record({
      task: fc.constant(following),
      round: fc.integer({ min: 1, max: 25 }),
      noiseMultiplier: fc.constantFrom(2, 3, 4),
    }),
  );
  const lie = fc.constantFrom<Partial<Said>>(
    {},
    {},
    { noiseMultiplier: 0.1 },
    { noiseMultiplier: 1.9 },
    { noiseMultiplier: 4.1 },
    { noiseMultiplier: null },
    { clipNorm: 1e9 },
    { evaluate: true },
  );
  const fill = fc.tuple(honest, lie).map(([said, changes]): Said => ({ ...said, ...changes }));
  let reserved = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(fill, { maxLength: 12 }), async sayings => {
      const ledger = ledgerOf();
      await hear(
        [...sayings].sort((a, b) => a.round - b.round),
        ledger,
      );
      for (const { event, task, round } of ledger.ledger.spent) {
        assert.ok(round <= 20);
        const of = [fixed, following].find(each => hex(each) === task) ?? assert.fail('another task');
        const plan = planOfTask(of) ?? assert.fail('no plan');
        const allowed = of === fixed ? [4] : [2, 3, 4];
        assert.ok(
          allowed.some(noise => JSON.stringify(roundEvent(plan, noise)) === JSON.stringify(event)),
          JSON.stringify(event),
        );
      }
      reserved += ledger.ledger.spent.length;
      const rounds = ledger.ledger.spent.map(({ task, round }) => `${task}/${round}`);
      assert.equal(new Set(rounds).size, rounds.length, 'no round is paid for twice');
    }),
    { seed: 11, numRuns: 30 },
  );
  assert.ok(reserved > 20, String(reserved));
});

test('less noise than the schedule can come to, and noise where the task fixes it, is refused before anything is spent', async () => {
  const ledger = ledgerOf();
  const { sent, refused } = await hear(
    [
      { round: 1, noiseMultiplier: 4 },
      { round: 1, noiseMultiplier: 0.1 },
      { round: 1, clipNorm: 1 },
      { round: 1, evaluate: true },
      { task: following, round: 1, noiseMultiplier: 1.99 },
      { task: following, round: 1 },
      { round: 21 },
    ],
    ledger,
  );
  assert.deepEqual([sent.length, ledger.entries.length], [0, 0]);
  assert.deepEqual(refused, [...Array(6).fill('bad-request'), 'wrong-round']);
});

test('a round that is asked for again, with another model or not, is not answered with new noise', async () => {
  const ledger = ledgerOf();
  const { sent, refused } = await hear([{ round: 1 }, { round: 1 }, { round: 1, model: 1 }], ledger);
  assert.equal(sent.length, 2);
  assert.deepEqual(sent[1], sent[0]);
  assert.deepEqual(refused, ['equivocation']);
  assert.deepEqual(
    ledger.ledger.spent.map(({ round, state }) => [round, state]),
    [[1, 'released']],
  );
});

test('rounds beyond the budget of the task are declined, however the coordinator counts', async () => {
  const ledger = ledgerOf();
  const rounds = Array.from({ length: 20 }, (_, i) => ({ round: i + 1 }));
  const { sent, declined } = await hear(rounds, ledger);
  const [line] = ledger.ledger.lines;
  assert.equal(sent.length, ledger.ledger.spent.length);
  assert.ok(sent.length > 3 && sent.length < 20);
  assert.equal(declined.length, 20 - sent.length);
  assert.deepEqual(new Set(declined), new Set(['budget']));
  assert.ok(line.spent <= 3);
});

test('a second task does not begin with a fresh budget where the owner of the data limits all of them', async () => {
  const ledger = ledgerOf({ epsilon: 2, delta: 1e-4 });
  const { declined } = await hear(
    [{ round: 1 }, { round: 2 }, { task: another, round: 1 }, { task: another, round: 2 }, { task: another, round: 3 }],
    ledger,
  );
  const set = ledger.ledger.lines.at(-1);
  assert.ok(set !== undefined && set.spent <= 2);
  assert.ok(declined.length > 0 && declined.every(reason => reason === 'budget'), String(declined));
});

function hex(task: Task): string {
  return Buffer.from(primitives.sha256(encodeTask(task))).toString('hex');
}
