/** The coordinator's side of one group in one round: members' messages in, step by step, until the sum can be opened or is void. */
import { compareBytes } from '../bytes/cbor.ts';
import type { GroupPrimitives } from '../crypto/group-primitives.ts';
import type { CoordinatorLabel } from './group-message.ts';
import type { GroupEvent, GroupMember, GroupState } from './group-state.ts';
import { type GroupManifest, sessionId } from './manifest.ts';

/** The state before any message. RangeError unless `members` are those of the manifest, in its order. */
export function beginGroup(
  manifest: GroupManifest,
  members: readonly GroupMember[],
  primitives: GroupPrimitives,
): GroupState {
  const areMembers =
    members.length === manifest.members.length &&
    members.every(
      ({ at, certificate }, i) => at === i && compareBytes(primitives.sha256(certificate), manifest.members[i]) === 0,
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
    why: null,
    blamed: [],
    opening: null,
  };
}

/**
 * The state after an event. Throws Problem for a message that is refused: the state has not changed then. The same bytes again change
 * nothing; other bytes of the same step are `equivocation`.
 */
export function stepGroup(_state: GroupState, _event: GroupEvent, _primitives: GroupPrimitives): GroupState {
  throw new RangeError('group: not written yet');
}

/** Whether waiting longer is of no use: everybody awaited in this step has answered or is gone. */
export function isAnswered(_state: GroupState): boolean {
  return false;
}

/** What this member is told now: the same after a crash. Null: nothing yet, or nothing any more. */
export function messageFor(
  _state: GroupState,
  _at: number,
): { readonly label: CoordinatorLabel; readonly payload: Uint8Array } | null {
  return null;
}
