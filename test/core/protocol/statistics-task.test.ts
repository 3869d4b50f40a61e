import assert from 'node:assert/strict';
import { test } from 'node:test';
import { taskManifest, taskNetwork, taskParameters } from '../../../src/core/learning/model.ts';
import { parameterCount } from '../../../src/core/learning/parameters.ts';
import { UserError } from '../../../src/core/protocol/problem.ts';
import { statisticsName, statisticsTask } from '../../../src/core/protocol/statistics-task.ts';
import { encodeTask, parseTask, TaskError } from '../../../src/core/protocol/task.ts';

const plain = {
  parley: 1,
  name: 'heart',
  seed: 42,
  data: {
    format: 'csv',
    header: true,
    onMissing: 'drop-row',
    columns: [
      { name: 'age', type: 'number', center: 50, spread: 10 },
      { name: 'cp', type: 'category', levels: ['1', '2'] },
      { name: 'chol', type: 'number' },
      { name: 'num', type: 'target' },
    ],
    target: { type: 'above', value: 0 },
    standardise: 'none',
    split: { type: 'stratified', trainFraction: 0.66, seed: 43 },
  },
  model: { name: 'logistic' },
  training: { optimizer: { name: 'sgd', learningRate: 0.05 }, batchSize: 32, amount: { unit: 'epochs', count: 1 } },
  rounds: 30,
  cohort: { fraction: 0.5, minimum: 3, overSelection: 0.2, deadlineSeconds: 60 },
  server: { optimizer: 'fedyogi', learningRate: 0.1 },
  aggregation: { rule: 'mean', clipNorm: 3 },
  protection: 'inspect',
  privacy: 'none',
  stopping: { metric: 'loss', patience: 3 },
  evaluation: { pooledAucBins: 100, aloneBaseline: true },
};
const task = parseTask(plain);

test('the statistics task asks all sites of a task for the sums of its data, in one round', () => {
  const statistics = statisticsTask(task);
  assert.equal(statistics.name, 'heart-statistics');
  assert.deepEqual(statistics.data, task.data);
  assert.deepEqual(statistics.cohort, { fraction: 1, minimum: 3, overSelection: 0, deadlineSeconds: 60 });
  assert.equal(statistics.rounds, 1);
  assert.deepEqual(taskManifest(statistics), [
    { name: 'moments.count', shape: [3] },
    { name: 'moments.sum', shape: [2, 6] },
    { name: 'moments.squares', shape: [2, 9] },
  ]);
  const parameters = taskParameters(statistics, new Uint8Array(32));
  assert.equal(parameters.length, parameterCount(taskManifest(statistics)));
  assert.ok(parameters.every(value => value === 0));
  assert.throws(() => taskNetwork(statistics), RangeError);
});

test('what is trained and how does not change the statistics task; data and seed do', () => {
  const bytes = (changes: object) => encodeTask(statisticsTask(parseTask({ ...plain, ...changes })));
  const same = bytes({});
  const model = { name: 'mlp', hidden: [4] };
  assert.deepEqual(bytes({ rounds: 5, model, server: { optimizer: 'fedavg' }, stopping: null }), same);
  assert.notDeepEqual(bytes({ seed: 43 }), same);
  assert.notDeepEqual(bytes({ data: { ...plain.data, onMissing: 'refuse' } }), same);
});

test('the statistics of a task that scales locally are those of its unscaled values', () => {
  const columns = plain.data.columns.map(({ center: _center, spread: _spread, ...column }) => column);
  const local = parseTask({ ...plain, data: { ...plain.data, columns, standardise: 'local' } });
  const { data } = statisticsTask(local);
  assert.ok(data.format === 'csv');
  assert.equal(data.standardise, 'none');
});

test('the name is cut so that it can be told from that of the task', () => {
  for (const length of [1, 52, 53, 63]) {
    const name = statisticsName('a'.repeat(length));
    assert.match(name, /^a+-statistics$/);
    assert.ok(name.length <= 63);
  }
});

test('a task without number columns has no statistics', () => {
  const [, category, , target] = plain.data.columns;
  const value = { ...plain, data: { ...plain.data, columns: [category, target] } };
  assert.throws(() => statisticsTask(parseTask(value)), UserError);
  const images = {
    ...plain,
    data: {
      format: 'images',
      height: 2,
      width: 2,
      target: { type: 'classes', classes: ['a', 'b'] },
      split: { type: 'files' },
    },
  };
  assert.throws(() => statisticsTask(parseTask(images)), UserError);
});

test('a private task has none: its constants have to be public already', () => {
  const privacy = {
    mechanism: 'dp-fedavg',
    unit: 'organisation',
    clip: 1,
    sampling: 'all',
    expectedCohort: 3,
    relation: 'zero-out',
    noiseAt: 'coordinator',
    noiseMultiplier: 4,
    delta: 1e-3,
    budget: { epsilon: 8 },
  };
  const value = {
    ...plain,
    privacy,
    stopping: null,
    evaluation: {},
    aggregation: { rule: 'mean', weightBy: 'uniform' },
  };
  assert.throws(
    () => statisticsTask(parseTask(value)),
    /heart: is private, and sums for its constants would leave exactly/,
  );
});

test('whatever would change the sums of a statistics task is refused with its place and remedy', () => {
  const statistics = statisticsTask(task);
  assert.deepEqual(parseTask(statistics), statistics);
  const refused = (changes: object, path: string, message: RegExp) =>
    assert.throws(
      () => parseTask({ ...statistics, ...changes }),
      (error: unknown) => {
        assert.ok(error instanceof TaskError);
        assert.deepEqual(
          error.errors.map(found => found.path),
          [path],
        );
        assert.match(`${error.errors[0].message}; ${error.errors[0].remedy}`, message);
        return true;
      },
      path,
    );
  const { data, aggregation, evaluation, cohort, training } = statistics;
  assert.ok(data.format === 'csv');
  const numbers = data.columns.map(({ name, type }) => ({ name, type })).filter(column => column.name !== 'cp');
  refused({ data: { ...data, columns: numbers, standardise: 'local' } }, 'data.standardise', /set it to none/);
  refused({ data: { ...data, columns: data.columns.filter(c => c.type !== 'number') } }, 'model.name', /declare one/);
  refused({ rounds: 2 }, 'rounds', /is 2, and moments takes one; use 1/);
  refused({ cohort: { ...cohort, minimum: 4097 } }, 'cohort.minimum', /use 4096 at most/);
  refused({ server: { optimizer: 'fedavg', learningRate: 0.5 } }, 'server', /use {optimizer: fedavg}/);
  refused({ server: { optimizer: 'fedavg', momentum: 0.5 } }, 'server', /use {optimizer: fedavg}/);
  refused({ server: { optimizer: 'fedadam', learningRate: 1 } }, 'server', /use {optimizer: fedavg}/);
  refused({ aggregation: { ...aggregation, weightBy: 'examples' } }, 'aggregation.weightBy', /use uniform/);
  const { clipNorm: enough } = aggregation;
  refused({ aggregation: { rule: 'median', clipNorm: enough } }, 'aggregation.rule', /sums of moments; use mean/);
  const before = [{ name: 'clip', norm: 1 }];
  refused({ aggregation: { ...aggregation, before } }, 'aggregation.before', /change the sums of moments; remove it/);
  refused({ training: { ...training, workerMomentum: 0.9 } }, 'training.workerMomentum', /set it to 0/);
  const clipNorm = enough - 1;
  refused({ aggregation: { ...aggregation, clipNorm } }, 'aggregation.clipNorm', /would clip .* use 23524 or more/);
  refused({ stopping: { metric: 'loss', patience: 2 } }, 'stopping', /set it to null/);
  refused({ evaluation: { ...evaluation, pooledAucBins: 10 } }, 'evaluation.pooledAucBins', /set it to null/);
  refused({ evaluation: { ...evaluation, aloneBaseline: true } }, 'evaluation.aloneBaseline', /set it to false/);
  const text = { format: 'text', alphabet: 'ab', window: 4, split: { type: 'tail', trainFraction: 0.8 } };
  refused({ data: text }, 'model.name', /needs a table; use data.format csv/);
});
