/** The first step of a member: its keys, and whether those of the others are keys of the group's members. */
import { sameBytes, toHex } from '../bytes/floats.ts';
import type { GroupPrimitives, KemKeyPair } from '../crypto/group-primitives.ts';
import { isEncapsulationKey } from '../crypto/xwing.ts';
import { Problem } from '../protocol/problem.ts';
import { channelKeyPair, maskKeyPair } from './derive.ts';
import { encodeGroupMessage, type KeysMessage, type MembersMessage, parseKeys } from './group-message.ts';
import { checkEnough, checkQuorums } from './member-policy.ts';
import type { KeysSent, MemberSecrets, MemberSession, Peer } from './member-state.ts';
import { checkSession, openSigned } from './signed-message.ts';

/** A member of U1 with the keys that it signed. */
export interface PresentMember {
  readonly peer: Peer;
  readonly keys: KeysMessage;
}

/** The two key pairs of a session and the R0 that tells of them. */
export function makeKeys(
  { sid }: MemberSession,
  secrets: MemberSecrets,
  primitives: GroupPrimitives,
): { readonly maskPair: KemKeyPair; readonly channelPair: KemKeyPair; readonly keys: Uint8Array } {
  const maskPair = maskKeyPair(secrets.root, primitives);
  const channelPair = channelKeyPair(secrets.channel, primitives);
  const keys = encodeGroupMessage({ sid, channelKey: channelPair.publicKey, maskKey: maskPair.publicKey });
  return { maskPair, channelPair, keys };
}

/**
 * U1 with its keys, ascending. Throws Problem unless every certificate is the one that the manifest names at that place, every R0 is signed
 * with it in this session, its keys can be encapsulated to, no key and no client stands twice, this member's own R0 is what it sent, they are
 * enough, and not too many of one organisation.
 */
export function checkMembers(
  { session, keys: own }: KeysSent,
  message: MembersMessage,
  peers: readonly Peer[],
  primitives: GroupPrimitives,
): PresentMember[] {
  checkSession(message.sid, session, 'the list of members');
  if (peers.length !== message.present.length)
    throw new RangeError(`members: ${peers.length} peers of ${message.present.length}`);
  const present = message.present.map(({ at, certificate, keys }, i) => {
    const peer = peers[i];
    checkPlace(session, at, i === 0 ? -1 : message.present[i - 1].at, primitives.sha256(certificate), peer);
    const payload = openSigned(keys, 'group-keys', peer, session, primitives);
    if (at === session.at && !sameBytes(payload, own))
      throw new Problem('group-altered', 'the keys of this member are not those that it sent');
    const parsed = parseKeys(payload);
    checkSession(parsed.sid, session, `the keys of member ${at}`);
    if (!isEncapsulationKey(parsed.maskKey) || !isEncapsulationKey(parsed.channelKey))
      throw new Problem('malformed', `member ${at} sent a key that is none`);
    return { peer, keys: parsed };
  });
  if (!present.some(({ peer }) => peer.at === session.at))
    throw new Problem('group-altered', 'this member sent its keys and is not among the members');
  checkDistinct(present, primitives);
  checkEnough(session.manifest, peers);
  checkQuorums(session.manifest, peers);
  return present;
}

function checkPlace(
  { manifest }: MemberSession,
  at: number,
  before: number,
  certificate: Uint8Array,
  peer: Peer,
): void {
  if (at <= before) throw new Problem('group-altered', 'the members are not in ascending order, each once');
  if (at >= manifest.members.length) throw new Problem('group-altered', `the group has no member ${at}`);
  const isNamed =
    peer.at === at && [certificate, peer.certificate].every(hash => sameBytes(hash, manifest.members[at]));
  if (!isNamed) throw new Problem('group-altered', `the certificate of member ${at} is not the one in the manifest`);
}

/**
 * A key that stands twice would be one party in two places, or masks that cancel elsewhere. So would a client with the certificates from before
 * and after a renewal: it can renew as often as it likes, and all of them are valid.
 */
function checkDistinct(present: readonly PresentMember[], { sha256 }: Pick<GroupPrimitives, 'sha256'>): void {
  const seen = new Set<string>();
  const names = new Set<string>();
  for (const { peer, keys } of present) {
    if (names.has(peer.name)) throw new Problem('group-altered', `${peer.name} stands at two places`);
    names.add(peer.name);
    for (const bytes of [peer.publicKey, keys.channelKey, keys.maskKey]) {
      const key = toHex(sha256(bytes));
      if (seen.has(key)) throw new Problem('group-altered', `a key of member ${peer.at} is in use already`);
      seen.add(key);
    }
  }
}
