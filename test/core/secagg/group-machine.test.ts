import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { encodeCbor } from '../../../src/core/bytes/cbor.ts';
import { decodeEnvelope } from '../../../src/core/crypto/envelope.ts';
import { boxTree } from '../../../src/core/secagg/dealt.ts';
import {
  beginGroup,
  type GroupEvent,
  type GroupState,
  isAnswered,
  labelFor,
  messageFor,
  stepGroup,
} from '../../../src/core/secagg/group-machine.ts';
import {
  encodeGroupMessage,
  type MemberLabel,
  memberLabels,
  parseAgree,
  parseBoxes,
  parseInput,
  parseKeys,
  parseMembers,
  parseShares,
  parseUnmask,
  type SharesBody,
} from '../../../src/core/secagg/group-message.ts';
import { begun, close, message, refuses, saidUnder, steps, upTo } from './group-coordinator.ts';
import { hashOf, places, TestGroup } from './member-group.ts';

/** Eight members, of which six must stay: all of them stay. */
const group = new TestGroup({ size: 8, honest: 3 }).reach('unmask');
const { primitives } = group;

/** Member 2 drops out before its shares, member 5 before its input. */
const thinned = new TestGroup({ size: 8, honest: 3, seed: 'thinned' });
thinned.begin(places(8));
thinned.share([0, 1, 3, 4, 5, 6, 7]);
thinned.open();
thinned.input([0, 1, 3, 4, 6, 7]);
thinned.agree();
thinned.unmask(thinned.survivors);

/** What can be compared: maps in the order of members. */
function summary(state: GroupState): Uint8Array {
  const { keys, shares, inputs, agreed, unmasked, stage, present, sharers, survivors, quorum, why, blamed, opening } =
    state;
  const received = [keys, shares, inputs, agreed, unmasked].map(map =>
    [...map].map(([at, { envelope }]) => [at, envelope] as const).sort(([a], [b]) => a - b),
  );
  return encodeCbor({ received, stage, present, sharers, survivors, quorum, why, blamed, opening });
}

describe('a group of which all stay', () => {
  test('goes through its steps and tells every member what the real coordinator of the test tells it', () => {
    const stages = ['keys', 'shares', 'input', 'agree', 'unmask'];
    const told = [
      null,
      encodeGroupMessage(group.membersMessage()),
      encodeGroupMessage(group.boxesMessage(3)),
      encodeGroupMessage(group.survivorsMessage()),
      encodeGroupMessage(group.quorumMessage()),
    ];
    for (const [i, label] of memberLabels.entries()) {
      const state = upTo(group, label);
      assert.equal(state.stage, stages[i]);
      assert.deepEqual(messageFor(state, 3)?.payload ?? null, told[i]);
      assert.equal(messageFor(state, 3)?.label ?? null, labelFor(state, 3));
    }
  });

  test('opens with the self masks of all, taken off', () => {
    const state = upTo(group, null);
    assert.equal(state.stage, 'opened');
    assert.deepEqual(state.opening?.survivors, places(8));
    assert.deepEqual(
      state.opening?.masks.map(({ seed, sign }) => ({ seed, sign: -sign })),
      places(8).map(at => group.masks.get(at)?.[0]),
    );
    assert.deepEqual(messageFor(state, 0), {
      label: 'group-end',
      payload: encodeGroupMessage({ sid: group.sid, outcome: 'opened' }),
    });
  });
});

describe('a group of which some drop out', () => {
  test('opens with the pair masks of those that others had masked with', () => {
    const { opening, survivors, sharers, present } = upTo(thinned, null);
    assert.deepEqual(present, places(8));
    assert.deepEqual(sharers, [0, 1, 3, 4, 5, 6, 7]);
    assert.deepEqual(survivors, [0, 1, 3, 4, 6, 7]);
    // A member's own mask, then those with the others of U2 in their order: member 5 comes before 6 and 7.
    const withFive = survivors.map(at => {
      const [, ...pairs] = thinned.masks.get(at) ?? [];
      const { seed, sign } = pairs[sharers.filter(other => other !== at).indexOf(5)];
      return { seed, sign: -sign };
    });
    assert.deepEqual(opening?.masks.slice(6), withFive);
  });

  test('tells nothing to those that have dropped out, until the end', () => {
    for (const label of ['group-input', 'group-agree', 'group-unmask'] as const)
      assert.equal(messageFor(upTo(thinned, label), 2), null);
    assert.equal(messageFor(upTo(thinned, null), 2)?.label, 'group-end');
  });

  test('is void when fewer stay than must, and says how many', () => {
    const said = saidUnder(group, 'group-keys');
    const state = steps(group, begun(group), [...said.slice(0, 3), close]);
    assert.equal(state.stage, 'void');
    assert.equal(state.why, '3 of 8 members sent keys; the group needs 6');
    assert.equal(labelFor(state, 0), 'group-end');
    assert.equal(stepGroup(state, close, primitives), state);
  });

  test('is void when too few agree, or too few open it', () => {
    for (const [label, why] of [
      ['group-shares', '5 of 8 members dealt out shares; the group needs 6'],
      ['group-input', '5 of 8 members sent their input; the group needs 6'],
      ['group-agree', '5 of 8 members agreed on who is in the sum; the group needs 6'],
      ['group-unmask', '5 of 8 members helped to open the sum; the group needs 6'],
    ] as const) {
      const state = steps(group, upTo(group, label), [...saidUnder(group, label).slice(3), close]);
      assert.equal(state.stage, 'void');
      assert.equal(state.why, why);
    }
  });

  test('opens with any six answers, to the same masks', () => {
    const state = upTo(group, 'group-unmask');
    const all = saidUnder(group, 'group-unmask');
    const expected = upTo(group, null).opening;
    fc.assert(
      fc.property(fc.shuffledSubarray(all, { minLength: 6, maxLength: 8 }), answers => {
        assert.deepEqual(steps(group, state, [...answers, close]).opening, expected);
      }),
      { numRuns: 20 },
    );
  });
});

describe('a step', () => {
  test('does not mind the order of its messages, nor what comes twice', () => {
    const orders = fc.tuple(
      ...memberLabels.map(label => {
        const said = saidUnder(thinned, label);
        return fc
          .tuple(
            fc.shuffledSubarray(said, { minLength: said.length, maxLength: said.length }),
            fc.shuffledSubarray(said),
          )
          .map(([once, again]) => [...once, ...again, close]);
      }),
    );
    const expected = summary(upTo(thinned, null));
    fc.assert(
      fc.property(orders, order => {
        assert.deepEqual(summary(steps(thinned, begun(thinned), order.flat())), expected);
      }),
      { numRuns: 15 },
    );
  });

  test('is answered when all who are asked have answered or are gone', () => {
    for (const label of memberLabels.slice(0, 4)) {
      const [first, second, ...others] = saidUnder(group, label);
      const state = steps(group, upTo(group, label), others);
      assert.equal(isAnswered(state), false, label);
      assert.equal(isAnswered(steps(group, state, [first, second])), true, label);
      assert.equal(isAnswered(steps(group, state, [first, { kind: 'gone', at: 1 }])), true, label);
    }
  });

  test('is answered when too few are left', () => {
    const gone = [0, 1, 2].map(at => ({ kind: 'gone', at }) as const);
    const state = upTo(group, 'group-shares');
    assert.equal(isAnswered(steps(group, state, gone.slice(1))), false);
    assert.equal(isAnswered(steps(group, state, gone)), true);
  });

  test('of unmasking is answered when the sum can be opened; what comes later changes nothing', () => {
    const answers = saidUnder(group, 'group-unmask');
    const five = steps(group, upTo(group, 'group-unmask'), answers.slice(0, 5));
    assert.equal(isAnswered(five), false);
    const six = stepGroup(five, answers[5], primitives);
    assert.equal(isAnswered(six), true);
    const opened = stepGroup(six, close, primitives);
    assert.equal(stepGroup(opened, answers[6], primitives), opened);
  });

  test('goes on without members that are gone, also when they have answered', () => {
    const said = saidUnder(group, 'group-keys');
    const state = steps(group, begun(group), [...said, { kind: 'gone', at: 4 }, close]);
    assert.deepEqual(state.present, [0, 1, 2, 3, 5, 6, 7]);
    refuses(group, state, message(group, 'group-shares', 4), 'round-closed');
  });
});

describe('a message is refused', () => {
  const altered: { readonly [label in MemberLabel]: (payload: Uint8Array) => Uint8Array } = {
    'group-keys': payload => encodeGroupMessage({ ...parseKeys(payload), sid: hashOf('other') }),
    'group-shares': payload => encodeGroupMessage({ ...parseShares(payload), sid: hashOf('other') }),
    'group-input': payload => encodeGroupMessage({ ...parseInput(payload), sid: hashOf('other') }),
    'group-agree': payload => encodeGroupMessage({ ...parseAgree(payload), sid: hashOf('other') }),
    'group-unmask': payload => encodeGroupMessage({ ...parseUnmask(payload), sid: hashOf('other') }),
  };

  test('of another session', () => {
    for (const label of memberLabels)
      refuses(
        group,
        upTo(group, label),
        message(group, label, 1, altered[label](group.payload(label, 1))),
        'wrong-round',
      );
  });

  test('that differs from the one that came first, now and later', () => {
    for (const label of memberLabels) {
      const other = message(group, label, 1, altered[label](group.payload(label, 1)));
      refuses(group, steps(group, upTo(group, label), saidUnder(group, label)), other, 'equivocation');
      refuses(group, upTo(group, null), other, 'equivocation');
    }
  });

  test('that comes before its step, or after it', () => {
    refuses(group, begun(group), message(group, 'group-shares', 1), 'conflict');
    const late = steps(group, begun(group), [...saidUnder(group, 'group-keys').slice(1), close]);
    refuses(group, late, message(group, 'group-keys', 0), 'round-closed');
    refuses(group, late, message(group, 'group-shares', 0), 'round-closed');
  });

  test('that is none of a session', () => {
    const { envelope } = message(group, 'group-keys', 1) as Extract<GroupEvent, { kind: 'message' }>;
    const event: GroupEvent = { kind: 'message', at: 1, envelope: { ...envelope, label: 'update' }, body: null };
    refuses(group, begun(group), event, 'bad-request');
  });

  test('with a key that was sent before, or that is none', () => {
    const state = steps(group, begun(group), [message(group, 'group-keys', 0)]);
    const [first, own] = [0, 1].map(at => parseKeys(group.payload('group-keys', at)));
    for (const keys of [
      { ...own, maskKey: first.maskKey },
      { ...own, channelKey: first.maskKey },
      { ...own, channelKey: own.maskKey },
      { ...own, maskKey: own.maskKey.map((byte, i) => (i < 8 ? 255 : byte)) },
      { ...own, channelKey: own.channelKey.map((byte, i) => (i < 1184 ? byte : 0)) },
    ])
      refuses(group, state, message(group, 'group-keys', 1, encodeGroupMessage(keys)), 'malformed');
  });

  test('whose boxes are not one for each other member, or not those that were signed', () => {
    const state = upTo(group, 'group-shares');
    const body = group.bodies.get(2) ?? [];
    const header = parseShares(group.payload('group-shares', 2));
    const lowOrder = (ciphertext: Uint8Array) => ciphertext.map((byte, i) => (i < 1088 ? byte : 0));
    const bodies: SharesBody[] = [
      body.slice(1),
      [...body, body[0]],
      [body[1], body[0], ...body.slice(2)],
      body.map(entry => ({ ...entry, mask: null })),
      body.map(entry => ({ ...entry, mask: entry.channel })),
      body.map(entry => (entry.to === 0 ? { ...entry, channel: lowOrder(entry.channel) } : entry)),
      body.map(entry => ({ ...entry, mask: entry.mask && lowOrder(entry.mask) })),
    ];
    for (const other of bodies) {
      // Signed as it is: only the form is wrong.
      const { root } = boxTree(group.sid, 2, other, primitives);
      const payload = encodeGroupMessage({ ...header, boxRoot: root });
      const event = { ...message(group, 'group-shares', 2, payload), body: encodeGroupMessage(other) } as GroupEvent;
      refuses(group, state, event, 'malformed');
    }
    const swapped = body.map(entry => ({ ...entry, box: body[0].box }));
    const event = { ...message(group, 'group-shares', 2), body: encodeGroupMessage(swapped) } as GroupEvent;
    refuses(group, state, event, 'bad-digest');
    refuses(group, state, { ...message(group, 'group-shares', 2), body: null } as GroupEvent, 'malformed');
  });

  test('about another set than the one that was shown', () => {
    const other = hashOf('other set');
    const cases: [MemberLabel, Uint8Array][] = [
      ['group-shares', encodeGroupMessage({ ...parseShares(group.payload('group-shares', 1)), present: other })],
      ['group-input', encodeGroupMessage({ ...parseInput(group.payload('group-input', 1)), sharers: other })],
      ['group-agree', encodeGroupMessage({ ...parseAgree(group.payload('group-agree', 1)), sharers: other })],
      ['group-agree', encodeGroupMessage({ ...parseAgree(group.payload('group-agree', 1)), survivors: other })],
    ];
    for (const [label, payload] of cases)
      refuses(group, upTo(group, label), message(group, label, 1, payload), 'malformed', /another set/);
  });

  test('of an input that is longer or shorter than the segments, or complains of somebody who is not there', () => {
    const state = upTo(thinned, 'group-input');
    const input = parseInput(thinned.payload('group-input', 1));
    const complaint = (dealer: number) => ({ dealer, key: hashOf('key') });
    for (const other of [
      { ...input, bytes: 399 },
      { ...input, bytes: 401 },
      { ...input, complaints: [complaint(1)] },
      { ...input, complaints: [complaint(2)] },
      { ...input, complaints: [complaint(4), complaint(3)] },
      { ...input, complaints: [complaint(3), complaint(3)] },
    ])
      refuses(thinned, state, message(thinned, 'group-input', 1, encodeGroupMessage(other)), 'malformed');
  });

  test('that would open more than is to be opened', () => {
    const state = upTo(thinned, 'group-unmask');
    const { sid, self, root } = parseUnmask(thinned.payload('group-unmask', 1));
    assert.equal(root.length, 1);
    for (const other of [
      { sid, self: [...self, { ...root[0], of: 5 }].sort((a, b) => a.of - b.of), root },
      { sid, self, root: [{ ...self[0], of: 0 }, ...root] },
      { sid, self: [...self].reverse(), root },
      { sid, self: [...self, self[self.length - 1]], root },
    ])
      refuses(thinned, state, message(thinned, 'group-unmask', 1, encodeGroupMessage(other)), 'malformed');
  });
});

test('a message of somebody else, and members that are not those of the manifest, are our own mistakes', () => {
  const event = { ...message(group, 'group-keys', 1), at: 2 } as GroupEvent;
  assert.throws(() => stepGroup(begun(group), event, primitives), RangeError);
  const members = begun(group).members;
  assert.throws(() => beginGroup(group.manifest, members.slice(1), primitives), RangeError);
  assert.throws(() => beginGroup(group.manifest, members.toReversed(), primitives), RangeError);
  assert.throws(
    () =>
      beginGroup(
        group.manifest,
        members.map(one => ({ ...one, certificate: members[0].certificate })),
        primitives,
      ),
    RangeError,
  );
});

test('what members are told has the form that members read', () => {
  const [members, boxes] = [upTo(group, 'group-shares'), upTo(group, 'group-input')].map(state => messageFor(state, 6));
  assert.ok(members !== null && boxes !== null);
  assert.equal(parseMembers(members.payload).present.length, 8);
  assert.equal(parseBoxes(boxes.payload).sharers.filter(({ sent }) => sent === null).length, 1);
  assert.equal(decodeEnvelope(parseMembers(members.payload).present[0].keys).label, 'group-keys');
});
