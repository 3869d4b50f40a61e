/**
 * What a member remembers of the sets it signed in a task. Two sums over nearly the same members differ by the inputs of a few, so without
 * differential privacy the set of survivors may not change freely.
 */
import { z } from 'zod';
import { compareBytes, encodeCbor } from '../bytes/cbor.ts';
import { sameBytes } from '../bytes/floats.ts';
import type { Primitives } from '../crypto/primitives.ts';
import { parsePayload } from '../protocol/payload.ts';
import type { MemberPolicy } from './member-policy.ts';

const digest = z.custom<Uint8Array>(value => value instanceof Uint8Array && value.length === 32, 'not 32 bytes');
const round = z.number().int().min(0);

const setMemory = z.strictObject({
  /** `memberId` of the survivors signed last, in the order of their places. */
  survivors: z.array(digest).readonly(),
  /** The round they were signed in. */
  round,
  /** SHA-256 of the model of that round. */
  model: digest,
  /** The round in which the set became what it is. */
  changed: round,
  /** The draw of the coin that dealt its group; null where nothing was dealt. */
  deal: z.strictObject({ epoch: round, draw: round }).nullable().default(null),
});

/** Plain data, durable before the signature leaves. */
export type SetMemory = Readonly<z.infer<typeof setMemory>>;

/** Which draw of a verified coin dealt a group: the coins of later ones are fresh. */
export type DealPlace = Readonly<NonNullable<SetMemory['deal']>>;

export const encodeSetMemory = (memory: SetMemory): Uint8Array<ArrayBuffer> => encodeCbor(memory);
/** Inverse of `encodeSetMemory`. Throws Problem `malformed` for other bytes. */
export const parseSetMemory = (bytes: Uint8Array): SetMemory => parsePayload(setMemory, bytes, 'malformed');

/** What a member is remembered by, 32 bytes: its name. A certificate is renewed every few days, and whoever has another is the same site. */
export function memberId(name: string, { sha256 }: Pick<Primitives, 'sha256'>): Uint8Array {
  return sha256(encodeCbor(['parley/v1/set-member', name]));
}

/** A set that is to be signed. */
export interface ProposedSet {
  /** `memberId` of each. */
  readonly survivors: readonly Uint8Array[];
  readonly round: number;
  readonly model: Uint8Array;
  /** Null where nothing was dealt. */
  readonly deal: DealPlace | null;
}

export interface SetRules {
  /** Rounds after which groups are dealt anew: then a set may change as it likes. */
  readonly redrawRounds: number;
  /** So many honest members that come or go hide each other (nMin). */
  readonly honest: number;
  /** So many of those that come or go may have told the coordinator what they sent (cMax). */
  readonly colluders: number;
  readonly setChanges: MemberPolicy['setChanges'];
  /** With differential privacy nothing is refused: what a difference shows is bounded by the noise. */
  readonly isPrivate: boolean;
}

/**
 * What to remember if this set is signed, or why it must not be. Without privacy: a round is not earlier than the last one; one round has
 * one set, and one model has one within `redrawRounds` rounds (else whoever never comes back would end the task for all); apart from that the
 * set stays the same, or at least `honest + colluders` members come or go; under `shrink` it may also lose members, and change freely
 * `redrawRounds` rounds after it last changed, or, for one model too, with a group that a later draw of the coin has dealt: nobody could
 * steer who of the cohort is in it. No deal of an earlier draw comes back.
 *
 * Not protected under `shrink`: when one member goes, the difference of two sums is its input beside what training changed in the inputs
 * of all others between two models; a coordinator that skips rounds may ask for another set of one model at once; and the sums of all groups
 * of one cohort differ from those of the next by whoever the coordinator left out. `strict` is against the first two. Nor does it look
 * further back than the last set.
 */
export function checkSet(
  memory: SetMemory | null,
  proposed: ProposedSet,
  rules: SetRules,
): { readonly memory: SetMemory } | { readonly refused: string } {
  const { survivors, round, model, deal } = proposed;
  if (memory === null) return { memory: { survivors, round, model, changed: round, deal } };
  const gone = countMissing(memory.survivors, survivors);
  const come = countMissing(survivors, memory.survivors);
  const refused = rules.isPrivate ? null : refusal(memory, proposed, gone, come, rules);
  if (refused !== null) return { refused };
  const changed = gone + come === 0 ? memory.changed : round;
  return { memory: { survivors, round, model, changed, deal: deal ?? memory.deal } };
}

/** Why the set must not be signed after the last one, or null. */
function refusal(
  memory: SetMemory,
  { round, model, deal }: ProposedSet,
  gone: number,
  come: number,
  { redrawRounds, honest, colluders, setChanges }: SetRules,
): string | null {
  if (round < memory.round) return `round ${round} after round ${memory.round}`;
  const lateness = deal === null || memory.deal === null ? 0 : compareDeals(deal, memory.deal);
  if (lateness < 0) return 'a deal of an earlier draw';
  if (gone + come === 0) return null;
  if (round === memory.round) return `another set in round ${round}`;
  const isFresh = deal !== null && (memory.deal === null || lateness > 0);
  if (isFresh && setChanges === 'shrink') return null;
  if (sameBytes(model, memory.model) && round - memory.round < redrawRounds)
    return `another set for the same model, within ${redrawRounds} rounds`;
  const hiding = honest + colluders;
  if (gone + come >= hiding) return null;
  const change = `${gone} gone, ${come} come since round ${memory.round}`;
  if (setChanges === 'strict') return `${change}: neither none nor ${hiding}`;
  if (come === 0 || round - memory.changed >= redrawRounds) return null;
  return `${change}: a set grows ${redrawRounds} rounds after it changed last, in round ${memory.changed}`;
}

function compareDeals(a: DealPlace, b: DealPlace): number {
  return a.epoch - b.epoch || a.draw - b.draw;
}

/** How many of `list` are not in `other`. */
function countMissing(list: readonly Uint8Array[], other: readonly Uint8Array[]): number {
  return list.filter(hash => !other.some(one => compareBytes(one, hash) === 0)).length;
}
