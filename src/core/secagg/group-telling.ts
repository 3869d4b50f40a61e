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
  const { sid } = state;
  switch (state.stage) {
    case 'keys':
      return null;
    case 'shares':
      if (!state.present.includes(at)) return null;
      return { label: 'group-members', payload: encodeGroupMessage({ sid, present: presentMembers(state) }) };
    case 'input':
      if (!state.sharers.includes(at)) return null;
      return { label: 'group-boxes', payload: encodeGroupMessage({ sid, sharers: boxesFor(state, at) }) };
    case 'agree':
      if (!state.survivors.includes(at)) return null;
      return { label: 'group-survivors', payload: encodeGroupMessage({ sid, survivors: [...state.survivors] }) };
    case 'unmask':
      if (!state.quorum.includes(at)) return null;
      return { label: 'group-quorum', payload: encodeGroupMessage({ sid, agreed: agreements(state) }) };
    case 'opened':
    case 'void':
      return { label: 'group-end', payload: encodeGroupMessage({ sid, outcome: state.stage }) };
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
