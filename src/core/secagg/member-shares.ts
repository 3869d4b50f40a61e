/** The second step of a member: shares of its secrets for the others, in boxes, and all of it committed to. */
import type { GroupPrimitives } from '../crypto/group-primitives.ts';
import { inclusionProof, merkleRoot, merkleTree } from '../crypto/merkle.ts';
import { Problem } from '../protocol/problem.ts';
import { boxKey, boxLeaf, encapsulates, maskCoins, sealBox, selfCommitment, setHash, shareLeaf } from './derive.ts';
import { type BoxEntry, encodeGroupMessage, type SharesBody, type SharesMessage } from './group-message.ts';
import type { PresentMember } from './member-keys.ts';
import type { HeldShares, KeysSent, PairSecret } from './member-state.ts';
import { split } from './shamir.ts';
import { wipe } from './wipe.ts';

/** What a member has dealt: R1 with its body, and what it keeps. */
export interface Dealt {
  readonly header: SharesMessage;
  readonly body: SharesBody;
  /** Its own shares of its own secrets. */
  readonly own: HeldShares;
  /** What seeds the masks with those that it encapsulated to. */
  readonly pairSecrets: readonly PairSecret[];
}

/**
 * Deals the root and the self seed of a member to those present. Throws Problem `malformed` for a key of another member that nothing can be
 * encapsulated to.
 */
export function dealShares(state: KeysSent, present: readonly PresentMember[], primitives: GroupPrimitives): Dealt {
  const { session, secrets } = state;
  const { sid, at } = session;
  const places = present.map(({ peer }) => peer.at);
  const { shareRoot, shares } = splitSecrets(state, places, primitives);
  const pairSecrets: PairSecret[] = [];
  const body: BoxEntry[] = [];
  for (const [i, { peer, keys }] of present.entries()) {
    const to = peer.at;
    if (to === at) continue;
    let mask: Uint8Array | null = null;
    if (encapsulates(at, to)) {
      const pair = encapsulate(keys.maskKey, maskCoins(secrets.root, sid, to, primitives), to, primitives);
      pairSecrets.push({ with: to, secret: pair.secret });
      mask = pair.ciphertext;
    }
    body.push({ to, mask, ...sealShares(shares[i], to, keys.channelKey, sid, primitives) });
    wipe(shares[i].self, shares[i].root);
  }
  const header = {
    sid,
    present: setHash('present', sid, places, primitives),
    shareRoot,
    selfCommitment: selfCommitment(secrets.self, sid, at, primitives),
    boxRoot: merkleRoot(
      body.map(entry => boxLeaf(sid, at, entry, primitives)),
      primitives,
    ),
  };
  return { header, body, own: shares[places.indexOf(at)], pairSecrets };
}

/** The shares for the members at `places`, in their order, each with its proofs under the root of them all. */
function splitSecrets(
  { session, secrets }: KeysSent,
  places: readonly number[],
  primitives: GroupPrimitives,
): { readonly shareRoot: Uint8Array; readonly shares: HeldShares[] } {
  const { sid, at, manifest } = session;
  const { t, members } = manifest.thresholds;
  const self = split(secrets.self, t, members, primitives.randomBytes);
  const root = split(secrets.root, t, members, primitives.randomBytes);
  const tree = merkleTree(
    places.flatMap(to => [shareLeaf(sid, at, to, 'self', self[to]), shareLeaf(sid, at, to, 'root', root[to])]),
    primitives,
  );
  const shares = places.map((to, i) => ({
    dealer: at,
    self: self[to],
    selfProof: inclusionProof(tree, 2 * i),
    root: root[to],
    rootProof: inclusionProof(tree, 2 * i + 1),
  }));
  // Whoever is not present is given none.
  for (const to of root.keys()) if (!places.includes(to)) wipe(self[to], root[to]);
  return { shareRoot: tree.root, shares };
}

/** A box with the shares for member `to`, under a secret of its own. */
function sealShares(
  { dealer, self, selfProof, root, rootProof }: HeldShares,
  to: number,
  channelKey: Uint8Array,
  sid: Uint8Array,
  primitives: GroupPrimitives,
): Pick<BoxEntry, 'channel' | 'box'> {
  const { ciphertext: channel, secret } = encapsulate(channelKey, primitives.randomBytes(64), to, primitives);
  const text = encodeGroupMessage({ self, selfProof: [...selfProof], root, rootProof: [...rootProof] });
  const key = boxKey(secret, { sid, dealer, to, channel }, primitives);
  const box = sealBox(text, key, primitives);
  wipe(text, secret, key);
  return { channel, box };
}

function encapsulate(key: Uint8Array, coins: Uint8Array, to: number, { kem }: GroupPrimitives) {
  try {
    return kem.encapsulate(key, coins);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new Problem('malformed', `member ${to} sent a key that is none`, { cause });
  } finally {
    wipe(coins);
  }
}
