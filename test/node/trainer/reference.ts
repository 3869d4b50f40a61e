/** Comparing a reference trainer with our own engine. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { SiteData } from '../../../src/core/data/dataset.ts';
import { createTrainer } from '../../../src/core/learning/local-trainer.ts';
import { parameterCount } from '../../../src/core/learning/parameters.ts';
import { RandomStream } from '../../../src/core/math/random.ts';
import type { Task } from '../../../src/core/protocol/task.ts';
import { createForeignTrainer } from '../../../src/node/trainer/foreign-trainer.ts';

/** A round of training and an evaluation by both, from the same parameters: no value differs by more than `most`. */
export async function assertEqualRound(
  t: TestContext,
  task: Task,
  site: SiteData,
  command: readonly string[],
  most: number,
): Promise<void> {
  const own = createTrainer(task, site);
  const limits = { timeMs: 120_000, memoryBytes: null };
  const said: string[] = [];
  const log = ({ event, detail }: { event: string; detail?: string }) => void said.push(`${event}: ${detail}`);
  const foreign = createForeignTrainer(task, site, { command, limits, log });
  t.after(() => foreign.close());
  const stream = new RandomStream(new Uint8Array(32).fill(3));
  const parameters = Float32Array.from({ length: parameterCount(own.manifest) }, () => 0.3 * stream.normal());
  const request = { parameters, round: 2, seed: new Uint8Array(32).fill(8) };
  const [a, b] = [await own.train(request), await foreign.train(request)];
  assert.deepEqual([b.examples, b.steps], [a.examples, a.steps]);
  const worst = (x: ArrayLike<number>, y: ArrayLike<number>) =>
    Array.from(x).reduce((max, value, i) => Math.max(max, Math.abs(value - y[i])), 0);
  assert.ok(worst(a.parameters, parameters) > 100 * most, 'the round moved the parameters');
  const difference = worst(a.parameters, b.parameters);
  assert.ok(difference <= most, `parameters differ by ${difference}\n${said.join('\n')}`);
  assert.ok(Math.abs(a.loss - b.loss) <= most, `the loss is ${a.loss}, not ${b.loss}`);
  const [mine, its] = [await own.evaluate(a.parameters), await foreign.evaluate(a.parameters)];
  assert.ok(Math.abs(mine.logLoss - its.logLoss) <= most * mine.examples);
  assert.deepEqual([its.examples, its.correct], [mine.examples, mine.correct]);
}
