import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { clientSteps, coordinatorSteps } from '../../src/core/protocol/ports.ts';
import { coordinatorParty, type Fault } from '../../src/simulation/faults.ts';
import { type FaultShape, randomFaults } from '../../src/simulation/random-faults.ts';
import { checkLaws, clientNames, deadlineMs, type Outcome, printed, run, type Settings } from './federation.ts';
import { regressions } from './regressions.ts';

/** Losses, delays and crashes: what an honest federation lives through. */
const honest: readonly Fault['do'][] = ['drop', 'delay', 'replay', 'crash', 'crash', 'full'];
const everything: readonly Fault['do'][] = [...honest, 'corrupt', 'jump'];

/** Beyond the deadline, so that rounds are extended and messages arrive in a later round. */
const longestMs = 3 * deadlineMs;
const shape = (clients: number, kinds: FaultShape['kinds']): FaultShape => ({
  clients: clientNames(clients),
  most: 12,
  kinds,
  longestMs,
  span: 4,
});

/** Runs one list of operations; a failure says which, to be kept in regressions.ts. */
async function survive(settings: Settings): Promise<Outcome> {
  try {
    const outcome = await run(settings);
    checkLaws(outcome);
    return outcome;
  } catch (cause) {
    throw new Error(`seed ${settings.seed}, ${printed(settings.faults)}`, { cause });
  }
}

const seeds = (from: number, count: number): number[] => Array.from({ length: count }, (_, i) => from + i);

describe('whatever befalls a federation whose rounds need every client, it ends with the model of the undisturbed run:', () => {
  const clients = 3;
  const calm: Settings = { seed: 1, clients, faults: [] };

  async function sameModel(settings: Settings, expected: Outcome): Promise<void> {
    const outcome = await survive(settings);
    assert.equal(outcome.model, expected.model, printed(settings.faults));
    assert.deepEqual(outcome.given, expected.given, printed(settings.faults));
  }

  for (const { name, seed, faults } of regressions) {
    test(`found before: ${name}`, async () => sameModel({ ...calm, seed, faults }, await survive(calm)));
  }

  test('400 lists of lost, late and repeated messages, crashes and full disks', async () => {
    const expected = await survive(calm);
    for (const seed of seeds(1, 400)) {
      await sameModel({ ...calm, seed, faults: randomFaults(seed, shape(clients, honest)) }, expected);
    }
  });

  test('300 lists that also corrupt messages and set clocks', async () => {
    const expected = await survive(calm);
    for (const seed of seeds(1001, 300)) {
      await sameModel({ ...calm, seed, faults: randomFaults(seed, shape(clients, everything)) }, expected);
    }
  });

  for (const [party, steps] of [
    [coordinatorParty, coordinatorSteps],
    ['site-2', clientSteps],
  ] as const) {
    test(`a crash of ${party} at each named step, at each of its first occurrences`, async () => {
      const expected = await survive(calm);
      for (const step of steps) {
        for (const count of [1, 2, 3]) {
          for (const ms of [0, 1000, deadlineMs + 1]) {
            await sameModel(
              { ...calm, seed: count, faults: [{ do: 'crash', at: { party, step, count }, ms }] },
              expected,
            );
          }
        }
      }
    });
  }

  test('server optimisers with a state of their own', async () => {
    for (const optimizer of ['fedadam', 'fedyogi', 'fedadagrad'] as const) {
      const server: Settings['server'] = { optimizer, learningRate: 0.1, beta1: 0.9, beta2: 0.99, tau: 1e-3 };
      const expected = await survive({ ...calm, server });
      for (const seed of seeds(2001, 25)) {
        await sameModel({ ...calm, server, seed, faults: randomFaults(seed, shape(clients, honest)) }, expected);
      }
    }
  });

  test('the order in which clients answer', async () => {
    const expected = await survive(calm);
    for (const seed of seeds(3001, 40)) {
      const trainingMs = (client: string, round: number): number => (client.charCodeAt(5) * seed * round) % 40_000;
      await sameModel({ ...calm, seed, trainingMs }, expected);
    }
  });
});

describe('whatever befalls a federation that can do without some clients, each round is the mean of those who were combined:', () => {
  test('300 lists of every kind, over cohorts of every form', async () => {
    for (const seed of seeds(4001, 300)) {
      const clients = 3 + (seed % 4);
      const settings: Settings = {
        seed,
        clients,
        minimum: 2,
        fraction: seed % 2 === 0 ? 1 : 0.7,
        overSelection: seed % 3 === 0 ? 0.5 : 0,
        trainingMs: (client, round) => (client.charCodeAt(5) * seed * round) % 20_000,
        faults: randomFaults(seed, shape(clients, everything)),
      };
      await survive(settings);
    }
  });
});

test('without faults every round combines every client, however long training takes', async () => {
  for (const seconds of [0.1, 14, 16, 59]) {
    const { reports } = await survive({
      seed: 1,
      clients: 4,
      minimum: 2,
      faults: [],
      submitAtMs: 1000,
      trainingMs: () => seconds * 1000,
    });
    assert.deepEqual(
      reports.map(r => r.combined.length),
      [4, 4, 4],
      `training of ${seconds} s`,
    );
  }
});

test('without faults every round combines every client, however differently long they train', async () => {
  for (const seed of seeds(5001, 30)) {
    const trainingMs = (client: string, round: number): number => (client.charCodeAt(5) * seed * round * 997) % 55_000;
    const { reports } = await survive({ seed, clients: 4, minimum: 2, faults: [], submitAtMs: 1000, trainingMs });
    assert.deepEqual(
      reports.map(r => r.combined.length),
      [4, 4, 4],
    );
  }
});

test('the same seed and operations give the same run, to the millisecond', async () => {
  for (const seed of seeds(6001, 10)) {
    const settings: Settings = { seed, clients: 3, faults: randomFaults(seed, shape(3, everything)) };
    const [one, two] = [await survive(settings), await survive(settings)];
    assert.equal(one.world.clock.now(), two.world.clock.now());
    assert.deepEqual(one.reports, two.reports);
  }
});
