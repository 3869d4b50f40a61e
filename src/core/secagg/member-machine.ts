/**
 * The member's side of a group session as a pure state machine (Bonawitz et al. 2017, the variant against a malicious server): every message
 * of the coordinator is checked before anything follows from it, and the first that is wrong ends the session.
 *
 * A state is used once: a step overwrites the secrets that the next stage does not need. Nothing here survives a crash, on purpose.
 */
import { sameBytes } from '../bytes/floats.ts';
import type { GroupPrimitives } from '../crypto/group-primitives.ts';
import { Problem } from '../protocol/problem.ts';
import { setHash } from './derive.ts';
import { encodeGroupMessage } from './group-message.ts';
import { sessionId } from './manifest.ts';
import { openBoxes } from './member-boxes.ts';
import { checkMembers, makeKeys } from './member-keys.ts';
import { checkManifest } from './member-policy.ts';
import { dealShares } from './member-shares.ts';
import type {
  Agreed,
  Heard,
  InputSent,
  KeysSent,
  LiveState,
  Masking,
  MemberEvent,
  MemberSecrets,
  MemberSession,
  MemberState,
  MemberStep,
  SharesSent,
} from './member-state.ts';
import { checkQuorum, checkSurvivors, makeAgree, makeUnmask } from './member-unmask.ts';
import { wipe } from './wipe.ts';

export type { MemberPolicy } from './member-policy.ts';
export type {
  MemberAction,
  MemberEvent,
  MemberSecrets,
  MemberSession,
  MemberState,
  MemberStep,
  Peer,
} from './member-state.ts';
export type { SetMemory } from './set-memory.ts';

type Event<Kind extends MemberEvent['kind']> = Extract<MemberEvent, { readonly kind: Kind }>;

/**
 * Sends the keys of a member, or aborts for a manifest that its policy refuses. The secrets belong to the machine from here on.
 *
 * The driver has checked the manifest against its task, model and code, the deal against the coin, and has made durable that this session
 * begins: a second one in a round would use masks twice. RangeError for secrets that are none, and for another session's id.
 */
export function beginMember(session: MemberSession, secrets: MemberSecrets, primitives: GroupPrimitives): MemberStep {
  requireSecrets(secrets);
  if (!sameBytes(session.sid, sessionId(session.manifest, primitives)))
    throw new RangeError('member: the session id is not that of the manifest');
  try {
    checkManifest(session);
  } catch (cause) {
    return aborted(Object.values(secrets), cause);
  }
  const { maskPair, channelPair, keys } = makeKeys(session, secrets, primitives);
  return {
    state: { stage: 'keys', session, heard: {}, secrets, maskPair, channelPair, keys },
    actions: [{ kind: 'send', label: 'group-keys', payload: keys, body: null }],
  };
}

/**
 * The next state, and what is to be done in this order. Never throws for what a peer can cause: it aborts. The same message of the coordinator
 * again gives nothing; another one for a step that is done aborts, as does one before its turn. RangeError, and nothing done, for a state
 * that was used before, for `masked` when nothing is to be masked, and for peers that are not those of the message.
 */
export function stepMember(state: MemberState, event: MemberEvent, primitives: GroupPrimitives): MemberStep {
  if (state.stage === 'finished' || state.stage === 'aborted') return { state, actions: [] };
  const secrets = secretsOf(state);
  // The first is this member's own: no peer can make it zero.
  if (secrets.length > 0 && isZero(secrets[0])) throw new RangeError('member: a state is used once');
  try {
    return stepLive(state, event, primitives);
  } catch (cause) {
    return aborted(secrets, cause);
  }
}

function stepLive(state: LiveState, event: MemberEvent, primitives: GroupPrimitives): MemberStep {
  if (event.kind === 'abort') throw new Problem('round-closed', 'the session was given up');
  if (event.kind === 'end') {
    wipe(...secretsOf(state));
    return { state: { stage: 'finished' }, actions: [{ kind: 'finished' }] };
  }
  if (event.kind === 'masked') return sendInput(state, event, primitives);
  const digest = primitives.sha256(encodeGroupMessage(event.message));
  const before = state.heard[event.kind];
  if (before !== undefined) {
    if (sameBytes(before, digest)) return { state, actions: [] };
    throw new Problem('equivocation', `the coordinator sent another list of ${event.kind}`);
  }
  const heard = { ...state.heard, [event.kind]: digest };
  if (event.kind === 'members' && state.stage === 'keys') return sendShares(state, event, heard, primitives);
  if (event.kind === 'boxes' && state.stage === 'shares') return mask(state, event, heard, primitives);
  if (event.kind === 'survivors' && state.stage === 'input') return sendAgree(state, event, heard, primitives);
  if (event.kind === 'quorum' && state.stage === 'agree') return sendUnmask(state, event, heard, primitives);
  throw new Problem('bad-request', `the coordinator sent ${event.kind} to a member in the stage ${state.stage}`);
}

function sendShares(
  state: KeysSent,
  { message, peers }: Event<'members'>,
  heard: Heard,
  primitives: GroupPrimitives,
): MemberStep {
  const present = checkMembers(state, message, peers, primitives);
  const { header, body, own, pairSecrets } = dealShares(state, present, primitives);
  const shares = encodeGroupMessage(header);
  const { session, secrets, maskPair, channelPair } = state;
  return {
    state: {
      stage: 'shares',
      session,
      heard,
      secrets,
      maskPair,
      channelPair,
      present: peers,
      shares,
      own,
      pairSecrets,
    },
    actions: [{ kind: 'send', label: 'group-shares', payload: shares, body: encodeGroupMessage(body) }],
  };
}

function mask(state: SharesSent, { message }: Event<'boxes'>, heard: Heard, primitives: GroupPrimitives): MemberStep {
  const { session, present } = state;
  const { sharers, masks, held, complaints } = openBoxes(state, message, primitives);
  wipe(...keysOf(state), ...state.pairSecrets.map(({ secret }) => secret));
  return {
    state: { stage: 'masking', session, heard, present, sharers, held, masks, complaints },
    actions: [{ kind: 'mask', masks }],
  };
}

function sendInput(state: LiveState, { vector, bytes }: Event<'masked'>, primitives: GroupPrimitives): MemberStep {
  if (state.stage !== 'masking') throw new RangeError(`member: nothing is to be masked in the stage ${state.stage}`);
  if (vector.length !== 32) throw new RangeError(`member: the digest of an input has 32 bytes, got ${vector.length}`);
  const { session, heard, present, sharers, held, masks, complaints } = state;
  const { sid } = session;
  const input = { sid, sharers: setHash('sharers', sid, sharers, primitives), vector, bytes, complaints };
  wipe(...masks.map(({ seed }) => seed));
  return {
    state: { stage: 'input', session, heard, present, sharers, held },
    actions: [{ kind: 'send', label: 'group-input', payload: encodeGroupMessage(input), body: null }],
  };
}

function sendAgree(
  state: InputSent,
  { message, memory }: Event<'survivors'>,
  heard: Heard,
  primitives: GroupPrimitives,
): MemberStep {
  const remembered = checkSurvivors(state, message, memory, primitives);
  const { session, sharers } = state;
  const { survivors } = message;
  const payload = encodeGroupMessage(makeAgree(session, sharers, survivors, primitives));
  return {
    state: { ...state, stage: 'agree', heard, survivors },
    actions: [
      { kind: 'remember', memory: remembered },
      { kind: 'send', label: 'group-agree', payload, body: null },
    ],
  };
}

function sendUnmask(
  state: Agreed,
  { message }: Event<'quorum'>,
  heard: Heard,
  primitives: GroupPrimitives,
): MemberStep {
  checkQuorum(state, message, primitives);
  const payload = encodeGroupMessage(makeUnmask(state));
  wipe(...secretsOf(state));
  return {
    state: { stage: 'unmask', session: state.session, heard },
    actions: [{ kind: 'send', label: 'group-unmask', payload, body: null }],
  };
}

/** Ends the session for a problem; anything else is thrown on. */
function aborted(secrets: readonly Uint8Array[], cause: unknown): MemberStep {
  if (!(cause instanceof Problem)) throw cause;
  wipe(...secrets);
  return { state: { stage: 'aborted' }, actions: [{ kind: 'aborted', problem: cause.code, why: cause.message }] };
}

function secretsOf(state: LiveState): Uint8Array[] {
  switch (state.stage) {
    case 'keys':
      return keysOf(state);
    case 'shares':
      return [...keysOf(state), ...sharesOf([state.own]), ...state.pairSecrets.map(({ secret }) => secret)];
    case 'masking':
      return [...state.masks.map(({ seed }) => seed), ...sharesOf(state.held)];
    case 'input':
    case 'agree':
      return sharesOf(state.held);
    case 'unmask':
      return [];
  }
}

function keysOf({ secrets, maskPair, channelPair }: KeysSent | SharesSent): Uint8Array[] {
  return [secrets.root, secrets.self, secrets.channel, maskPair.secretKey, channelPair.secretKey];
}

function sharesOf(held: Masking['held']): Uint8Array[] {
  return held.flatMap(({ self, root }) => [self, root]);
}

function requireSecrets(secrets: MemberSecrets): void {
  for (const secret of [secrets.root, secrets.self, secrets.channel])
    if (secret.length !== 32 || isZero(secret))
      throw new RangeError('member: a secret is 32 bytes from a cryptographic generator');
}

function isZero(secret: Uint8Array): boolean {
  return secret.every(byte => byte === 0);
}
