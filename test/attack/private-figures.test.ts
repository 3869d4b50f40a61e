/** A coordinator that asks for the noisy counts of a private task again and again: several of them, averaged, would be exact. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { simulationPorts } from '../../src/cli/simulation-ports.ts';
import type { CoordinatorChannel } from '../../src/client/channel.ts';
import { runClient } from '../../src/client/client.ts';
import { floatsToBytes } from '../../src/core/bytes/floats.ts';
import { type Envelope, signEnvelope } from '../../src/core/crypto/envelope.ts';
import { createTrainer } from '../../src/core/learning/local-trainer.ts';
import { taskManifest } from '../../src/core/learning/model.ts';
import { parameterCount } from '../../src/core/learning/parameters.ts';
import type { Evaluation, Trainer } from '../../src/core/learning/trainer.ts';
import { FloatPool } from '../../src/core/math/float-pool.ts';
import { encodePayload, labels, parseEvaluationReport } from '../../src/core/protocol/message.ts';
import { encodeTask } from '../../src/core/protocol/task.ts';
import { privateTraining } from '../../src/node/private-training.ts';
import { VirtualClock } from '../../src/simulation/clock.ts';
import { memoryClientDisk } from '../../src/simulation/disk.ts';
import { simulatedIdentity } from '../../src/simulation/membership.ts';
import type { MemoryLedger } from '../../src/simulation/memory-ledger.ts';
import { dpSgd, privateTask } from '../simulation/private-federation.ts';

const { primitives, signerOf } = simulationPorts;
const federation = 'simulation';
const task = privateTask({ privacy: { ...dpSgd, metrics: { epsilon: 1 } }, rounds: 5 });
const taskBytes = encodeTask(task);
const manifest = taskManifest(task);
const size = parameterCount(manifest);
const coordinator = simulatedIdentity('coordinator', 'coordinator', primitives, signerOf);
const client = simulatedIdentity('client', 'alice', primitives, signerOf);

const evaluation: Evaluation = {
  kind: 'classes',
  examples: 1000,
  correct: 900,
  logLoss: 12.5,
  classCounts: [500, 500],
  auc: 0.9,
  scores: null,
};

interface Asked {
  readonly kind: 'train' | 'evaluate';
  readonly round: number;
  /** Fill of the model. */
  readonly model: number;
}

/** The reports that leave when a client is asked these, one after the other, what it refused, and its ledger. */
async function ask(
  asked: readonly Asked[],
  evaluate: Trainer['evaluate'] = async () => evaluation,
): Promise<{ reports: Envelope[]; refused: string[]; declines: number; ledger: MemoryLedger }> {
  const clock = new VirtualClock(simulationPorts);
  const stop = new AbortController();
  const disk = memoryClientDisk({}, primitives);
  const reports: Envelope[] = [];
  const refused: string[] = [];
  let declines = 0;
  let at = 0;
  const modelOf = ({ model }: Asked): Uint8Array => floatsToBytes(new Float32Array(size).fill(model));
  const sign = (label: string, round: number, payload: Uint8Array): Envelope =>
    signEnvelope(
      { label, federation, task: primitives.sha256(taskBytes), round, sender: coordinator.certificate, payload },
      coordinator.signer,
      primitives,
    );
  const channel: CoordinatorChannel = {
    async nextAssignment() {
      const now = asked[at++];
      if (now === undefined) {
        stop.abort();
        return null;
      }
      const { kind, round } = now;
      const model = primitives.sha256(modelOf(now));
      const open = { noiseMultiplier: null, clipNorm: null, group: null };
      const about = { kind, model, parameters: size, evaluate: kind === 'evaluate', remainingMs: 1000, cohort: 1 };
      return sign(labels.assignment, round, encodePayload({ ...about, ...open }));
    },
    task: async () => taskBytes,
    model: async () => modelOf(asked[at - 1]),
    sendUpdate: () => assert.fail('no update is asked for'),
    sendGroup: async () => assert.fail('there are no groups'),
    nextGroup: async () => assert.fail('there are no groups'),
    async sendDecline() {
      declines++;
    },
    async sendEvaluation(_task, round, envelope) {
      reports.push(envelope);
      const payload = encodePayload({ label: envelope.label, payload: primitives.sha256(envelope.payload) });
      return sign(labels.receipt, round, payload);
    },
  };
  const ports = {
    federation,
    name: 'alice',
    identity: () => ({ signer: client.signer, certificate: client.certificate }),
    coordinatorKey: () => coordinator.signer.publicKey,
    channel,
    trainerFor: async () => ({
      manifest,
      train: () => assert.fail('nothing is trained here'),
      evaluate,
    }),
    ...disk,
    vectors: new FloatPool(1),
    primitives,
    clock,
    log: ({ event, code }: { event: string; code?: string }) => {
      if (event === 'refused') refused.push(code ?? '');
    },
    step: () => undefined,
    group: null,
  };
  const running = runClient(ports, stop.signal);
  await clock.run(() => stop.signal.aborted, 3_600_000);
  await running;
  // A disk in memory has a ledger in memory.
  return { reports, refused, declines, ledger: disk.privacy as MemoryLedger };
}

test('gets them once, with noise, and the same ones when it asks the same again', async () => {
  const last: Asked = { kind: 'evaluate', round: 6, model: 0 };
  const { reports, ledger } = await ask([last, last, last]);
  assert.equal(reports.length, 3);
  for (const { payload } of reports) assert.deepEqual(payload, reports[0].payload);
  const { evaluation, alone, noisyCounts } = parseEvaluationReport(reports[0].payload);
  assert.deepEqual([evaluation, alone], [null, null]);
  assert.ok(noisyCounts !== null && Math.abs(noisyCounts.examples - 1000) < 200);
  assert.equal(ledger.ledger.spent.length, 1);
});

test('gets no others in another round, or about another model', async () => {
  const { reports, refused, ledger } = await ask([
    { kind: 'evaluate', round: 3, model: 0 },
    { kind: 'evaluate', round: 3, model: 1 },
    { kind: 'evaluate', round: 4, model: 1 },
    { kind: 'evaluate', round: 6, model: 1 },
    { kind: 'evaluate', round: 2, model: 1 },
    { kind: 'train', round: 4, model: 1 },
  ]);
  assert.equal(reports.length, 1);
  assert.deepEqual(refused, ['equivocation', 'wrong-round', 'wrong-round', 'replayed', 'wrong-round']);
  assert.equal(ledger.ledger.spent.length, 1);
});

test('does not learn from a refusal that one row makes its model overflow', async () => {
  // With every weight at w a row with a + b > −1 gives 4w, which no float32 holds, and any other −2w.
  const overflow: Asked = { kind: 'evaluate', round: 6, model: 8.6e37 };
  for (const features of [Float32Array.of(-2, 0, -3, 0), Float32Array.of(-2, 0, 5, 0)]) {
    const rows = { rows: 2, width: 2, features, labelWidth: 1, labels: Float32Array.of(0, 1) };
    const site = { train: rows, test: rows, featureNames: ['a', 'b'], classes: 2, scaler: null, droppedRows: 0 };
    const trainer = createTrainer(task, site, { privacy: privateTraining(task) });
    const { reports, refused, declines } = await ask([overflow], trainer.evaluate);
    assert.deepEqual([reports.length, refused, declines], [1, [], 0], String(features));
  }
});
