/** flower.json and must-not.json: what a member of a group lets its coordinator do. */
import { encodeCbor } from '../../core/bytes/cbor.ts';
import { parseUnmask } from '../../core/secagg/group-message.ts';
import { groupThresholds, type Thresholds } from '../../core/secagg/thresholds.ts';
import { nodeGroupPrimitives } from '../../node/group-primitives.ts';
import type { Implementations } from '../case.ts';
import { refuses } from '../judge.ts';
import { answering } from './bytes.ts';
import { GroupSession, type Reaction, type Telling } from './group-session.ts';

export const groupFunctions: Implementations = {
  'flower/stage_machine': answering(async () => ({ valid: await validMoves() })),
  'must-not/secagg-overlap': answering(neverBothSecrets),
  'must-not/secagg-threshold': answering(lowThresholdsAreRefused),
};

/** The peer's stages, and the last message that a member of ours has heard in each. */
const stages: Readonly<Record<string, Telling | null>> = {
  setup: null,
  share_keys: 'members',
  collect_masked_vectors: 'boxes',
  unmask: 'quorum',
};

/**
 * Pairs of stages for which a member that has done the first does the second. A session can always begin anew, with other secrets; whoever
 * drives the machine lets it do so once in a round.
 */
async function validMoves(): Promise<string[]> {
  const primitives = await nodeGroupPrimitives();
  const moves: string[] = [];
  for (const [from, last] of Object.entries(stages)) {
    for (const [to, telling] of Object.entries(stages)) {
      const session = new GroupSession(5, primitives);
      session.honestUntil(last);
      if (didStage(session, telling)) moves.push(`${from} → ${to}`);
    }
  }
  return moves.sort();
}

/** Whether member 0 answers what belongs to a stage: the true message where the coordinator has just that one to tell, else an empty one. */
function didStage(session: GroupSession, telling: Telling | null): boolean {
  if (telling === null) return session.begin(0).sent.includes('group-keys');
  session.collect();
  if (telling !== 'quorum') return session.tell(0, telling, truthOr(session, telling)).sent.length > 0;
  // To open shares takes two messages, with the others' signatures in between.
  session.tell(0, 'survivors', truthOr(session, 'survivors'));
  for (const at of session.places.slice(1)) {
    if (session.canTell(at, 'survivors')) session.tell(at, 'survivors', session.truth(at));
  }
  session.collect();
  return session.tell(0, 'quorum', truthOr(session, 'quorum')).sent.includes('group-unmask');
}

function truthOr(session: GroupSession, telling: Telling): Uint8Array {
  if (session.canTell(0, telling)) return session.truth(0);
  const lists = { members: 'present', boxes: 'sharers', survivors: 'survivors', quorum: 'agreed' } as const;
  return encodeCbor({ sid: session.sid, [lists[telling]]: [] });
}

/** The peer's attack: the victim stands as a survivor and as one that is gone, so that both of its secrets are opened. */
async function neverBothSecrets(): Promise<boolean> {
  const primitives = await nodeGroupPrimitives();
  const members = 10;
  const open = (last: Telling) => {
    const session = new GroupSession(members, primitives);
    session.honestUntil(last);
    return session;
  };
  const session = open('boxes');
  const { places } = session;
  const victim = 4;
  const without = places.filter(at => at !== victim);

  // In one message: there is one list, ascending, each once; who is gone follows from it.
  const twice = encodeCbor({ sid: session.sid, survivors: [...places.slice(0, 5), ...places.slice(4)] });
  const both = encodeCbor({ sid: session.sid, survivors: places, gone: [victim] });
  for (const payload of [twice, both]) if (!refuses(() => session.tell(0, 'survivors', payload))) return false;

  // One after the other: to the same member, and to the victim itself.
  session.tell(0, 'survivors', session.survivorsMessage(places));
  const second = session.tell(0, 'survivors', session.survivorsMessage(without));
  const own = session.tell(victim, 'survivors', session.survivorsMessage(without));
  if (!gaveUp(second, 'equivocation') || !gaveUp(own, 'group-altered')) return false;

  // With signatures under another list than the one that was signed.
  const signed = session.tell(1, 'survivors', session.survivorsMessage(places));
  const others = session.quorumMessage(without.map(at => ({ at, survivors: without })));
  if (signed.problem !== null || !gaveUp(session.tell(1, 'quorum', others), 'no-quorum')) return false;

  // To each member another one, as many as may collude signing both.
  const honest = members - session.manifest.thresholds.colluders;
  for (let shown = 0; shown <= honest; shown++) if (!oneSecretAtMost(open('boxes'), victim, shown)) return false;
  return true;
}

/** Shows `shown` honest members the list with the victim and the other ones that without it: t shares of one of its secrets come together at most. */
function oneSecretAtMost(session: GroupSession, victim: number, shown: number): boolean {
  const { places, manifest } = session;
  const { t, colluders } = manifest.thresholds;
  const lists = { self: places, root: places.filter(at => at !== victim) };
  const others = places.filter(at => at !== victim);
  const colluding = others.slice(0, colluders);
  const honest = [victim, ...others.slice(colluders)];
  const sides = { self: honest.slice(0, shown), root: honest.slice(shown) };
  for (const side of ['self', 'root'] as const) {
    const agreed = sides[side].filter(
      at => session.tell(at, 'survivors', session.survivorsMessage(lists[side])).problem === null,
    );
    const signers = [...agreed, ...colluding].sort((a, b) => a - b).map(at => ({ at, survivors: lists[side] }));
    for (const at of agreed) session.tell(at, 'quorum', session.quorumMessage(signers));
  }
  const opened = session.sentAs('group-unmask').map(({ payload }) => parseUnmask(payload));
  const sharesOf = (kind: 'self' | 'root') =>
    colluding.length + opened.filter(message => message[kind].some(({ of }) => of === victim)).length;
  const isSplit = opened.every(({ self, root }) => !self.some(one => root.some(({ of }) => of === one.of)));
  return isSplit && (sharesOf('self') < t || sharesOf('root') < t);
}

/** The peer's case, a threshold of 1 among 10; and other thresholds that are not right for so many. */
async function lowThresholdsAreRefused(): Promise<boolean> {
  const primitives = await nodeGroupPrimitives();
  const right = groupThresholds(10, { honest: 3, colluders: null });
  const altered: Partial<Thresholds>[] = [
    { t: 1 },
    { t: right.t - 1 },
    { t: 1, least: 1 },
    { least: right.least - 1 },
    { honest: 1 },
    { honest: 0, colluders: 0, least: right.t },
    { colluders: 0, least: right.t },
    { colluders: 9 },
    { members: 1 },
  ];
  for (const thresholds of altered) {
    const reaction = new GroupSession(10, primitives, thresholds).begin(0);
    if (!gaveUp(reaction, 'group-refused')) return false;
  }
  for (let members = 3; members <= 500; members++) {
    const { t, least, colluders } = groupThresholds(members, { honest: 3, colluders: null });
    // Two sets that open something have an honest member in common.
    if (2 * t - members <= colluders || 2 * t <= members || least < t) return false;
  }
  return new GroupSession(10, primitives).begin(0).problem === null;
}

function gaveUp({ sent, problem }: Reaction, code: string): boolean {
  return sent.length === 0 && problem === code;
}
