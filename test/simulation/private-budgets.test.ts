/** Budgets under crashes: whatever befalls a private run, it ends, and nothing leaves that was not paid for within the limit. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { artifactKey } from '../../src/coordinator/round.ts';
import { decodeSafetensors } from '../../src/core/bytes/safetensors.ts';
import { coordinatorParty, type Fault } from '../../src/simulation/faults.ts';
import { randomFaults } from '../../src/simulation/random-faults.ts';
import { streamOf } from '../../src/simulation/stream.ts';
import { clientNames, deadlineMs, printed } from './federation.ts';
import {
  budgetFor,
  centralFedAvg,
  dpSgd,
  localFedAvg,
  type PrivateOutcome,
  type PrivateSettings,
  privateTask,
  privateWorld,
} from './private-federation.ts';

const kinds: readonly Fault['do'][] = ['drop', 'delay', 'replay', 'crash', 'crash', 'crash'];
const mechanisms: readonly object[] = [
  dpSgd,
  { ...dpSgd, metrics: { epsilon: 1 } },
  localFedAvg,
  centralFedAvg,
  { ...centralFedAvg, schedule: { kind: 'decaying', factor: 0.8, least: 0.5 } },
  { ...centralFedAvg, clip: { initial: 1, bitNoise: 2 } },
  { ...centralFedAvg, schedule: { kind: 'progress', factor: 0.8, least: 0.5 } },
];

/** A task whose budget allows some of its rounds or all, a quorum that bears a dropout or none, and what befalls the parties. */
function drawn(seed: number): PrivateSettings {
  const stream = streamOf(seed, 'budgets');
  const privacy = mechanisms[stream.below(mechanisms.length)];
  const settings = { privacy, rounds: 1 + stream.below(4), clients: 3, minimum: 2 + stream.below(2) };
  const rounds = stream.below(settings.rounds + 2);
  const epsilon = rounds === 0 ? budgetFor(settings, 1) / 2 : budgetFor(settings, rounds);
  const shape = { clients: clientNames(3), most: 8, kinds, longestMs: 2 * deadlineMs, span: 4 };
  return { ...settings, seed, privacy: { ...privacy, budget: { epsilon } }, faults: randomFaults(seed, shape) };
}

/** What holds of the first task's run, and of every ledger. */
async function checkBudget({ task, world, spent, ledgers }: PrivateOutcome): Promise<void> {
  assert.deepEqual(world.defects, []);
  const { store, blobs } = world.coordinatorDisk;
  const run = (await store.runs()).find(({ name }) => name === task.name);
  assert.ok(run !== undefined);
  const reports = await store.rounds(run.task, 0);
  const closed = reports.map(({ round }) => round);
  const isWhole = closed.length === task.rounds;
  assert.equal(run.phase, closed.length === 0 ? 'stopped' : 'finished');
  assert.equal(run.privacy?.isSpent, !isWhole, 'a run that ends before its last round says why');
  for (const ledger of ledgers.values())
    for (const { task: id, spent: epsilon, epsilon: limit } of ledger.ledger.lines)
      assert.ok(id === null || epsilon <= (limit ?? Infinity) * (1 + 1e-9), `${epsilon} of ${limit}`);
  for (const [party, entries] of spent) {
    const paid = entries
      .filter(entry => entry.task === run.task && entry.purpose === 'train')
      .map(({ round }) => round);
    const took = party === coordinatorParty ? reports : reports.filter(({ combined }) => combined.includes(party));
    for (const { round } of took) assert.ok(paid.includes(round), `${party} paid for round ${round}`);
  }
  const bytes = await blobs.read(artifactKey(run.task));
  assert.equal(bytes !== null, closed.length > 0, 'a model, exactly where a round was closed');
  if (bytes === null) return;
  const { metadata } = decodeSafetensors(bytes);
  assert.equal(metadata.parameters, reports.at(-1)?.model);
  const statement = JSON.parse(metadata.privacy);
  assert.equal(statement.rounds.end, isWhole ? 'rounds' : 'budget');
  assert.ok(statement.rounds.released >= closed.length, 'every round that was closed is stated');
}

test('a run of any private task ends within its budget under 60 lists of crashes and lost messages, and the next task runs', async () => {
  for (let seed = 1; seed <= 60; seed++) {
    const settings = drawn(seed);
    try {
      const { world, outcome } = privateWorld(settings);
      const next = privateTask({ privacy: centralFedAvg, rounds: 1, name: 'next' });
      world.clock.after(1000, () => world.submit(next));
      const result = await outcome();
      assert.ok(result.ended, 'both runs end');
      await checkBudget(result);
      const last = (await world.coordinatorDisk.store.runs()).find(({ name }) => name === 'next');
      assert.equal(last?.phase, 'finished');
    } catch (cause) {
      throw new Error(`seed ${seed}, ${JSON.stringify(settings.privacy)}, ${printed(settings.faults ?? [])}`, {
        cause,
      });
    }
  }
});
