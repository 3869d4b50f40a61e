import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { eligible, remembering } from '../../src/coordinator/group-memory.ts';
import type { Run } from '../../src/coordinator/store.ts';
import { protectionSchema } from '../../src/core/protocol/protection-settings.ts';
import type { Task } from '../../src/core/protocol/task.ts';
import { checkSet, type SetMemory } from '../../src/core/secagg/set-memory.ts';
import { smallTask } from '../federation/small-task.ts';
import { sampleRun } from '../storage/samples.ts';

const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
const protection = protectionSchema.parse({ kind: 'group', honest: 3, colluders: 1, redrawRounds: 4 });
const task: Task = { ...smallTask({ minimum: 3 }), protection };
const model = (round: number): string => String(round).padStart(2, '0').repeat(32);

test('a client that was not in the last set is left out until the set may grow again', () => {
  const run = sampleRun({
    round: 3,
    model: model(3),
    lastSet: { survivors: ['a', 'b', 'c'], model: model(2), round: 2, changed: 2 },
  });
  const { clients, isBound, leftOut, until } = eligible(run, task, ['a', 'b', 'c', 'd']);
  assert.deepEqual([clients, isBound, leftOut, until], [['a', 'b', 'c'], true, ['d'], 6]);
  assert.deepEqual(eligible({ ...run, round: 6 }, task, ['a', 'b', 'c', 'd']).leftOut, []);
});

test('the final evaluation is a sum of its own: everyone may be asked', () => {
  const lastSet = { survivors: ['a', 'b', 'c'], model: model(3), round: 3, changed: 2 };
  const run = sampleRun({ phase: 'evaluating', round: 4, model: model(3), lastSet });
  const { clients, awaited } = eligible(run, task, ['a', 'd']);
  assert.deepEqual([clients, awaited], [['a', 'd'], []]);
});

test('so many that are gone hide whoever comes', () => {
  const lastSet = { survivors: ['a', 'b', 'c', 'd', 'e', 'f'], model: model(2), round: 2, changed: 2 };
  const run = sampleRun({ round: 3, model: model(3), lastSet });
  assert.deepEqual(eligible(run, task, ['a', 'b', 'g']).leftOut, []);
  assert.deepEqual(eligible(run, task, ['a', 'b', 'c', 'g']).leftOut, ['g'], 'one of three may collude');
  assert.deepEqual(eligible(run, task, ['a', 'b', 'c', 'd', 'g']).leftOut, ['g']);
});

test('one model has one set for a while: nobody else is asked, and who is missing is waited for', () => {
  const lastSet = { survivors: ['a', 'b', 'c'], model: model(3), round: 7, changed: 2 };
  const run = sampleRun({ round: 10, model: model(3), lastSet });
  const { clients, awaited, until } = eligible(run, task, ['a', 'b', 'd']);
  assert.deepEqual([clients, awaited, until], [['a', 'b'], ['c'], 11]);
  assert.deepEqual(eligible({ ...run, round: 11 }, task, ['a', 'b', 'd']).clients, ['a', 'b', 'd']);
});

/** What happens in a round: who is there, who of them drops out before the set is fixed, and whether the sum is opened. */
const history = fc.array(fc.record({ there: fc.subarray(names), lost: fc.subarray(names), isOpened: fc.boolean() }), {
  minLength: 1,
  maxLength: 30,
});

test('a set that the coordinator asks, or what is left of it, is one that members sign', () => {
  fc.assert(
    fc.property(history, rounds => {
      let run: Run = sampleRun({ round: 1, model: model(0), privacy: null });
      let memory: SetMemory | null = null;
      const hash = (name: string): Uint8Array => new Uint8Array(32).fill(name.charCodeAt(0));
      for (const { there, lost, isOpened } of rounds) {
        const found = eligible(run, task, [...there].sort());
        const survivors = found.clients.filter(client => !lost.includes(client));
        const isSameModel = run.lastSet?.model === run.model && run.round - run.lastSet.round < 4;
        // A second set of one model is only tried as a whole.
        const isTried =
          survivors.length >= 3 &&
          (!isSameModel || (found.awaited.length === 0 && survivors.length === found.clients.length));
        if (isTried) {
          const proposed = {
            survivors: survivors.map(hash),
            round: run.round,
            model: Buffer.from(run.model, 'hex'),
            deal: null,
          };
          const rules = { redrawRounds: 4, honest: 3, colluders: 1, setChanges: 'shrink', isPrivate: false } as const;
          const checked = checkSet(memory, proposed, rules);
          assert.ok('memory' in checked, JSON.stringify(checked));
          memory = checked.memory;
          run = { ...run, lastSet: remembering(run, survivors) };
        }
        run = { ...run, round: run.round + 1, model: isTried && isOpened ? model(run.round) : run.model };
      }
    }),
  );
});
