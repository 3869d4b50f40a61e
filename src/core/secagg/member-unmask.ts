/** The last steps of a member: which set it signs, whether enough others signed the same, and the shares it then opens. */
import { sameBytes } from '../bytes/floats.ts';
import type { GroupPrimitives } from '../crypto/group-primitives.ts';
import type { Primitives } from '../crypto/primitives.ts';
import { Problem } from '../protocol/problem.ts';
import { setHash } from './derive.ts';
import {
  type AgreeMessage,
  parseAgree,
  type QuorumMessage,
  type SurvivorsMessage,
  type UnmaskMessage,
} from './group-message.ts';
import { checkEnough } from './member-policy.ts';
import type { Agreed, InputSent, MemberSession } from './member-state.ts';
import { checkSet, memberId, type SetMemory } from './set-memory.ts';
import { checkSession, openSigned } from './signed-message.ts';

/**
 * What to remember before U3 is signed. Throws Problem unless U3 is a part of U2 with this member in it, large enough, and not too near
 * the set that it signed last (`checkSet`).
 */
export function checkSurvivors(
  { session, present, sharers }: InputSent,
  { sid, survivors }: SurvivorsMessage,
  memory: SetMemory | null,
  hash: Pick<Primitives, 'sha256'>,
): SetMemory {
  checkSession(sid, session, 'the list of survivors');
  const { manifest, policy, redrawRounds, isPrivate, deal = null } = session;
  if (!survivors.every(at => sharers.includes(at)))
    throw new Problem('group-altered', 'a member survived that was not among the sharers');
  if (!survivors.includes(session.at))
    throw new Problem('group-altered', 'this member sent its input and is not among the survivors');
  const peers = present.filter(({ at }) => survivors.includes(at));
  checkEnough(manifest, peers);
  const proposed = {
    survivors: peers.map(({ name }) => memberId(name, hash)),
    round: manifest.round,
    model: manifest.model,
    deal,
  };
  const { honest, colluders } = manifest.thresholds;
  const rules = { redrawRounds, honest, colluders, setChanges: policy.setChanges, isPrivate };
  const checked = checkSet(memory, proposed, rules);
  if ('refused' in checked) throw new Problem('set-refused', checked.refused);
  return checked.memory;
}

/** R3 of these sets. */
export function makeAgree(
  { sid }: Pick<MemberSession, 'sid'>,
  sharers: readonly number[],
  survivors: readonly number[],
  hash: Pick<Primitives, 'sha256'>,
): AgreeMessage {
  return {
    sid,
    sharers: setHash('sharers', sid, sharers, hash),
    survivors: setHash('survivors', sid, survivors, hash),
  };
}

/**
 * Throws Problem `no-quorum` unless t members of U3 have signed exactly the sets of this member: two groups of so many have an honest member
 * in common, which signs once, so that no other sets of this session are ever opened.
 */
export function checkQuorum(state: Agreed, { sid, agreed }: QuorumMessage, primitives: GroupPrimitives): void {
  const { session, present, sharers, survivors } = state;
  checkSession(sid, session, 'the quorum');
  const expected = makeAgree(session, sharers, survivors, primitives);
  const signers = new Set<number>();
  for (const { at, agree } of agreed) {
    const peer = survivors.includes(at) ? present.find(one => one.at === at) : undefined;
    if (peer === undefined) throw new Problem('group-altered', `member ${at} agreed, and did not survive`);
    const message = parseAgree(openSigned(agree, 'group-agree', peer, session, primitives));
    const isSame =
      sameBytes(message.sid, sid) &&
      sameBytes(message.sharers, expected.sharers) &&
      sameBytes(message.survivors, expected.survivors);
    if (isSame) signers.add(at);
  }
  const { t } = session.manifest.thresholds;
  if (signers.size < t) throw new Problem('no-quorum', `${signers.size} members agreed on these sets, not ${t}`);
}

/**
 * R4: shares of the self seeds of U3 and of the roots of U2∖U3, found out here and not told by anybody: never both of one member. Without
 * those that this member was not given.
 */
export function makeUnmask({ session, survivors, held }: Agreed): UnmaskMessage {
  const message: UnmaskMessage = { sid: session.sid, self: [], root: [] };
  // `held` is of members of U2 only.
  for (const { dealer: of, self, selfProof, root, rootProof } of held.toSorted((a, b) => a.dealer - b.dealer)) {
    if (survivors.includes(of)) message.self.push({ of, share: self, proof: [...selfProof] });
    else message.root.push({ of, share: root, proof: [...rootProof] });
  }
  return message;
}
