/** What the coordinator tells the members of a group after each step. */
import { inclusionProof } from '../crypto/merkle.ts';
import { type BoxesMessage, type CoordinatorLabel, encodeGroupMessage } from './group-message.ts';
import { dealtBy, type GroupState, keysOf } from './group-state.ts';

/** The newest message for a member. */
export interface Telling {
  readonly label: CoordinatorLabel;
  readonly payload: Uint8Array;
}

/**
 * What this member is told now: the same bytes whenever the same step has closed, after a crash too. Null: nothing yet; or, for one that is
 * no longer asked, nothing until the end.
 */
export function messageFor(state: GroupState, at: number): Telling | null {
  const { sid, stage } = state;
  const label = labelFor(state, at);
  switch (label) {
    case null:
      return null;
    case 'group-members':
      return { label, payload: encodeGroupMessage({ sid, present: presentMembers(state) }) };
    case 'group-boxes':
      return { label, payload: encodeGroupMessage({ sid, sharers: boxesFor(state, at) }) };
    case 'group-survivors':
      return { label, payload: encodeGroupMessage({ sid, survivors: [...state.survivors] }) };
    case 'group-quorum':
      return { label, payload: encodeGroupMessage({ sid, agreed: agreements(state) }) };
    case 'group-end':
      return { label, payload: encodeGroupMessage({ sid, outcome: stage === 'opened' ? 'opened' : 'void' }) };
  }
}

/** Label of `messageFor`, without the work of making the message. */
export function labelFor(
  { stage, present, sharers, survivors, quorum }: GroupState,
  at: number,
): CoordinatorLabel | null {
  switch (stage) {
    case 'keys':
      return null;
    case 'shares':
      return present.includes(at) ? 'group-members' : null;
    case 'input':
      return sharers.includes(at) ? 'group-boxes' : null;
    case 'agree':
      return survivors.includes(at) ? 'group-survivors' : null;
    case 'unmask':
      return quorum.includes(at) ? 'group-quorum' : null;
    case 'opened':
    case 'void':
      return 'group-end';
  }
}

function presentMembers(state: GroupState) {
  return state.present.map(at => ({
    at,
    certificate: state.members[at].certificate,
    keys: keysOf(state, at).envelope,
  }));
}

function boxesFor(state: GroupState, to: number): BoxesMessage['sharers'] {
  return state.sharers.map(at => {
    const { body, boxes, envelope } = dealtBy(state, at);
    const place = body.findIndex(entry => entry.to === to);
    if (at === to) return { at, shares: envelope, sent: null };
    const { mask, channel, box } = body[place];
    return { at, shares: envelope, sent: { mask, channel, box, proof: inclusionProof(boxes, place) } };
  });
}

function agreements({ quorum, agreed }: GroupState) {
  return quorum.flatMap(at => {
    const one = agreed.get(at);
    return one === undefined ? [] : [{ at, agree: one.envelope }];
  });
}
