/**
 * A coin party's part of a draw: it commits to a secret, and reveals it once cohort and commitments are fixed. What it remembers is durable
 * before each answer; the secret is in memory only, so that a party that crashed in between cannot reveal, and the draw is void.
 */
import { z } from 'zod';
import { encodeCbor } from '../core/bytes/cbor.ts';
import { toHex } from '../core/bytes/floats.ts';
import { type Envelope, signEnvelope } from '../core/crypto/envelope.ts';
import { encodeUpdateHead } from '../core/protocol/message.ts';
import { parsePayload } from '../core/protocol/payload.ts';
import { writeBlob } from '../core/protocol/ports.ts';
import { Problem } from '../core/protocol/problem.ts';
import { type GroupSettings, groupSettings } from '../core/protocol/protection-settings.ts';
import type { Task } from '../core/protocol/task.ts';
import { commitment, drawRoot } from '../core/secagg/coin.ts';
import { epochOf, verifyCommitments } from '../core/secagg/coin-evidence.ts';
import { type CoinAsk, coinLabels, encodeCoinMessage, parseCoinAsk } from '../core/secagg/coin-message.ts';
import { committing, type PartyMemory, revealing } from '../core/secagg/coin-party.ts';
import { requireAscending } from './coin-deal.ts';
import type { MemberPorts } from './group-ports.ts';
import type { ClientPorts } from './ports.ts';
import { checkReceipt } from './receipt.ts';
import { taskOf, verifyFromCoordinator } from './verify.ts';

/** A secret that was committed to and may have to be revealed, and the identity under which it was. */
interface Held {
  readonly epoch: number;
  readonly draw: number;
  readonly secret: Uint8Array;
  readonly commitment: Uint8Array;
  readonly identity: ReturnType<ClientPorts['identity']>;
}

/** The newest secret of each task, by hex hash. */
export type HeldSecrets = Map<string, Held>;

/** A question of the coordinator that this client answers as a party of the task's coin. */
interface Asked {
  readonly envelope: Envelope;
  readonly taskId: string;
  readonly settings: GroupSettings;
  readonly secrets: HeldSecrets;
  readonly memberPorts: MemberPorts;
  readonly ports: ClientPorts;
}

const digest = z.custom<Uint8Array>(value => value instanceof Uint8Array && value.length === 32, 'not 32 bytes');
const place = z.number().int().min(0);
const partyMemory = z.strictObject({ epoch: place, draw: place, commitment: digest, root: digest.nullable() });

/**
 * Answers what the coordinator asks of a coin party; whoever is no member of the round answers too. Throws Problem `bad-request` for a draw
 * that this client has no part in, `draw-spent`, `draw-altered` and `equivocation` as `core/secagg/coin-party.ts`: nothing was told then.
 */
export async function answerCoin(
  envelope: Envelope,
  tasks: Map<string, Task>,
  secrets: HeldSecrets,
  ports: ClientPorts,
): Promise<void> {
  verifyFromCoordinator(envelope, coinLabels.ask, ports);
  const asked = parseCoinAsk(envelope.payload);
  const task = await taskOf(envelope, tasks, ports);
  const settings = groupSettings(task.protection);
  const memberPorts = ports.group;
  if (settings === null || memberPorts === null || !settings.coin.includes(ports.name))
    throw new Problem('bad-request', 'this client is no coin party of the task');
  const { round } = envelope;
  if (round < 1 || round > task.rounds + 1 || asked.epoch !== epochOf(round, settings))
    throw new Problem('bad-request', `a draw of epoch ${asked.epoch} in round ${round}`);
  const context = { envelope, taskId: toHex(envelope.task), settings, secrets, memberPorts, ports };
  if (asked.stage === 'commit') await commit(asked, context);
  else await reveal(asked, context);
}

async function commit({ epoch, draw }: CoinAsk, asked: Asked): Promise<void> {
  const held = heldFor({ epoch, draw }, asked) ?? (await beginDraw({ epoch, draw }, asked));
  const payload = encodeCoinMessage({ epoch, draw, commitment: held.commitment });
  await answer(coinLabels.commit, payload, held, asked);
  await asked.ports.step('coin-committed');
}

/** The secret of a draw that this party has not been in yet; its commitment is durable when this resolves. */
async function beginDraw(place: Pick<Held, 'epoch' | 'draw'>, asked: Asked): Promise<Held> {
  const { taskId, secrets, memberPorts, ports } = asked;
  const { primitives } = memberPorts;
  const identity = ports.identity();
  const secret = primitives.randomBytes(32);
  const value = commitment(secret, contextOf(place, asked), identity.certificate, primitives);
  await remember(committing(await recall(asked), place, value), asked);
  const held = { ...place, secret, commitment: value, identity };
  secrets.set(taskId, held);
  await ports.step('coin-memory');
  return held;
}

async function reveal(ask: Extract<CoinAsk, { stage: 'reveal' }>, asked: Asked): Promise<void> {
  const { epoch, draw, cohort } = ask;
  const { envelope, settings, memberPorts, ports } = asked;
  const held = heldFor(ask, asked);
  const memory = await recall(asked);
  if (held === null || memory === null)
    throw new Problem('draw-spent', `coin: the secret of draw ${draw} of epoch ${epoch} is not here any more`);
  requireAscending(cohort);
  const { federation, primitives } = ports;
  const { verifyMember } = memberPorts;
  const rules = { federation, task: envelope.task, parties: settings.coin, epoch, verifyMember, primitives };
  const { context, commitments } = verifyCommitments(ask.commitments, draw, envelope.round, rules);
  const party = held.identity.certificate;
  await remember(revealing(memory, context, { party, cohort, commitments }, primitives), asked);
  await ports.step('coin-memory');
  const root = drawRoot(context, cohort, commitments, primitives);
  await answer(coinLabels.reveal, encodeCoinMessage({ epoch, draw, root, secret: held.secret }), held, asked);
  await ports.step('coin-revealed');
}

async function answer(
  label: string,
  payload: Uint8Array,
  { identity: { signer, certificate } }: Held,
  { envelope: { task, round }, taskId, ports }: Asked,
): Promise<void> {
  const { federation, primitives, channel } = ports;
  const sent = signEnvelope({ label, federation, task, round, sender: certificate, payload }, signer, primitives);
  checkReceipt(await channel.sendGroup(taskId, round, encodeUpdateHead(sent), new Uint8Array(0)), sent, ports);
  ports.log({ event: label === coinLabels.commit ? 'coin-committed' : 'coin-revealed', task: taskId, round });
}

function heldFor({ epoch, draw }: Pick<Held, 'epoch' | 'draw'>, { taskId, secrets }: Asked): Held | null {
  const held = secrets.get(taskId);
  return held?.epoch === epoch && held.draw === draw ? held : null;
}

function contextOf({ epoch, draw }: Pick<Held, 'epoch' | 'draw'>, { envelope, ports }: Asked) {
  return { federation: ports.federation, task: envelope.task, epoch, draw };
}

async function recall({ taskId, ports }: Asked): Promise<PartyMemory | null> {
  const bytes = await ports.blobs.read(memoryKey(taskId));
  return bytes === null ? null : parsePayload(partyMemory, bytes, 'malformed');
}

function remember(memory: PartyMemory, { taskId, ports }: Asked): Promise<void> {
  return writeBlob(ports.blobs, memoryKey(taskId), encodeCbor({ ...memory }));
}

function memoryKey(taskId: string): string {
  return `coin-memory/${taskId}`;
}
