/** The third step of a member: what the others dealt it, held against what they signed, and the masks that follow from it. */
import { sameBytes } from '../bytes/floats.ts';
import type { GroupPrimitives, KemKeyPair } from '../crypto/group-primitives.ts';
import { Problem } from '../protocol/problem.ts';
import { type Deal, isSent, sharesInBox } from './dealt.ts';
import { boxKey, encapsulates, openBox, pairSeed, selfSeed, setHash } from './derive.ts';
import { type BoxEntry, type BoxesMessage, type InputMessage, parseShares } from './group-message.ts';
import type { Mask } from './mask.ts';
import { checkEnough } from './member-policy.ts';
import type { HeldShares, Peer, SharesSent } from './member-state.ts';
import { checkSession, openSigned } from './signed-message.ts';
import { wipe } from './wipe.ts';

type Complaint = InputMessage['complaints'][number];

/** What a member has from the boxes. */
export interface Opened {
  /** U2, ascending. */
  readonly sharers: readonly number[];
  /** Over U2, the member's own included. */
  readonly masks: readonly Mask[];
  readonly held: readonly HeldShares[];
  readonly complaints: Complaint[];
}

/** Another member of U2: what it signed, and what it sent this one. */
interface Dealer {
  readonly peer: Peer;
  readonly deal: Deal;
  readonly entry: BoxEntry;
}

/**
 * Reads the boxes of U2. Throws Problem unless U2 is a part of U1 with this member in it, large enough, and everything in the message is
 * what its sender signed for this U1.
 *
 * A box that opens to shares which its dealer did not commit to is complained about, and the session goes on without them. One that does not
 * open proves nothing to anybody else: it is as if the dealer had given no share.
 */
export function openBoxes(state: SharesSent, message: BoxesMessage, primitives: GroupPrimitives): Opened {
  const { session, secrets, own } = state;
  const dealers = checkDealers(state, message, primitives);
  const sharers = message.sharers.map(({ at }) => at);
  const held = [own];
  const complaints: Complaint[] = [];
  const masks: Mask[] = [{ seed: selfSeed(secrets.self, session.sid, session.at, primitives), sign: 1 }];
  for (const { deal, entry } of dealers) {
    const read = readBox(state, deal, entry, primitives);
    if (read !== null && 'key' in read) complaints.push(read);
    else if (read !== null) held.push(read);
    masks.push(pairMask(state, deal.dealer, entry, primitives));
  }
  return { sharers, masks, held, complaints };
}

function checkDealers(state: SharesSent, { sid, sharers }: BoxesMessage, primitives: GroupPrimitives): Dealer[] {
  const { session, present, shares: own } = state;
  checkSession(sid, session, 'the list of sharers');
  const places = present.map(({ at }) => at);
  const shown = setHash('present', session.sid, places, primitives);
  const peers: Peer[] = [];
  const dealers: Dealer[] = [];
  for (const [i, { at, shares, sent }] of sharers.entries()) {
    if (i > 0 && at <= sharers[i - 1].at)
      throw new Problem('group-altered', 'the sharers are not in ascending order, each once');
    const peer = present.find(one => one.at === at);
    if (peer === undefined) throw new Problem('group-altered', `member ${at} shares, and was not among the members`);
    const payload = openSigned(shares, 'group-shares', peer, session, primitives);
    const header = parseShares(payload);
    checkSession(header.sid, session, `the header of member ${at}`);
    if (!sameBytes(header.present, shown))
      throw new Problem('group-altered', `member ${at} was shown other members than this one`);
    peers.push(peer);
    if (at === session.at) {
      if (!sameBytes(payload, own) || sent !== null)
        throw new Problem('group-altered', 'the header of this member is not the one that it sent');
      continue;
    }
    const deal = { ...header, dealer: at, present: places };
    if (sent === null || (sent.mask !== null) !== encapsulates(at, session.at))
      throw new Problem('group-altered', `what member ${at} sent this one is not all there`);
    const entry = { to: session.at, mask: sent.mask, channel: sent.channel, box: sent.box };
    if (!isSent(deal, entry, sent.proof, primitives))
      throw new Problem('group-altered', `member ${at} did not sign what it is said to have sent`);
    dealers.push({ peer, deal, entry });
  }
  if (dealers.length === peers.length)
    throw new Problem('group-altered', 'this member sent its shares and is not among the sharers');
  checkEnough(session.manifest, peers);
  return dealers;
}

/** The shares in a box, a complaint about it, or null where it does not open. */
function readBox(
  { session, channelPair }: SharesSent,
  deal: Deal,
  entry: BoxEntry,
  primitives: GroupPrimitives,
): HeldShares | Complaint | null {
  const { dealer } = deal;
  const secret = decapsulate(entry.channel, channelPair, primitives);
  if (secret === null) return null;
  const key = boxKey(secret, { sid: session.sid, dealer, to: session.at, channel: entry.channel }, primitives);
  const text = openBox(entry.box, key, primitives);
  if (text === null) return null;
  const shares = sharesInBox(deal, session.at, text, primitives);
  wipe(secret, text);
  if (shares === null) return { dealer, key };
  wipe(key);
  return { dealer, ...shares };
}

function pairMask(
  { session, maskPair, pairSecrets }: SharesSent,
  other: number,
  { mask }: BoxEntry,
  primitives: GroupPrimitives,
): Mask {
  const { sid, at, manifest } = session;
  const isFirst = at < other;
  const secret = encapsulates(at, other)
    ? pairSecrets.find(pair => pair.with === other)?.secret
    : mask && decapsulate(mask, maskPair, primitives);
  // Where this member encapsulated there is a secret; what another sent may be none.
  if (!secret) throw new Problem('malformed', `the mask that member ${other} sent is none`);
  const seed = pairSeed(secret, sid, isFirst ? [at, other] : [other, at], manifest.model, primitives);
  wipe(secret);
  return { seed, sign: isFirst ? 1 : -1 };
}

/** Null for a ciphertext that no key of X-Wing opens. */
function decapsulate(ciphertext: Uint8Array, pair: KemKeyPair, { kem }: GroupPrimitives): Uint8Array | null {
  try {
    return kem.decapsulate(ciphertext, pair);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    return null;
  }
}
