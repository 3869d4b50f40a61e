/** Rules that look at all updates, and remember: crashes at every step, losses and orders of arrival change no bit of the result. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { clientSteps, coordinatorSteps } from '../../src/core/protocol/ports.ts';
import { coordinatorParty, type Fault } from '../../src/simulation/faults.ts';
import { randomFaults } from '../../src/simulation/random-faults.ts';
import { expectedModels } from '../federation/expected-models.ts';
import {
  checkLaws,
  clientNames,
  deadlineMs,
  type Outcome,
  printed,
  run,
  type Settings,
  smallTask,
  syntheticTraining,
} from './federation.ts';

const clients = 4;
const names = clientNames(clients);
const kinds: readonly Fault['do'][] = ['drop', 'delay', 'replay', 'crash', 'crash', 'full', 'corrupt', 'jump'];

const federations: readonly { readonly what: string; readonly settings: Settings }[] = [
  {
    what: 'centered clipping around the aggregate before, with client momentum',
    settings: {
      seed: 1,
      clients,
      faults: [],
      workerMomentum: 0.9,
      aggregation: { rule: 'centered-clipping', radius: 0.02, iterations: 2, byzantine: 1 },
    },
  },
  {
    what: 'FoolsGold over the histories of the clients',
    settings: { seed: 1, clients, faults: [], aggregation: { rule: 'foolsgold' } },
  },
  {
    what: 'a coordinate median behind bucketing by the public seed',
    settings: {
      seed: 1,
      clients,
      faults: [],
      aggregation: { rule: 'median', before: [{ name: 'bucketing', size: 2 }] },
    },
  },
];

async function survive(settings: Settings): Promise<Outcome> {
  try {
    const outcome = await run(settings);
    checkLaws(outcome);
    return outcome;
  } catch (cause) {
    throw new Error(`seed ${settings.seed}, ${printed(settings.faults)}`, { cause });
  }
}

const models = ({ reports }: Outcome): string[] => reports.map(({ model }) => model);

for (const { what, settings } of federations) {
  describe(`${what}:`, () => {
    test('every model is what the rule makes of the same vectors in memory', async () => {
      assert.deepEqual(
        models(await survive(settings)),
        await expectedModels(smallTask(settings), { clients: names, train: syntheticTraining }),
      );
    });

    for (const [party, steps] of [
      [coordinatorParty, coordinatorSteps],
      ['site-2', clientSteps],
    ] as const) {
      test(`a crash of ${party} at each named step changes no model`, async () => {
        const expected = models(await survive(settings));
        for (const step of steps) {
          for (const count of [1, 2, 3]) {
            const faults: Fault[] = [{ do: 'crash', at: { party, step, count }, ms: count * 1000 }];
            assert.deepEqual(models(await survive({ ...settings, seed: count, faults })), expected, `${step} ${count}`);
          }
        }
      });
    }

    test('40 lists of lost, late, repeated and corrupt messages, crashes, full disks and clocks that jump change no model', async () => {
      const expected = models(await survive(settings));
      for (let seed = 1; seed <= 40; seed++) {
        const faults = randomFaults(seed, {
          clients: names,
          most: 12,
          kinds,
          longestMs: 3 * deadlineMs,
          span: 4,
        });
        assert.deepEqual(models(await survive({ ...settings, seed, faults })), expected, printed(faults));
      }
    });

    test('the order in which clients answer changes no model', async () => {
      const expected = models(await survive(settings));
      for (let seed = 1; seed <= 10; seed++) {
        const trainingMs = (client: string, round: number): number => (client.charCodeAt(5) * seed * round) % 40_000;
        assert.deepEqual(models(await survive({ ...settings, seed, trainingMs })), expected);
      }
    });

    test('when the run is over nothing of what the rule remembered is left', async () => {
      const { world } = await survive(settings);
      const [run] = world.coordinator.runs();
      const keys = await world.coordinatorDisk.blobs.list(`${run.task}/`);
      assert.deepEqual(
        keys.filter(key => /\/(history|aggregate|update)\//.test(key)),
        [],
      );
    });
  });
}

test('a client that misses rounds keeps its history and its momentum', async () => {
  // While the third round opens it still trains for the second.
  const missing = (client: string, round: number): 'late' | 'absent' | null =>
    client === 'site-2' ? (([null, null, 'late', 'absent'] as const)[round] ?? null) : null;
  const settings: Settings = {
    seed: 5,
    clients,
    minimum: 3,
    rounds: 5,
    faults: [],
    workerMomentum: 0.5,
    aggregation: { rule: 'foolsgold' },
    submitAtMs: 1000,
    trainingMs: (client, round) => (missing(client, round) === 'late' ? 1.5 : 0.8) * deadlineMs,
  };
  const outcome = await survive(settings);
  assert.deepEqual(
    outcome.reports.map(({ combined }) => combined.includes('site-2')),
    [true, false, false, true, true],
  );
  assert.deepEqual(
    models(outcome),
    await expectedModels(smallTask(settings), { clients: names, train: syntheticTraining, missing }),
  );
});

test('a report says what each update counted with, and the loss is the plain mean of what clients say', async () => {
  for (const { settings } of federations) {
    for (const { combined, weights, loss, round } of (await survive(settings)).reports) {
      assert.ok(loss !== null && Math.abs(loss - 1 / round) < 1e-12);
      if (settings.aggregation === federations[2].settings.aggregation) assert.equal(weights, null);
      else assert.ok(weights !== null && weights.length === combined.length && weights.some(weight => weight > 0));
    }
  }
  const { reports } = await survive({ seed: 1, clients, faults: [] });
  for (const { weights } of reports) {
    assert.ok(weights !== null);
    assert.ok(Math.abs(weights.reduce((a, b) => a + b) - 1) < 1e-12);
    assert.equal(new Set(weights).size, clients, 'each by its own number of examples');
  }
});
