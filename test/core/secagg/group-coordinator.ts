/** The coordinator's machine beside a group of real members: what they have said, given to it in any order. */
import assert from 'node:assert/strict';
import { decodeEnvelope } from '../../../src/core/crypto/envelope.ts';
import type { ProblemCode } from '../../../src/core/protocol/problem.ts';
import { Problem } from '../../../src/core/protocol/problem.ts';
import { beginGroup, type GroupEvent, type GroupState, stepGroup } from '../../../src/core/secagg/group-machine.ts';
import { encodeGroupMessage, type MemberLabel, memberLabels } from '../../../src/core/secagg/group-message.ts';
import { places, type TestGroup } from './member-group.ts';

export const close: GroupEvent = { kind: 'close' };

export function begun(group: TestGroup): GroupState {
  const members = group.members.map(({ certificate, peer: { at, name, publicKey } }) => ({
    at,
    name,
    certificate,
    publicKey,
  }));
  return beginGroup(group.manifest, members, group.primitives);
}

/** What the member has said under the label. @param payload another one, signed by the same member. */
export function message(group: TestGroup, label: MemberLabel, at: number, payload?: Uint8Array): GroupEvent {
  const bytes = payload === undefined ? group.said(label, at) : group.sign(at, label, payload);
  const body = label === 'group-shares' ? encodeGroupMessage(group.bodies.get(at) ?? []) : null;
  return { kind: 'message', at, envelope: decodeEnvelope(bytes), body };
}

export function steps(group: TestGroup, state: GroupState, events: readonly GroupEvent[]): GroupState {
  return events.reduce((now, event) => stepGroup(now, event, group.primitives), state);
}

/** All that was said under the labels before this one, and the closings. Who has said nothing was not there. */
export function upTo(group: TestGroup, label: MemberLabel | null): GroupState {
  const before = label === null ? memberLabels : memberLabels.slice(0, memberLabels.indexOf(label));
  return steps(
    group,
    begun(group),
    before.flatMap(one => [...saidUnder(group, one), close]),
  );
}

export function saidUnder(group: TestGroup, label: MemberLabel): GroupEvent[] {
  return places(group.members.length)
    .filter(at => group.sent.has(`${label} ${at}`))
    .map(at => message(group, label, at));
}

/** The machine refuses the event with this problem. */
export function refuses(group: TestGroup, state: GroupState, event: GroupEvent, code: ProblemCode, why = /./): void {
  assert.throws(
    () => stepGroup(state, event, group.primitives),
    cause => {
      assert.ok(cause instanceof Problem, String(cause));
      assert.equal(cause.code, code, cause.message);
      assert.match(cause.message, why);
      return true;
    },
  );
}
