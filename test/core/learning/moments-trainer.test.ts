import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { scanUpdate, WeightedSum } from '../../../src/core/aggregation/weighted-mean.ts';
import type { SiteData } from '../../../src/core/data/dataset.ts';
import { momentsOf, numberColumns, scalingOf } from '../../../src/core/data/moments.ts';
import { loadSite } from '../../../src/core/data/table.ts';
import { createTrainer } from '../../../src/core/learning/local-trainer.ts';
import { taskManifest, taskParameters } from '../../../src/core/learning/model.ts';
import { momentsOfMean } from '../../../src/core/learning/moment-limbs.ts';
import { statisticsTask } from '../../../src/core/protocol/statistics-task.ts';
import { parseTask, type Task } from '../../../src/core/protocol/task.ts';
import { bytesSource } from '../../../src/node/data/read-file.ts';

function statistics(target: object, model: string): Task {
  return statisticsTask(
    parseTask({
      parley: 1,
      name: 'wards',
      seed: 1,
      data: {
        format: 'csv',
        header: false,
        onMissing: 'refuse',
        columns: [
          { name: 'ward', type: 'category', levels: ['n', 's'] },
          { name: 'a', type: 'number' },
          { name: 'b', type: 'number', center: 100, spread: 50 },
          { name: 'set', type: 'ignore' },
          { name: 'y', type: 'target' },
        ],
        target,
        standardise: 'none',
        split: { type: 'column', column: 'set', test: ['t'] },
      },
      model: { name: model },
      training: { optimizer: { name: 'sgd', learningRate: 0.1 }, batchSize: 4, amount: { unit: 'steps', count: 1 } },
      rounds: 3,
      cohort: { minimum: 1 },
      server: { optimizer: 'fedavg' },
      aggregation: { rule: 'mean' },
      protection: 'inspect',
      privacy: 'none',
    }),
  );
}

const task = statistics({ type: 'above', value: 0 }, 'logistic');

function siteOf(text: string, of: Task = task): Promise<SiteData> {
  assert.ok(of.data.format === 'csv');
  return loadSite(of.data, bytesSource('site.csv', Buffer.from(text)));
}

function request(of: Task) {
  const seed = new Uint8Array(32);
  return { parameters: taskParameters(of, seed), round: 1, seed };
}

test('the number columns of the training rows are summed; levels, labels and test rows are not', async () => {
  const [some, same] = await Promise.all([
    siteOf('n,1,2,,1\ns,3,4,,0\nn,900,900,t,1\n'),
    siteOf('s,3,4,,1\ns,1,2,,1\ns,7,7,t,0\nn,8,8,t,0\n'),
  ]);
  const trainer = createTrainer(task, some);
  assert.deepEqual(trainer.manifest, taskManifest(task));
  const result = await trainer.train(request(task));
  assert.deepEqual([result.examples, result.steps, result.loss], [2, 0, 0]);
  assert.deepEqual(result.parameters, (await createTrainer(task, same).train(request(task))).parameters);
  assert.deepEqual(momentsOfMean(result.parameters, 1, 2), momentsOf(some.train, 2));
});

test('sums have no quality: the evaluation is of no examples, of the kind of the target', async () => {
  const site = await siteOf('n,1,2,,1\ns,3,4,,0\nn,5,6,t,1\n');
  const numbers = statistics({ type: 'number' }, 'linear');
  for (const [of, kind] of [
    [task, 'classes'],
    [numbers, 'numbers'],
  ] as const) {
    const evaluation = await createTrainer(of, site).evaluate(request(of).parameters);
    assert.deepEqual([evaluation.kind, evaluation.examples], [kind, 0]);
  }
});

test('parameters of another length are refused', async () => {
  const trainer = createTrainer(task, await siteOf('n,1,2,,1\n'));
  await assert.rejects(trainer.train({ ...request(task), parameters: new Float32Array(7) }), RangeError);
});

const cell = fc.double({ min: -500, max: 500, noNaN: true });

test('through trainer and mean, rows dealt to 1, 2 or 5 sites give the same constants, unclipped', async () => {
  const columns = task.data.format === 'csv' ? numberColumns(task.data) : [];
  const row = fc.tuple(cell, cell);
  await fc.assert(
    fc.asyncProperty(fc.array(row, { minLength: 5, maxLength: 30 }), async rows => {
      const found = [];
      for (const count of [1, 2, 5]) {
        const sum = new WeightedSum(33);
        for (let site = 0; site < count; site++) {
          const lines = rows.filter((_, i) => i % count === site).map(([a, b]) => `n,${a},${b},,1`);
          const { parameters } = await createTrainer(task, await siteOf(lines.join('\n'))).train(request(task));
          assert.ok(Math.sqrt(scanUpdate(parameters).sumOfSquares) <= task.aggregation.clipNorm);
          sum.add(parameters, 0, 1);
        }
        found.push(scalingOf(momentsOfMean(sum.mean(count), count, 2), columns));
      }
      assert.deepEqual(found[1], found[0]);
      assert.deepEqual(found[2], found[0]);
    }),
    { seed: 5, numRuns: 40 },
  );
});
