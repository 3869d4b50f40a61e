/**
 * The coordinator's side of one group in one round: members' messages in, step by step, until the sum can be opened or is void.
 *
 * A coordinator that has crashed gives a new machine the same events again: each step's messages, whoever was gone by then, the closing of
 * the step. In which order the messages of a step come does not matter; a member's stand before its own `gone`.
 */
import { sameBytes } from '../bytes/floats.ts';
import { encodeEnvelope } from '../crypto/envelope.ts';
import type { GroupPrimitives } from '../crypto/group-primitives.ts';
import { Problem } from '../protocol/problem.ts';
import { judgeComplaints, oncePerMember } from './group-faults.ts';
import { takeAgree, takeInput, takeKeys, takeShares, takeUnmask } from './group-intake.ts';
import { memberLabels } from './group-message.ts';
import { canOpen, openGroup, tried } from './group-opening.ts';
import type { GroupEvent, GroupMember, GroupStage, GroupState, Received } from './group-state.ts';
import { type GroupManifest, sessionId } from './manifest.ts';

export type { GroupEvent, GroupMember, GroupState } from './group-state.ts';
export { labelFor, messageFor } from './group-telling.ts';

/** The state before any message. RangeError unless `members` are those of the manifest, in its order. */
export function beginGroup(
  manifest: GroupManifest,
  members: readonly GroupMember[],
  primitives: GroupPrimitives,
): GroupState {
  const areMembers =
    members.length === manifest.members.length &&
    members.every(
      ({ at, certificate }, i) => at === i && sameBytes(primitives.sha256(certificate), manifest.members[i]),
    );
  if (!areMembers) throw new RangeError('group: the members are not those of the manifest');
  return {
    manifest,
    sid: sessionId(manifest, primitives),
    members,
    stage: 'keys',
    gone: new Set(),
    keys: new Map(),
    shares: new Map(),
    inputs: new Map(),
    agreed: new Map(),
    unmasked: new Map(),
    present: [],
    sharers: [],
    survivors: [],
    quorum: [],
    trials: { self: new Map(), root: new Map() },
    why: null,
    blamed: [],
    opening: null,
  };
}

/**
 * The state after an event. Throws Problem for a message that is refused, and the state has not changed then: 'equivocation' for other
 * bytes than the member has sent in the same step (the same bytes change nothing, nor do shares when the sum is open), 'round-closed' for what comes too late or from somebody
 * whom the step does not ask, 'conflict' for what comes before its step, 'wrong-round', 'bad-digest' and 'malformed' for what is in it.
 */
export function stepGroup(state: GroupState, event: GroupEvent, primitives: GroupPrimitives): GroupState {
  switch (event.kind) {
    case 'message':
      return take(state, event, primitives);
    case 'close':
      return isOver(state.stage) ? state : close(state, state.stage, primitives);
    case 'gone':
      return { ...state, gone: new Set([...state.gone, event.at]) };
  }
}

/**
 * Whether waiting longer is of no use: all who are asked have answered or are gone, too few are left, or what has come opens the sum or shows
 * that nothing will.
 */
export function isAnswered(state: GroupState): boolean {
  if (isOver(state.stage)) return true;
  const { asked, sent, least } = steps[state.stage](state);
  const waiting = asked.filter(at => !sent.has(at) && !state.gone.has(at)).length;
  return (
    waiting === 0 ||
    waiting + answered(state, state.stage).length < least ||
    (state.stage === 'unmask' && canOpen(state))
  );
}

type OpenStage = (typeof stages)[number];

const stages = ['keys', 'shares', 'input', 'agree', 'unmask'] as const;

interface Step {
  /** Who is asked for a message, and who has sent one. */
  readonly asked: readonly number[];
  readonly sent: ReadonlyMap<number, Received<unknown>>;
  /** How many the group needs to go on. */
  readonly least: number;
  /** What they have done then. */
  readonly did: string;
}

const steps: { readonly [stage in OpenStage]: (state: GroupState) => Step } = {
  keys: ({ members, keys, manifest: { thresholds } }) => ({
    asked: members.map(({ at }) => at),
    sent: keys,
    least: thresholds.least,
    did: 'sent keys',
  }),
  shares: ({ present, shares, manifest: { thresholds } }) => ({
    asked: present,
    sent: shares,
    least: thresholds.least,
    did: 'dealt out shares',
  }),
  input: ({ sharers, inputs, manifest: { thresholds } }) => ({
    asked: sharers,
    sent: inputs,
    least: thresholds.least,
    did: 'sent their input',
  }),
  agree: ({ survivors, agreed, manifest: { thresholds } }) => ({
    asked: survivors,
    sent: agreed,
    least: thresholds.t,
    did: 'agreed on who is in the sum',
  }),
  unmask: ({ quorum, unmasked, manifest: { thresholds } }) => ({
    asked: quorum,
    sent: unmasked,
    least: thresholds.t,
    did: 'helped to open the sum',
  }),
};

function take(
  state: GroupState,
  { at, envelope, body }: Extract<GroupEvent, { kind: 'message' }>,
  primitives: GroupPrimitives,
): GroupState {
  if (!sameBytes(envelope.sender, state.manifest.members[at] ?? new Uint8Array(0)))
    throw new RangeError(`group: the message is not of member ${at}`);
  const step = (memberLabels as readonly string[]).indexOf(envelope.label);
  if (step < 0) throw new Problem('bad-request', 'group: not a message of a session');
  const stage = stages[step];
  const { asked, sent } = steps[stage](state);
  const before = sent.get(at);
  if (before !== undefined) {
    if (sameBytes(before.envelope, encodeEnvelope(envelope))) return state;
    throw new Problem('equivocation', `group: another ${envelope.label}`);
  }
  // Shares that come when no more are needed.
  if (isOver(state.stage) && stage === 'unmask' && asked.includes(at)) return state;
  if (isOver(state.stage) || stages.indexOf(state.stage) > step)
    throw new Problem('round-closed', `group: ${stage} is over`);
  if (state.stage !== stage) throw new Problem('conflict', `group: ${stage} has not begun`);
  if (state.gone.has(at) || !asked.includes(at)) throw new Problem('round-closed', `group: not asked for ${stage}`);
  switch (stage) {
    case 'keys':
      return { ...state, keys: added(state.keys, at, takeKeys(state, envelope)) };
    case 'shares':
      return { ...state, shares: added(state.shares, at, takeShares(state, at, envelope, body, primitives)) };
    case 'input':
      return { ...state, inputs: added(state.inputs, at, takeInput(state, at, envelope, primitives)) };
    case 'agree':
      return { ...state, agreed: added(state.agreed, at, takeAgree(state, envelope, primitives)) };
    case 'unmask':
      return tried({ ...state, unmasked: added(state.unmasked, at, takeUnmask(state, at, envelope)) }, primitives);
  }
}

function added<T>(received: ReadonlyMap<number, T>, at: number, one: T): ReadonlyMap<number, T> {
  return new Map([...received, [at, one]]);
}

function close(state: GroupState, stage: OpenStage, primitives: GroupPrimitives): GroupState {
  if (stage === 'unmask') return opened(state, primitives);
  const stayed = answered(state, stage);
  const found = stage === 'input' ? judgeComplaints(state, primitives) : [];
  const blamed = oncePerMember([...state.blamed, ...found]);
  const why = tooFew(state, stage);
  if (why !== null) return { ...state, stage: 'void', blamed, why };
  switch (stage) {
    case 'keys':
      return { ...state, blamed, stage: 'shares', present: stayed };
    case 'shares':
      return { ...state, blamed, stage: 'input', sharers: stayed };
    case 'input':
      return { ...state, blamed, stage: 'agree', survivors: stayed };
    case 'agree':
      return { ...state, blamed, stage: 'unmask', quorum: stayed };
  }
}

/** In words, or null where enough are in the next step. */
function tooFew(state: GroupState, stage: OpenStage): string | null {
  const stayed = answered(state, stage).length;
  const { least, did } = steps[stage](state);
  return stayed < least ? `${stayed} of ${state.members.length} members ${did}; the group needs ${least}` : null;
}

/** Who is in the next step. A share that fits stays one, whatever becomes of who sent it. */
function answered(state: GroupState, stage: OpenStage): readonly number[] {
  const { asked, sent } = steps[stage](state);
  return asked.filter(at => sent.has(at) && (stage === 'unmask' || !state.gone.has(at)));
}

function opened(unmasked: GroupState, primitives: GroupPrimitives): GroupState {
  const { masks, falseShares, obstacles } = openGroup(unmasked, primitives);
  const state = {
    ...unmasked,
    trials: { self: new Map(), root: new Map() },
    blamed: oncePerMember([...unmasked.blamed, ...falseShares]),
  };
  const why = tooFew(state, 'unmask');
  if (why !== null) return { ...state, stage: 'void', why };
  if (obstacles.length === 0) return { ...state, stage: 'opened', opening: { survivors: state.survivors, masks } };
  const blamed = oncePerMember([...state.blamed, ...obstacles.flatMap(({ blame }) => blame ?? [])]);
  const more = obstacles.length > 1 ? ` (and ${obstacles.length - 1} more)` : '';
  return { ...state, stage: 'void', why: `${obstacles[0].why}${more}`, blamed };
}

function isOver(stage: GroupStage): stage is 'opened' | 'void' {
  return stage === 'opened' || stage === 'void';
}
