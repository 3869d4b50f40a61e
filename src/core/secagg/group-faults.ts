/** Whose fault it is that a box or a share does not fit: the dealer's, or that of whoever says so. */
import type { GroupPrimitives } from '../crypto/group-primitives.ts';
import type { Blame, ProvenShare, SecretKind } from './blame.ts';
import { isFalseBox } from './dealt.ts';
import { dealOf, type GroupState, nameOf, sentBox, signedDeal } from './group-state.ts';

/** What follows from the complaints of R2: each speaks against its dealer or against who complains. In the order of members. */
export function judgeComplaints(state: GroupState, primitives: GroupPrimitives): Blame[] {
  return inOrder(state.inputs).flatMap(([at, { message, envelope }]) =>
    message.complaints.map(({ dealer, key }): Blame => {
      const sent = sentBox(state, dealer, at);
      const deal = signedDeal(state, dealer);
      if (isFalseBox(dealOf(state, dealer), sent.entry, key, primitives)) {
        const why = `${nameOf(state, dealer)} sent ${nameOf(state, at)} shares that it had not committed to`;
        return { at: dealer, why, evidence: { kind: 'bad-box', deal, sent, key } };
      }
      const why = `${nameOf(state, at)} complains of a box of ${nameOf(state, dealer)} that is in order`;
      return { at, why, evidence: { kind: 'false-complaint', deal, sent, input: envelope } };
    }),
  );
}

/** A share of R4 that is not what its dealer committed to. */
export interface FalseShare extends ProvenShare {
  readonly dealer: number;
  readonly secret: SecretKind;
}

/** Whom the false shares of R4 speak against. In the order of members. @param shares of one member: in the order of its message. */
export function blameFalse(state: GroupState, shares: readonly FalseShare[]): Blame[] {
  return shares
    .toSorted((one, other) => one.at - other.at)
    .map(({ at, dealer, secret }): Blame => {
      const why = `${nameOf(state, at)} sent a share of ${nameOf(state, dealer)} that it was not dealt`;
      const deal = signedDeal(state, dealer);
      return { at, why, evidence: { kind: 'false-share', deal, secret, unmask: unmaskOf(state, at) } };
    });
}

/** One blame for each member at fault is enough: the first. */
export function oncePerMember(blamed: readonly Blame[]): Blame[] {
  return blamed.filter(({ at }, i) => blamed.findIndex(other => other.at === at) === i);
}

/** R4 of a member, as it signed it. */
function unmaskOf({ unmasked }: GroupState, at: number): Uint8Array {
  const received = unmasked.get(at);
  if (received === undefined) throw new RangeError(`group: member ${at} has sent no shares`);
  return received.envelope;
}

function inOrder<T>(received: ReadonlyMap<number, T>): [number, T][] {
  return [...received].sort(([a], [b]) => a - b);
}
