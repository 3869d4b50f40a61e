/** A client that a task names as a coin party, and a coordinator that asks it for more than it may have. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { groupSimulationPorts } from '../../src/cli/simulation-ports.ts';
import { answerCoin, type HeldSecrets } from '../../src/client/coin.ts';
import type { ClientPorts } from '../../src/client/ports.ts';
import { compareBytes } from '../../src/core/bytes/cbor.ts';
import { toHex } from '../../src/core/bytes/floats.ts';
import { decodeEnvelope, type Envelope, encodeEnvelope, signEnvelope } from '../../src/core/crypto/envelope.ts';
import { encodePayload, labels } from '../../src/core/protocol/message.ts';
import { encodeTask, parseTask } from '../../src/core/protocol/task.ts';
import { commitment, drawRoot } from '../../src/core/secagg/coin.ts';
import {
  type CoinAsk,
  type Committed,
  coinLabels,
  encodeCoinMessage,
  parseCoinCommit,
  parseCoinReveal,
} from '../../src/core/secagg/coin-message.ts';
import { type Identity, simulatedIdentity, verifySimulated } from '../../src/simulation/membership.ts';
import { MemoryBlobs } from '../../src/simulation/memory-blobs.ts';
import { smallTask } from '../simulation/federation.ts';

const ports = await groupSimulationPorts();
const { primitives } = ports;
const federation = 'groups';
const parties = ['anna', 'bert', 'cleo'];
const task = parseTask({
  ...smallTask({ seed: 1, clients: 9, minimum: 9, faults: [], rounds: 20 }),
  protection: { kind: 'group', size: 4, honest: 3, colluders: 0, coin: parties, redrawRounds: 4 },
});
const taskHash = primitives.sha256(encodeTask(task));
const identityOf = (role: 'client' | 'coordinator', name: string) =>
  simulatedIdentity(role, name, primitives, ports.signerOf);
const coordinator = identityOf('coordinator', 'coordinator');
const cohort = ['anna', 'bert', 'cleo', 'dora', 'emil', 'fina', 'gert', 'hans', 'ines']
  .map(name => identityOf('client', name).certificate)
  .sort(compareBytes);

function sign(label: string, payload: Uint8Array, { signer, certificate: sender }: Identity, round: number): Envelope {
  return signEnvelope({ label, federation, task: taskHash, round, sender, payload }, signer, primitives);
}

/** One process of a client. What it sent is kept; blobs outlive it. */
class Party {
  readonly sent: Envelope[] = [];
  readonly #secrets: HeldSecrets = new Map();
  readonly #ports: ClientPorts;

  constructor(name: string, blobs = new MemoryBlobs()) {
    const identity = identityOf('client', name);
    // Nothing else of its ports is asked for.
    this.#ports = {
      federation,
      name,
      identity: () => identity,
      coordinatorKey: (hash: Uint8Array) =>
        toHex(hash) === toHex(coordinator.certificate) ? coordinator.signer.publicKey : null,
      channel: {
        sendGroup: async (_task: string, _round: number, head: Uint8Array) => {
          const envelope = decodeEnvelope(head.subarray(4));
          this.sent.push(envelope);
          const payload = encodePayload({ label: envelope.label, payload: primitives.sha256(envelope.payload) });
          return sign(labels.receipt, payload, coordinator, envelope.round);
        },
      },
      blobs,
      primitives,
      log: () => undefined,
      step: () => undefined,
      group: { ...ports.group, verifyMember: (document: Uint8Array) => verifySimulated(document, primitives) },
    } as object as ClientPorts;
  }

  async ask(ask: CoinAsk, round = 5): Promise<Envelope> {
    const envelope = sign(coinLabels.ask, encodeCoinMessage(ask), coordinator, round);
    await answerCoin(envelope, new Map([[toHex(taskHash), task]]), this.#secrets, this.#ports);
    return this.sent[this.sent.length - 1];
  }
}

const first = { epoch: 1, draw: 0 };

/** A commitment of another party. */
function committedBy(name: string, place = first, text = name): Committed {
  const identity = identityOf('client', name);
  const context = { federation, task: taskHash, ...place };
  const value = commitment(primitives.sha256(Buffer.from(text)), context, identity.certificate, primitives);
  const envelope = sign(coinLabels.commit, encodeCoinMessage({ ...place, commitment: value }), identity, 5);
  return { certificate: identity.document, commit: encodeEnvelope(envelope) };
}

function revealAsk(commit: Envelope, changes: Partial<Extract<CoinAsk, { stage: 'reveal' }>> = {}): CoinAsk {
  const own = { certificate: identityOf('client', 'anna').document, commit: encodeEnvelope(commit) };
  const commitments = [own, committedBy('bert'), committedBy('cleo')];
  return { stage: 'reveal', ...first, cohort, commitments, ...changes };
}

test('a party reveals what it committed to, and signs the root with it; asked again it says the same', async () => {
  const party = new Party('anna');
  const commit = await party.ask({ stage: 'commit', ...first });
  assert.deepEqual((await party.ask({ stage: 'commit', ...first })).payload, commit.payload);
  const ask = revealAsk(commit);
  const reveal = await party.ask(ask);
  assert.deepEqual((await party.ask(ask)).payload, reveal.payload);
  const { secret, root } = parseCoinReveal(reveal.payload);
  const context = { federation, task: taskHash, ...first };
  const own = identityOf('client', 'anna').certificate;
  assert.deepEqual(commitment(secret, context, own, primitives), parseCoinCommit(commit.payload).commitment);
  assert.ok(ask.stage === 'reveal');
  const values = ask.commitments.map(({ commit: bytes }) => {
    const { sender, payload } = decodeEnvelope(bytes);
    return { party: sender, value: parseCoinCommit(payload).commitment };
  });
  assert.deepEqual(root, drawRoot(context, cohort, values, primitives));
});

test('a party reveals for one cohort and one list of commitments', async () => {
  const party = new Party('anna');
  const commit = await party.ask({ stage: 'commit', ...first });
  await party.ask(revealAsk(commit));
  await assert.rejects(party.ask(revealAsk(commit, { cohort: cohort.slice(1) })), { code: 'equivocation' });
  assert.equal(party.sent.length, 2);
});

test('a party reveals only where every party of the task, and nobody else, has signed a commitment in this draw', async () => {
  const party = new Party('anna');
  const commit = await party.ask({ stage: 'commit', ...first });
  const own = { certificate: identityOf('client', 'anna').document, commit: encodeEnvelope(commit) };
  const forged = { ...committedBy('cleo'), commit: committedBy('dora').commit };
  const lists = [
    [own, committedBy('bert'), committedBy('dora')],
    [own, committedBy('bert'), forged],
    [own, committedBy('bert'), committedBy('cleo', { epoch: 1, draw: 1 })],
    [own, committedBy('bert'), committedBy('bert')],
  ];
  for (const commitments of lists)
    await assert.rejects(party.ask(revealAsk(commit, { commitments })), { code: 'bad-request' });
  const altered = [committedBy('anna', first, 'another secret'), committedBy('bert'), committedBy('cleo')];
  await assert.rejects(party.ask(revealAsk(commit, { commitments: altered })), { code: 'draw-altered' });
  assert.equal(party.sent.length, 1);
});

test('a party that crashed has no secret to reveal, and commits to no other in this draw', async () => {
  const blobs = new MemoryBlobs();
  const commit = await new Party('anna', blobs).ask({ stage: 'commit', ...first });
  const again = new Party('anna', blobs);
  await assert.rejects(again.ask(revealAsk(commit)), { code: 'draw-spent' });
  await assert.rejects(again.ask({ stage: 'commit', ...first }), { code: 'draw-spent' });
  assert.deepEqual(again.sent, []);
  await again.ask({ stage: 'commit', epoch: 1, draw: 1 });
  await assert.rejects(again.ask({ stage: 'commit', ...first }), { code: 'draw-spent' });
});

test('a client answers for the epoch of the round, two draws of it, and only where the task names it', async () => {
  const party = new Party('anna');
  for (const round of [4, 9, 22])
    await assert.rejects(party.ask({ stage: 'commit', ...first }, round), { code: 'bad-request' });
  await assert.rejects(party.ask({ stage: 'commit', epoch: 1, draw: 2 }), { code: 'bad-request' });
  await assert.rejects(new Party('dora').ask({ stage: 'commit', ...first }), { code: 'bad-request' });
  assert.deepEqual(party.sent, []);
});
