import assert from 'node:assert/strict';
import { test } from 'node:test';
import { simulationPorts } from '../../src/cli/simulation-ports.ts';
import { taskManifest } from '../../src/core/learning/model.ts';
import { TrainerFailure } from '../../src/core/learning/trainer-failure.ts';
import type { LogEvent } from '../../src/core/protocol/ports.ts';
import { Problem, UserError } from '../../src/core/protocol/problem.ts';
import { coordinatorParty } from '../../src/simulation/faults.ts';
import { syntheticTrainer } from '../../src/simulation/synthetic-trainer.ts';
import { World } from '../../src/simulation/world.ts';
import { clientNames, deadlineMs, smallTask } from './federation.ts';

const secret = 'patient 7 weighs 81.5';

const declines = [
  {
    reason: 'diverged',
    error: new Problem('non-finite', secret),
    advice: /finite.*→.*training\.optimizer\.learningRate.*training\.clip/,
  },
  {
    reason: 'cannot-train',
    error: new UserError(secret, secret, secret),
    advice: /data.*rules.*→.*log of that client/,
  },
  { reason: 'failed', error: new TrainerFailure(secret, secret, secret), advice: /trainer.*→.*log of that client/ },
];

for (const { reason, error, advice } of declines) {
  test(`a client that declines with ${reason}: status and log name the reason and a remedy, and nothing else of the client`, async () => {
    const task = smallTask({ seed: 1, clients: 3, faults: [], minimum: 2, rounds: 2 });
    const manifest = taskManifest(task);
    const logged: LogEvent[] = [];
    const world = new World({
      ports: simulationPorts,
      seed: 3,
      // The counts outlive the process that counted.
      faults: [{ do: 'crash', at: { party: coordinatorParty, ms: 12_000 }, ms: 10 }],
      clients: clientNames(3).map(name => ({
        name,
        trainerFor: async (_task, clock) => {
          const trainer = syntheticTrainer(name, manifest, clock, () => 5000);
          const train: typeof trainer.train = request => {
            if (name === 'site-2' && request.round === 1) throw error;
            return trainer.train(request);
          };
          return { ...trainer, train };
        },
      })),
      onLog: (party, event) => {
        if (party === coordinatorParty) logged.push(event);
      },
    });
    // When all clients are there.
    world.clock.after(10_000, () => world.submit(task));
    assert.ok(await world.run(40 * deadlineMs), 'the run is stuck');
    const status = await world.status();
    assert.deepEqual(status.refusals, [{ client: 'site-2', code: `declined: ${reason}`, count: 1 }]);
    const [line, ...more] = logged.filter(event => event.event === 'refused');
    assert.deepEqual(more, []);
    assert.deepEqual([line.client, line.code, line.round], ['site-2', 'declined', 1]);
    assert.ok(line.detail?.startsWith(`${reason}: `));
    assert.match(line.detail ?? '', advice);
    assert.ok(!JSON.stringify([status, logged]).includes(secret));
  });
}
