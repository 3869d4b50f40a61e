import assert from 'node:assert/strict';
import { test } from 'node:test';
import { simulationPorts } from '../../src/cli/simulation-ports.ts';
import { taskManifest } from '../../src/core/learning/model.ts';
import { syntheticTrainer } from '../../src/simulation/synthetic-trainer.ts';
import { World } from '../../src/simulation/world.ts';
import { clientNames, run, smallTask } from './federation.ts';

test('a site without test rows takes part, and the quality over all is that of the others', async () => {
  const task = smallTask({ seed: 1, clients: 3, faults: [] });
  const manifest = taskManifest(task);
  const world = new World({
    ports: simulationPorts,
    seed: 1,
    clients: clientNames(3).map(name => ({
      name,
      trainerFor: async (_task, clock) => {
        const trainer = syntheticTrainer(name, manifest, clock, () => 100);
        if (name !== 'site-2') return trainer;
        const nothing = {
          kind: 'classes' as const,
          examples: 0,
          correct: 0,
          logLoss: 0,
          classCounts: [0, 0],
          auc: null,
          scores: null,
        };
        return { ...trainer, evaluate: async () => nothing };
      },
    })),
  });
  world.clock.after(0, () => world.submit(task));
  assert.ok(await world.run(3_600_000));
  const status = await world.status();
  assert.equal(status.phase, 'finished');
  assert.deepEqual(status.refusals, []);
  assert.deepEqual(
    status.clients.map(c => c.client),
    ['site-1', 'site-3'],
  );
  assert.equal(status.pooled?.examples, 20);
  for (const report of status.reports) assert.equal(report.combined.length, 3);
});

test('every client of the last round is asked to evaluate, also one whose answer is late', async () => {
  // The receipt of site-1 is lost: when the others are done, half a minute later, it is not listening.
  const outcome = await run({
    seed: 5,
    clients: 3,
    rounds: 1,
    trainingMs: client => (client === 'site-1' ? 100 : 30_000),
    faults: [{ do: 'drop', at: { party: 'site-1', message: 'update', part: 'response', count: 1 } }],
  });
  assert.ok(outcome.ended);
  const { clients } = await outcome.world.status();
  assert.deepEqual(
    clients.map(c => c.client),
    clientNames(3),
  );
});

test('a final evaluation below the quorum asks again, ends in any case, and names who is missing', async () => {
  const task = smallTask({ seed: 1, clients: 3, faults: [] });
  const manifest = taskManifest(task);
  const never = new Promise<never>(() => undefined);
  const asked = new Map<string, number>();
  const world = new World({
    ports: simulationPorts,
    seed: 2,
    clients: clientNames(3).map(name => ({
      name,
      trainerFor: async (_task, clock) => {
        const trainer = syntheticTrainer(name, manifest, clock, () => 100);
        let final = false;
        return {
          ...trainer,
          train: request => {
            final = request.round === task.rounds;
            return trainer.train(request);
          },
          evaluate: parameters => {
            if (!final) return trainer.evaluate(parameters);
            asked.set(name, (asked.get(name) ?? 0) + 1);
            return name === 'site-3' ? never : trainer.evaluate(parameters);
          },
        };
      },
    })),
  });
  world.clock.after(10_000, () => world.submit(task));
  assert.ok(await world.run(10 * 60_000));
  const status = await world.status();
  assert.equal(status.phase, 'finished');
  assert.deepEqual(
    status.clients.map(c => c.client),
    ['site-1', 'site-2'],
  );
  assert.deepEqual(status.missing, ['site-3']);
});
