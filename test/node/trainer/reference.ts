/** Comparing a reference trainer with our own engine. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { createTrainer } from '../../../src/core/learning/local-trainer.ts';
import { parameterCount } from '../../../src/core/learning/parameters.ts';
import { RandomStream } from '../../../src/core/math/random.ts';
import { createForeignTrainer } from '../../../src/node/trainer/foreign-trainer.ts';
import { sampleSite, sampleTask } from './sample.ts';

/** A round of training and an evaluation by both, from the same parameters: no value differs by more than 1e-5. */
export async function assertEqualRound(
  t: TestContext,
  command: readonly string[],
  settings: Parameters<typeof sampleTask>[0],
): Promise<void> {
  const most = 1e-5;
  const task = sampleTask(settings);
  const site = sampleSite(task, { train: 45, test: 20 });
  const own = createTrainer(task, site);
  const said: string[] = [];
  const foreign = createForeignTrainer(task, site, {
    command,
    limits: { timeMs: 120_000, memoryBytes: null },
    log: ({ event, detail }) => void said.push(`${event}: ${detail}`),
  });
  t.after(() => foreign.close());
  const stream = new RandomStream(new Uint8Array(32).fill(3));
  const parameters = Float32Array.from({ length: parameterCount(own.manifest) }, () => 0.3 * stream.normal());
  const request = { parameters, round: 2, seed: new Uint8Array(32).fill(8) };
  const [a, b] = [await own.train(request), await foreign.train(request)];
  assert.deepEqual([b.examples, b.steps], [a.examples, a.steps]);
  const worst = (x: ArrayLike<number>, y: ArrayLike<number>) =>
    Array.from(x).reduce((max, value, i) => Math.max(max, Math.abs(value - y[i])), 0);
  assert.ok(worst(a.parameters, parameters) > 1000 * most, 'the round moved the parameters');
  const difference = worst(a.parameters, b.parameters);
  assert.ok(difference <= most, `parameters differ by ${difference}\n${said.join('\n')}`);
  assert.ok(a.loss !== null && b.loss !== null);
  assert.ok(Math.abs(a.loss - b.loss) <= most * Math.max(1, a.loss), `the loss is ${a.loss}, not ${b.loss}`);
  const [mine, its] = [await own.evaluate(a.parameters), await foreign.evaluate(a.parameters)];
  assert.deepEqual(Object.keys(its), Object.keys(mine));
  for (const [name, value] of Object.entries(mine)) {
    const other = Object.entries(its).find(([found]) => found === name)?.[1];
    if (typeof value !== 'number') assert.deepEqual(other, value, name);
    else assert.ok(Math.abs(value - Number(other)) <= most * mine.examples, `${name} is ${value}, not ${other}`);
  }
}
