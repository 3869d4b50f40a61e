/** A client whose update certificate is renewed between what it said and the receipt: it says the same under the new one. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { simulationPorts } from '../../src/cli/simulation-ports.ts';
import type { CoordinatorChannel } from '../../src/client/channel.ts';
import { runClient } from '../../src/client/client.ts';
import { Coordinator } from '../../src/coordinator/coordinator.ts';
import { toHex } from '../../src/core/bytes/floats.ts';
import type { Envelope } from '../../src/core/crypto/envelope.ts';
import { taskManifest } from '../../src/core/learning/model.ts';
import { FloatPool } from '../../src/core/math/float-pool.ts';
import { splitUpdateBody } from '../../src/core/protocol/message.ts';
import { systemClock } from '../../src/node/clock.ts';
import { memoryClientDisk, memoryCoordinatorDisk } from '../../src/simulation/disk.ts';
import { type Identity, simulatedIdentity, verifySimulated } from '../../src/simulation/membership.ts';
import { syntheticTrainer } from '../../src/simulation/synthetic-trainer.ts';
import { smallTask } from '../simulation/federation.ts';

const { primitives, signerOf } = simulationPorts;
const name = 'site-1';
const task = smallTask({ seed: 1, clients: 1, faults: [], rounds: 1 });

/** The client's key after so many renewals. */
function identityOf(generation: number): Identity {
  return simulatedIdentity('client', name, primitives, seed => signerOf(seed.map(byte => byte ^ generation)));
}

test('what was signed before a renewal and did not arrive is said again under the new certificate, and taken', async () => {
  const coordinatorIdentity = simulatedIdentity('coordinator', 'coordinator', primitives, signerOf);
  const disk = memoryCoordinatorDisk({}, primitives);
  const coordinator = await Coordinator.open({
    federation: 'simulation',
    identity: () => coordinatorIdentity,
    verifyCertificate: document => verifySimulated(document, primitives),
    primitives,
    store: disk.store,
    blobs: disk.blobs,
    privacy: disk.privacy,
    build: 'test',
    isRevoked: () => false,
    openCohort: () => assert.fail('the plain mean opens no cohort'),
    aggregate: () => assert.fail('the plain mean needs no rule'),
    clock: systemClock,
    log: () => undefined,
    step: () => undefined,
    group: null,
  });
  let generation = 0;
  coordinator.register(name, identityOf(generation).document);
  const sent: { label: string; payload: string; sender: string }[] = [];
  /** The first message of each kind is lost, and the client's certificate renewed before it can send again. */
  const note = (envelope: Envelope): void => {
    sent.push(summary(envelope));
    if (sent.filter(message => message.label === envelope.label).length > 1) return;
    coordinator.register(name, identityOf(++generation).document);
    throw new Error('the connection was lost');
  };
  const channel: CoordinatorChannel = {
    nextAssignment: signal => coordinator.nextAssignment(name, 1000, signal),
    task: id => coordinator.task(id),
    model: async (id, round) => new Uint8Array(coordinator.model(id, round)),
    async sendUpdate(_task, _round, head, tensor) {
      const body = await splitUpdateBody(chunksOf(head, tensor));
      note(body.envelope);
      return coordinator.receiveUpdate(name, body);
    },
    sendGroup: async () => assert.fail('there are no groups'),
    nextGroup: async () => assert.fail('there are no groups'),
    async sendDecline() {
      throw new Error('this client answers');
    },
    async sendEvaluation(_task, _round, envelope) {
      note(envelope);
      return coordinator.receiveEvaluation(name, envelope);
    },
  };
  const stop = new AbortController();
  const events: string[] = [];
  const codes: (string | undefined)[] = [];
  const client = memoryClientDisk({}, primitives);
  const { task: id } = await coordinator.submit(task);
  await runClient(
    {
      federation: 'simulation',
      name,
      identity: () => identityOf(generation),
      coordinatorKey: () => coordinatorIdentity.signer.publicKey,
      channel,
      trainerFor: async () => syntheticTrainer(name, taskManifest(task), systemClock, () => 0),
      outbox: client.outbox,
      privacy: client.privacy,
      vectors: new FloatPool(0),
      blobs: client.blobs,
      primitives,
      clock: systemClock,
      log({ event, code }) {
        events.push(event);
        if (code !== undefined) codes.push(code);
        // What is refused once would be refused without end.
        if (event === 'evaluated' || event === 'refused') stop.abort();
      },
      step: () => undefined,
      group: null,
    },
    stop.signal,
  );
  coordinator.close();
  assert.deepEqual(codes, []);
  assert.deepEqual(events, ['connection-lost', 'update-accepted', 'connection-lost', 'evaluated']);
  assert.equal(coordinator.runs().find(run => run.task === id)?.phase, 'finished');
  const [update, again, report, reportAgain] = sent;
  assert.deepEqual([update.payload, report.payload], [again.payload, reportAgain.payload], 'the same is said');
  assert.deepEqual(
    [update, again, report, reportAgain].map(({ sender }) => sender),
    [0, 1, 1, 2].map(g => toHex(identityOf(g).certificate)),
  );
});

async function* chunksOf(...chunks: Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks;
}

function summary({ label, payload, sender }: Envelope) {
  return { label, payload: toHex(payload), sender: toHex(sender) };
}
