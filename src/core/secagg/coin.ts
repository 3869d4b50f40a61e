/**
 * The public coin that deals groups: three to seven parties commit to secrets, the cohort is fixed, then they reveal (commit and reveal,
 * Blum 1983). Unpredictable while one party keeps its secret and reveals it.
 *
 * Not protected: if all coin parties work with the coordinator they choose the groups. One party alone, or the coordinator that loses its
 * reveal, may see a coin first and void it: it chooses between the two draws of an epoch, which at most doubles the probability of a deal
 * that it likes. A coordinator can also go on to another epoch; everybody sees that.
 */
import { compareBytes, encodeCbor } from '../bytes/cbor.ts';
import type { Primitives } from '../crypto/primitives.ts';
import { Problem } from '../protocol/problem.ts';

/** What a draw is for. Everything that is hashed is bound to it. */
export interface DrawContext {
  readonly federation: string;
  /** Hash of the task, 32 bytes. */
  readonly task: Uint8Array;
  /** Groups stay for the rounds of an epoch, from 0. */
  readonly epoch: number;
  /** From 0: an epoch has `mostDraws`. */
  readonly draw: number;
}

/** A coin party's commitment, or what it reveals. */
export interface PartyValue {
  /** SHA-256 of the party's certificate. */
  readonly party: Uint8Array;
  /** 32 bytes. */
  readonly value: Uint8Array;
}

type Hash = Pick<Primitives, 'sha256'>;

/** A draw in which a reveal is missing is void. With more draws, whoever can void one could choose among more coins. */
export const mostDraws = 2;
export const leastParties = 3;
export const mostParties = 7;

/**
 * What a party publishes before the cohort is fixed: 32 bytes. It names the party: a commitment copied from another party cannot be opened.
 *
 * @param secret 32 bytes from the CSPRNG, fresh in every draw.
 */
export function commitment(secret: Uint8Array, context: DrawContext, party: Uint8Array, { sha256 }: Hash): Uint8Array {
  requireContext(context);
  if (secret.length !== 32) throw new RangeError(`coin: a secret has 32 bytes, got ${secret.length}`);
  return sha256(encodeCbor(['parley/v1/coin-commitment', ...contextItems(context), party, secret]));
}

/**
 * Whether the draw has the commitments of the coin parties that the task names. Throws Problem('forbidden') for one of somebody else,
 * 'draw-void' where one is missing and 'bad-request' for a party that is named twice and for other numbers than 3 to 7.
 *
 * @param parties certificate hashes.
 */
export function checkCommitments(parties: readonly Uint8Array[], commitments: readonly PartyValue[]): void {
  for (const { party } of inOrder(commitments))
    if (parties.every(named => compareBytes(named, party) !== 0))
      throw new Problem('forbidden', 'coin: a commitment of somebody who is no coin party');
  if (commitments.length < parties.length)
    throw new Problem('draw-void', `coin: ${commitments.length} of ${parties.length} parties committed`);
}

/**
 * What the parties, and the log, hold before anybody reveals: 32 bytes that fix the cohort and all commitments. The order of neither matters.
 *
 * @param cohort certificate hashes of the clients that will be dealt into groups.
 * @param commitments one per coin party, 3 to 7. Throws Problem('bad-request') for other numbers, an empty cohort, a client or party that is
 * named twice and whatever is no hash.
 */
export function drawRoot(
  context: DrawContext,
  cohort: readonly Uint8Array[],
  commitments: readonly PartyValue[],
  { sha256 }: Hash,
): Uint8Array {
  requireContext(context);
  if (cohort.length === 0) throw new Problem('bad-request', 'coin: the cohort is empty');
  for (const client of cohort) requireHash('client', client);
  for (const { value } of commitments) requireHash('commitment', value);
  const clients = requireOnce('client', cohort.toSorted(compareBytes));
  const listed = inOrder(commitments).map(({ party, value }) => [party, value]);
  return sha256(encodeCbor(['parley/v1/coin-root', ...contextItems(context), clients, listed]));
}

/** The coin, 32 bytes. Only of reveals that `checkReveals` let through. @param root `drawRoot` of the draw. */
export function coinOf(root: Uint8Array, reveals: readonly PartyValue[], { sha256 }: Hash): Uint8Array {
  return sha256(encodeCbor(['parley/v1/coin', root, inOrder(reveals).map(({ value }) => value)]));
}

/**
 * Whether a draw gives a coin. Throws Problem('forbidden') for a reveal of somebody who did not commit, 'equivocation' for a second one of a
 * party, 'false-reveal' for a secret that is not the one committed to, and 'draw-void' where a party's is missing.
 */
export function checkReveals(
  context: DrawContext,
  commitments: readonly PartyValue[],
  reveals: readonly PartyValue[],
  hash: Hash,
): void {
  const committed = inOrder(commitments);
  const seen: Uint8Array[] = [];
  for (const { party, value } of reveals) {
    const found = committed.find(one => compareBytes(one.party, party) === 0);
    if (found === undefined) throw new Problem('forbidden', 'coin: a reveal of somebody who is no coin party');
    if (seen.some(one => compareBytes(one, party) === 0))
      throw new Problem('equivocation', 'coin: a second reveal of a party');
    const opens = value.length === 32 && compareBytes(commitment(value, context, party, hash), found.value) === 0;
    if (!opens) throw new Problem('false-reveal', 'coin: a secret that was not committed to');
    seen.push(party);
  }
  if (seen.length < committed.length)
    throw new Problem('draw-void', `coin: ${seen.length} of ${committed.length} parties revealed`);
}

/** By the hash of the party's certificate. Throws Problem('bad-request') unless three to seven parties are named once each. */
function inOrder(values: readonly PartyValue[]): PartyValue[] {
  if (values.length < leastParties || values.length > mostParties)
    throw new Problem('bad-request', `coin: ${values.length} coin parties, expected ${leastParties} to ${mostParties}`);
  for (const { party } of values) requireHash('party', party);
  const sorted = values.toSorted((a, b) => compareBytes(a.party, b.party));
  requireOnce(
    'party',
    sorted.map(({ party }) => party),
  );
  return sorted;
}

function requireOnce(what: string, sorted: Uint8Array[]): Uint8Array[] {
  if (sorted.some((hash, i) => i > 0 && compareBytes(sorted[i - 1], hash) === 0))
    throw new Problem('bad-request', `coin: a ${what} is named twice`);
  return sorted;
}

function contextItems({ federation, task, epoch, draw }: DrawContext) {
  return [federation, task, epoch, draw] as const;
}

function requireContext({ task, epoch, draw }: DrawContext): void {
  if (task.length !== 32) throw new RangeError(`coin: a task hash has 32 bytes, got ${task.length}`);
  if (!Number.isSafeInteger(epoch) || epoch < 0) throw new RangeError(`coin: epoch ${epoch}`);
  if (!Number.isSafeInteger(draw) || draw < 0 || draw >= mostDraws)
    throw new RangeError(`coin: draw ${draw}, expected 0 to ${mostDraws - 1}`);
}

function requireHash(what: string, bytes: Uint8Array): void {
  if (bytes.length !== 32) throw new Problem('bad-request', `coin: a ${what} of ${bytes.length} bytes`);
}
