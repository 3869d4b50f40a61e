/** The member's side of a group session as a pure state machine. */
import type { GroupPrimitives } from '../crypto/group-primitives.ts';
import type { MemberEvent, MemberSecrets, MemberSession, MemberState, MemberStep } from './member-state.ts';

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

/** In work: the stages follow. */
export function beginMember(
  _session: MemberSession,
  _secrets: MemberSecrets,
  _primitives: GroupPrimitives,
): MemberStep {
  throw new RangeError('member: not yet');
}

/** In work: the stages follow. */
export function stepMember(state: MemberState, _event: MemberEvent, _primitives: GroupPrimitives): MemberStep {
  return { state, actions: [] };
}
