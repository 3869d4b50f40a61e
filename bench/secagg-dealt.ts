/**
 * A group of the suite `secagg` whose members have done everything up to R4, as the coordinator finds it then: built from what the members'
 * machines would have sent, without paying for all of it.
 *
 * Real: keys, commitments, share trees, the shares and pair ciphertexts that the opening reads, signatures. Stand-ins of the same size: boxes,
 * ciphertexts between members that both stay, shares that are never sent.
 */

import { signEnvelope } from '../src/core/crypto/envelope.ts';
import type { KemKeyPair } from '../src/core/crypto/group-primitives.ts';
import { inclusionProof, type MerkleTree, merkleTree } from '../src/core/crypto/merkle.ts';
import { encodeUpdateHead } from '../src/core/protocol/message.ts';
import {
  encapsulates,
  maskCoins,
  maskKeyPair,
  pairSeed,
  selfCommitment,
  selfSeed,
  setHash,
  shareLeaf,
} from '../src/core/secagg/derive.ts';
import { beginGroup } from '../src/core/secagg/group-machine.ts';
import type { KeysMessage } from '../src/core/secagg/group-message.ts';
import { encodeGroupMessage, type SharesBody, type UnmaskMessage } from '../src/core/secagg/group-message.ts';
import type { GroupState, Received, ReceivedShares } from '../src/core/secagg/group-state.ts';
import type { Mask } from '../src/core/secagg/mask.ts';
import { split } from '../src/core/secagg/shamir.ts';
import type { BenchGroup } from './secagg-group.ts';
import type { Sent } from './secagg-member.ts';

export interface DealtGroup {
  readonly group: BenchGroup;
  /** Made anew each time: nothing is remembered of an earlier opening. */
  readonly state: () => GroupState;
  /** R4 of each survivor. */
  readonly unmasks: ReadonlyMap<number, Sent>;
  /** What is left in the sum of the survivors' vectors once their masks have cancelled: found out from the members' side. */
  readonly left: readonly Mask[];
}

const nothing = new Uint8Array(0);

/** Members of `dropped` have dealt their shares and sent no input. */
export function dealGroup(group: BenchGroup, dropped: ReadonlySet<number>): DealtGroup {
  const { manifest, sid, members, primitives } = group;
  const { randomBytes, sha256, kem } = primitives;
  const { t } = manifest.thresholds;
  const places = members.map((_, at) => at);
  const survivors = places.filter(at => !dropped.has(at));
  const secrets = places.map(() => randomBytes(32));
  const pairs = places.map(at =>
    dropped.has(at) ? maskKeyPair(secrets[at], primitives) : kem.keyPair(randomBytes(32)),
  );
  const standIn = {
    ciphertext: kem.encapsulate(pairs[0].publicKey, randomBytes(64)).ciphertext,
    box: randomBytes(1024),
  };
  const kindOf = (at: number) => (dropped.has(at) ? 'root' : 'self');
  const left: Mask[] = survivors.map(at => ({ seed: selfSeed(secrets[at], sid, at, primitives), sign: 1 }));
  const bodies = places.map((at): SharesBody => {
    const others = places.filter(to => to !== at);
    return others.map(to => ({ to, mask: maskFor(at, to), channel: standIn.ciphertext, box: standIn.box }));
  });
  const deals = places.map(dealOf);
  const roots = deals.map(({ tree }) => tree.root);
  const unmasks = new Map(survivors.map(at => [at, unmaskOf(at)]));
  // Of the members, not the coordinator: no garbage collector is to look at it while that one is measured.
  deals.length = 0;
  return { group, state: makeState, unmasks, left };

  function maskFor(at: number, to: number): Uint8Array | null {
    if (!encapsulates(at, to)) return null;
    const drops = [at, to].filter(one => dropped.has(one));
    if (drops.length === 0) return standIn.ciphertext;
    const coins = dropped.has(at) ? maskCoins(secrets[at], sid, to, primitives) : randomBytes(64);
    const { ciphertext, secret } = kem.encapsulate(pairs[to].publicKey, coins);
    if (drops.length === 1) {
      const order = [Math.min(at, to), Math.max(at, to)] as const;
      const seed = pairSeed(secret, sid, order, manifest.model, primitives);
      // The survivor added what it shares with those that come after it, and took off the rest.
      left.push({ seed, sign: order[0] === drops[0] ? -1 : 1 });
    }
    return ciphertext;
  }

  function dealOf(at: number) {
    const opened = split(secrets[at], t, places.length, randomBytes);
    const hidden = randomBytes(32);
    const shares = { self: dropped.has(at) ? null : opened, root: dropped.has(at) ? opened : null };
    const leaves = places.flatMap(to =>
      (['self', 'root'] as const).map(kind => shareLeaf(sid, at, to, kind, shares[kind]?.[to] ?? hidden)),
    );
    return { opened, tree: merkleTree(leaves, primitives) };
  }

  function unmaskOf(at: number): Sent {
    const revealed = (kind: 'self' | 'root') =>
      places
        .filter(of => kindOf(of) === kind)
        .map(of => ({
          of,
          share: deals[of].opened[at],
          proof: inclusionProof(deals[of].tree, 2 * at + (kind === 'self' ? 0 : 1)),
        }));
    const message: UnmaskMessage = { sid, self: revealed('self'), root: revealed('root') };
    const label = 'group-unmask';
    const payload = encodeGroupMessage(message);
    const { federation, task, round } = manifest;
    const fields = { label, federation, task, round, sender: members[at].peer.certificate, payload };
    return { label, head: encodeUpdateHead(signEnvelope(fields, members[at].signer, primitives)), body: null };
  }

  function makeState(): GroupState {
    const shares = places.map((at): ReceivedShares => {
      const message = {
        sid,
        present: setHash('present', sid, places, primitives),
        shareRoot: Uint8Array.from(roots[at]),
        selfCommitment: selfCommitment(secrets[at], sid, at, primitives),
        boxRoot: sha256(nothing),
      };
      return { message, envelope: nothing, body: bodies[at], boxes: noBoxes };
    });
    return {
      ...beginGroup(manifest, group.known, primitives),
      stage: 'unmask',
      keys: new Map(places.map(at => [at, keysOf(sid, pairs[at])])),
      shares: new Map(shares.entries()),
      present: places,
      sharers: places,
      survivors,
      quorum: survivors,
    };
  }
}

/** The opening proves nothing to others, so that no tree of boxes is needed. */
const noBoxes: MerkleTree = { size: 0, root: nothing, levels: [] };

function keysOf(sid: Uint8Array, { publicKey }: KemKeyPair): Received<KeysMessage> {
  return { message: { sid, maskKey: publicKey, channelKey: publicKey }, envelope: nothing };
}
