import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clientSteps, coordinatorSteps } from '../../src/core/protocol/ports.ts';
import { UserError } from '../../src/core/protocol/problem.ts';
import { type Fault, FaultPlan, messages, parseFaults } from '../../src/simulation/faults.ts';
import { randomFaults } from '../../src/simulation/random-faults.ts';

const kinds: readonly Fault['do'][] = ['drop', 'delay', 'replay', 'corrupt', 'crash', 'full', 'jump'];
const drawn = Array.from({ length: 400 }, (_, seed) =>
  randomFaults(seed, { clients: ['a', 'b'], most: 12, kinds, longestMs: 100_000, span: 4 }),
);

test('every list that is drawn survives being written to a file and read again', () => {
  for (const faults of drawn) assert.deepEqual(parseFaults(JSON.parse(JSON.stringify(faults)), 'drawn'), faults);
});

test('what is drawn reaches every kind, every step, both parts and both directions of a clock', () => {
  const all = drawn.flat();
  assert.deepEqual(new Set(all.map(f => f.do)), new Set(kinds));
  const steps = new Set(all.flatMap(f => ('step' in f.at ? [f.at.step] : [])));
  assert.deepEqual(steps, new Set([...coordinatorSteps, ...clientSteps]));
  assert.equal(
    new Set(all.flatMap(f => ('message' in f.at ? [`${f.at.message} ${f.at.part}`] : []))).size,
    2 * messages.length,
  );
  assert.deepEqual(new Set(all.flatMap(f => (f.do === 'jump' ? [Math.sign(f.ms)] : []))), new Set([-1, 1]));
});

test('the same seed draws the same list, another seed another', () => {
  assert.deepEqual(randomFaults(5, { clients: ['a', 'b'], most: 12, kinds, longestMs: 100_000, span: 4 }), drawn[5]);
  assert.ok(new Set(drawn.map(faults => JSON.stringify(faults))).size > 350);
});

test('an operation befalls the occurrence that it names, and no other', () => {
  const plan = new FaultPlan([
    { do: 'drop', at: { party: 'a', message: 'update', part: 'request', count: 2 } },
    { do: 'delay', at: { party: 'a', message: 'update', part: 'request', count: 2 }, ms: 5 },
    { do: 'crash', at: { party: 'a', step: 'trained', count: 1 }, ms: 7 },
    { do: 'full', at: { party: 'coordinator', commit: 2 } },
  ]);
  assert.deepEqual(plan.message('a', 'update', 'request'), []);
  assert.deepEqual(plan.message('b', 'update', 'request'), []);
  assert.deepEqual(plan.message('a', 'update', 'response'), []);
  assert.deepEqual(
    plan.message('a', 'update', 'request').map(f => f.do),
    ['drop', 'delay'],
  );
  assert.deepEqual(plan.message('a', 'update', 'request'), []);
  assert.equal(plan.step('b', 'trained'), null);
  assert.equal(plan.step('a', 'trained'), 7);
  assert.equal(plan.step('a', 'trained'), null);
  assert.deepEqual(
    [plan.commit('coordinator'), plan.commit('coordinator'), plan.commit('coordinator')],
    [false, true, false],
  );
});

for (const [what, value] of [
  ['no list', { do: 'drop' }],
  ['an unknown operation', [{ do: 'explode', at: { party: 'a', ms: 1 } }]],
  ['an unknown message', [{ do: 'drop', at: { party: 'a', message: 'gossip', part: 'request', count: 1 } }]],
  ['an unknown step', [{ do: 'crash', at: { party: 'a', step: 'lunch', count: 1 }, ms: 1 }]],
  ['a count from zero', [{ do: 'full', at: { party: 'a', commit: 0 } }]],
  ['a replayed response', [{ do: 'replay', at: { party: 'a', message: 'task', part: 'response', count: 1 }, ms: 1 }]],
  ['a member that no operation has', [{ do: 'full', at: { party: 'a', commit: 1 }, why: 'x' }]],
] as const) {
  test(`a file of faults with ${what} is refused by name`, () => {
    assert.throws(
      () => parseFaults(value, 'faults.json'),
      (error: unknown) => error instanceof UserError && error.message.startsWith('faults.json'),
    );
  });
}
