import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodeCbor } from '../../../src/core/bytes/cbor.ts';
import { Problem } from '../../../src/core/protocol/problem.ts';
import {
  checkSet,
  encodeSetMemory,
  memberId,
  parseSetMemory,
  type SetMemory,
  type SetRules,
} from '../../../src/core/secagg/set-memory.ts';
import { nodePrimitives } from '../../../src/node/primitives.ts';

const member = (at: number) => new Uint8Array(32).fill(at + 1);
const model = (of: number): Uint8Array => new Uint8Array(32).fill(100 + of);
const set = (...places: readonly number[]) => places.map(member);
const rules: SetRules = { redrawRounds: 10, honest: 3, colluders: 0, setChanges: 'shrink', isPrivate: false };
/** Eight members signed in round 20; the set became this in round 15. */
const memory: SetMemory = {
  survivors: set(0, 1, 2, 3, 4, 5, 6, 7),
  round: 20,
  model: model(20),
  changed: 15,
  deal: null,
};

function check(survivors: readonly Uint8Array[], round: number, changes: Partial<SetRules> = {}, of = model(round)) {
  return checkSet(memory, { survivors, round, model: of, deal: null }, { ...rules, ...changes });
}

function assertRefused(answer: ReturnType<typeof checkSet>, why: RegExp): void {
  assert.ok('refused' in answer, 'signed');
  assert.match(answer.refused, why);
}

function assertSigned(answer: ReturnType<typeof checkSet>, changed: number): void {
  assert.ok('memory' in answer, 'refused' in answer ? answer.refused : '');
  assert.equal(answer.memory.changed, changed);
}

test('the first set is signed, whatever it is', () => {
  const proposed = { survivors: set(1, 2, 3), round: 4, model: model(4), deal: null };
  assert.deepEqual(checkSet(null, proposed, rules), { memory: { ...proposed, changed: 4 } });
});

test('the same set is signed in every later round, and does not count as a change', () => {
  for (const setChanges of ['shrink', 'strict'] as const)
    for (const round of [20, 21, 400]) assertSigned(check(memory.survivors, round, { setChanges }), 15);
});

test('a set may lose members, unless the site is strict', () => {
  assertSigned(check(set(0, 1, 2, 3, 4, 5, 6), 21), 21);
  assertRefused(check(set(0, 1, 2, 3, 4, 5, 6), 21, { setChanges: 'strict' }), /1 gone, 0 come .* neither none nor 3/);
});

test('a set grows only so many rounds after its last change', () => {
  const grown = set(0, 1, 2, 3, 4, 5, 6, 7, 8);
  assertRefused(check(grown, 24), /0 gone, 1 come since round 20: a set grows 10 rounds after .* round 15/);
  assertSigned(check(grown, 25), 25);
  assertRefused(check(grown, 25, { setChanges: 'strict' }), /neither none nor 3/);
});

test('one that goes while another comes is no smaller set', () => {
  const exchanged = set(0, 1, 2, 3, 4, 5, 6, 8);
  assertRefused(check(exchanged, 21), /1 gone, 1 come/);
  assertSigned(check(exchanged, 25), 25);
});

test('as many as hide each other may come and go in any round, under both policies', () => {
  for (const setChanges of ['shrink', 'strict'] as const) {
    assertSigned(check(set(0, 1, 2, 3, 4), 21, { setChanges }), 21);
    assertSigned(check(set(0, 1, 2, 3, 4, 5, 6, 8, 9), 21, { setChanges }), 21);
    assertRefused(check(set(0, 1, 2, 3, 4, 5, 6, 8), 21, { setChanges }), /1 gone, 1 come/);
    assertRefused(check(set(0, 1, 2, 3, 4, 8), 21, { setChanges, honest: 5 }), /3 gone, 1 come|neither/);
  }
});

test('those that may collude hide nobody', () => {
  const five = set(0, 1, 2, 3, 4);
  for (const setChanges of ['shrink', 'strict'] as const) {
    assertSigned(check(set(0, 1, 2, 3, 4, 8), 21, { setChanges, colluders: 1 }), 21);
    assertRefused(check(set(0, 1, 2, 3, 4, 8), 21, { setChanges, colluders: 2 }), /3 gone, 1 come/);
  }
  assertRefused(check(five, 21, { setChanges: 'strict', colluders: 1 }), /3 gone, 0 come .* neither none nor 4/);
});

test('one model has one set, however large the change', () => {
  for (const survivors of [set(0, 1, 2, 3, 4, 5, 6), set(0, 1), set(10, 11, 12, 13)])
    assertRefused(check(survivors, 21, {}, memory.model), /another set for the same model/);
  assertSigned(check(memory.survivors, 21, {}, memory.model), 15);
});

test('rounds never go back, and one round has one set', () => {
  assertRefused(check(memory.survivors, 19), /round 19 after round 20/);
  assertRefused(check(set(0, 1, 2, 3, 4), 20, {}, model(1)), /another set in round 20/);
});

test('under differential privacy nothing is refused, and all is remembered', () => {
  for (const [survivors, round] of [
    [set(0, 1, 2, 3, 4, 5, 6, 8), 20],
    [set(0, 1, 2, 3, 4, 5, 6), 19],
  ] as const)
    assert.deepEqual(check(survivors, round, { isPrivate: true }, memory.model), {
      memory: { survivors, round, model: memory.model, changed: round, deal: null },
    });
});

const places = fc.uniqueArray(fc.nat(9), { minLength: 3, maxLength: 10 }).map(list => list.sort((a, b) => a - b));

test('two sets of neighbouring rounds differ by nobody, by many, or by some who left', () => {
  fc.assert(
    fc.property(
      fc.array(places, { minLength: 2, maxLength: 12 }),
      fc.constantFrom('shrink', 'strict'),
      (sets, setChanges) => {
        let last: SetMemory | null = null;
        for (const [i, list] of sets.entries()) {
          const proposed = { survivors: set(...list), round: i, model: model(i), deal: null };
          const answer = checkSet(last, proposed, { ...rules, redrawRounds: 100, setChanges });
          if ('refused' in answer) continue;
          const before: readonly Uint8Array[] = last?.survivors ?? proposed.survivors;
          const missing = (list: readonly Uint8Array[], other: readonly Uint8Array[]) =>
            list.filter(([name]) => !other.some(([one]) => one === name)).length;
          const gone = missing(before, proposed.survivors);
          const come = missing(proposed.survivors, before);
          const isFine = gone + come === 0 || gone + come >= 3 || (setChanges === 'shrink' && come === 0);
          assert.ok(isFine, `${gone} gone, ${come} come`);
          last = answer.memory;
        }
      },
    ),
  );
});

test('a group that a later draw dealt may change the set as it likes, for the same model too; within one deal it only shrinks', () => {
  const dealt: SetMemory = { ...memory, deal: { epoch: 2, draw: 1 } };
  const [grown, other] = [set(0, 1, 2, 3, 4, 5, 6, 7, 8), set(0, 1, 2, 3, 4, 5, 6, 9)];
  const proposedBy = (deal: SetMemory['deal'], survivors = grown, of = memory.model) =>
    ({ survivors, round: 21, model: of, deal }) as const;
  for (const survivors of [grown, other])
    for (const last of [memory, dealt])
      assertSigned(checkSet(last, proposedBy({ epoch: 3, draw: 0 }, survivors), rules), 21);
  assertRefused(checkSet(dealt, proposedBy({ epoch: 2, draw: 1 }), rules), /another set for the same model/);
  assertRefused(checkSet(dealt, proposedBy({ epoch: 2, draw: 1 }, grown, model(21)), rules), /a set grows/);
  assertSigned(checkSet(dealt, proposedBy({ epoch: 2, draw: 1 }, set(0, 1, 2, 3, 4), model(21)), rules), 21);
});

test('no deal of an earlier draw comes back, and strict members change no set by a few for any deal', () => {
  const dealt: SetMemory = { ...memory, deal: { epoch: 2, draw: 1 } };
  for (const deal of [
    { epoch: 2, draw: 0 },
    { epoch: 1, draw: 1 },
  ]) {
    const proposed = { survivors: memory.survivors, round: 22, model: model(22), deal };
    assertRefused(checkSet(dealt, proposed, rules), /an earlier draw/);
  }
  const proposed = { survivors: set(0, 1, 2, 3, 4, 5, 6), round: 22, model: model(22), deal: { epoch: 3, draw: 0 } };
  assertRefused(checkSet(dealt, proposed, { ...rules, setChanges: 'strict' }), /neither none nor 3/);
});

test('a client has one id whatever certificate it has, and another than every other client', () => {
  assert.deepEqual(memberId('a', nodePrimitives), memberId('a', nodePrimitives));
  assert.notDeepEqual(memberId('a', nodePrimitives), memberId('b', nodePrimitives));
  assert.equal(memberId('a', nodePrimitives).length, 32);
});

test('a memory survives its bytes, and other bytes are none', () => {
  assert.deepEqual(parseSetMemory(encodeSetMemory(memory)), memory);
  for (const other of [{}, { ...memory, round: -1 }, { ...memory, model: new Uint8Array(3) }, { ...memory, more: 1 }])
    assert.throws(
      () => parseSetMemory(encodeCbor(other)),
      (error: unknown) => error instanceof Problem && error.code === 'malformed',
    );
});
