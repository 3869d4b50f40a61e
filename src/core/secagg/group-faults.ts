/** Whose fault it is that a box or a share does not fit: the dealer's, or that of whoever says so. */
import type { GroupPrimitives } from '../crypto/group-primitives.ts';
import type { Blame, SecretKind } from './blame.ts';
import { isFalseBox } from './dealt.ts';
import { dealOf, type GroupState, nameOf, type ReceivedUnmask, sentBox, signedDeal } from './group-state.ts';

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

/** Who has sent, in R4, shares that it was not dealt. In the order of members. */
export function falseShares(state: GroupState): Blame[] {
  return inOrder(state.unmasked).flatMap(([at, received]) =>
    (['self', 'root'] as const).flatMap(secret =>
      falseOnes(received, secret).map((dealer): Blame => {
        const why = `${nameOf(state, at)} sent a share of ${nameOf(state, dealer)} that it was not dealt`;
        const deal = signedDeal(state, dealer);
        return { at, why, evidence: { kind: 'false-share', deal, secret, unmask: received.envelope } };
      }),
    ),
  );
}

/** One blame for each member at fault is enough: the first. */
export function oncePerMember(blamed: readonly Blame[]): Blame[] {
  return blamed.filter(({ at }, i) => blamed.findIndex(other => other.at === at) === i);
}

function falseOnes(received: ReceivedUnmask, kind: SecretKind): readonly number[] {
  const fitting = received[kind];
  return received.message[kind].map(({ of }) => of).filter(of => !fitting.has(of));
}

function inOrder<T>(received: ReadonlyMap<number, T>): [number, T][] {
  return [...received].sort(([a], [b]) => a - b);
}
