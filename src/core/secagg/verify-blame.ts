/** Whether the evidence against a member shows what it says: for anybody, with nothing but public values. */
import { sameBytes } from '../bytes/floats.ts';
import { decodeEnvelope, verifyEnvelope } from '../crypto/envelope.ts';
import type { GroupPrimitives } from '../crypto/group-primitives.ts';
import { Problem } from '../protocol/problem.ts';
import type { Blame, Evidence, ProvenShare, SecretKind, SignedDeal } from './blame.ts';
import { type Deal, isFalseBox, isSent, isShare } from './dealt.ts';
import { maskCoins, maskKeyPair, selfCommitment, setHash } from './derive.ts';
import { type MemberLabel, parseInput, parseKeys, parseShares, parseUnmask } from './group-message.ts';
import { type GroupManifest, sessionId } from './manifest.ts';
import { Recovery } from './recover.ts';

/** Of which group: its manifest, and the Ed25519 keys of its members in the manifest's order, from their certificates. */
export interface BlamedGroup {
  readonly manifest: GroupManifest;
  readonly publicKeys: readonly Uint8Array[];
}

/**
 * Throws Problem('malformed') unless the evidence shows that the blamed member broke the protocol, 'bad-signature' where a message in it was
 * not signed by whom it names, 'bad-request' where one is no envelope. `why` is not looked at.
 */
export function verifyBlame({ at, evidence }: Blame, group: BlamedGroup, primitives: GroupPrimitives): void {
  const context = { ...group, sid: sessionId(group.manifest, primitives), primitives };
  if (!isShown(at, evidence, context)) throw unfounded(evidence.kind);
}

interface Context extends BlamedGroup {
  readonly sid: Uint8Array;
  readonly primitives: GroupPrimitives;
}

function isShown(at: number, evidence: Evidence, context: Context): boolean {
  const { primitives, sid } = context;
  const deal = signedDeal(evidence.deal, context);
  const byDealer = at === deal.dealer;
  switch (evidence.kind) {
    case 'bad-box': {
      const { entry, proof } = evidence.sent;
      return byDealer && isSent(deal, entry, proof, primitives) && isFalseBox(deal, entry, evidence.key, primitives);
    }
    case 'false-complaint': {
      const { entry, proof } = evidence.sent;
      const { complaints } = signed(at, 'group-input', evidence.input, parseInput, context);
      const complaint = complaints.find(({ dealer }) => dealer === deal.dealer);
      if (complaint === undefined || entry.to !== at || !isSent(deal, entry, proof, primitives)) return false;
      return !isFalseBox(deal, entry, complaint.key, primitives);
    }
    case 'false-share': {
      const message = signed(at, 'group-unmask', evidence.unmask, parseUnmask, context);
      const given = message[evidence.secret].find(({ of }) => of === deal.dealer);
      return given !== undefined && !isShare(deal, at, evidence.secret, given.share, given.proof, primitives);
    }
    case 'bad-self': {
      const self = recovered(deal, 'self', evidence.held, context);
      if (!byDealer || self === null) return byDealer;
      return !sameBytes(selfCommitment(self, sid, at, primitives), deal.selfCommitment);
    }
    case 'bad-key': {
      const root = recovered(deal, 'root', evidence.held, context);
      const { maskKey } = signed(deal.dealer, 'group-keys', evidence.keys, parseKeys, context);
      if (!byDealer || root === null) return byDealer;
      return !sameBytes(maskKeyPair(root, primitives).publicKey, maskKey);
    }
    case 'bad-ciphertext': {
      const { entry, proof } = evidence.sent;
      const root = recovered(deal, 'root', evidence.held, context);
      const { maskKey } = signed(entry.to, 'group-keys', evidence.keys, parseKeys, context);
      if (!byDealer || root === null || entry.mask === null || !isSent(deal, entry, proof, primitives)) return false;
      return !sameBytes(
        primitives.kem.encapsulate(maskKey, maskCoins(root, sid, entry.to, primitives)).ciphertext,
        entry.mask,
      );
    }
  }
}

/** The message of this session that a member signed under the label. */
function signed<T extends { readonly sid: Uint8Array }>(
  at: number,
  label: MemberLabel,
  bytes: Uint8Array,
  parse: (payload: Uint8Array) => T,
  { manifest, publicKeys, sid, primitives }: Context,
): T {
  const envelope = decodeEnvelope(bytes);
  const isOfMember =
    at < publicKeys.length &&
    envelope.label === label &&
    envelope.federation === manifest.federation &&
    envelope.round === manifest.round &&
    sameBytes(envelope.task, manifest.task) &&
    sameBytes(envelope.sender, manifest.members[at]);
  if (!isOfMember) throw unfounded(label);
  verifyEnvelope(envelope, publicKeys[at], primitives);
  const message = parse(envelope.payload);
  if (!sameBytes(message.sid, sid)) throw unfounded(label);
  return message;
}

function signedDeal({ dealer, shares, present }: SignedDeal, context: Context): Deal {
  const message = signed(dealer, 'group-shares', shares, parseShares, context);
  if (!sameBytes(setHash('present', context.sid, present, context.primitives), message.present))
    throw unfounded('group-shares');
  return { ...message, dealer, present };
}

/** What shares of so many members that the dealer has signed give; null for nothing, which is the dealer's fault too. */
function recovered(
  deal: Deal,
  kind: SecretKind,
  held: readonly ProvenShare[],
  { manifest, primitives }: Context,
): Uint8Array | null {
  const { t } = manifest.thresholds;
  const areShares = held.every(({ at, share, proof }) => isShare(deal, at, kind, share, proof, primitives));
  if (!areShares || held.length !== t || new Set(held.map(({ at }) => at)).size !== t) throw unfounded('shares');
  return new Recovery(t).secret(held);
}

function unfounded(what: string): Problem {
  return new Problem('malformed', `blame: ${what} does not show it`);
}
