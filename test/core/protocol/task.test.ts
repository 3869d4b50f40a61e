import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeCbor } from '../../../src/core/bytes/cbor.ts';
import { encodeTask, parseTask, TaskError } from '../../../src/core/protocol/task.ts';

/** Every setting written out. */
const full = {
  parley: 1,
  name: 'heart-disease',
  seed: 42,
  data: {
    format: 'csv',
    header: false,
    delimiter: ',',
    missing: ['', '?'],
    onMissing: 'drop-row',
    columns: [
      { name: 'age', type: 'number', center: 50, spread: 10 },
      { name: 'cp', type: 'category', levels: ['1', '2', '3', '4'], dropFirst: true },
      { name: 'site', type: 'ignore' },
      { name: 'num', type: 'target' },
    ],
    sequence: null,
    target: { type: 'above', value: 0 },
    standardise: 'none',
    split: { type: 'stratified', trainFraction: 0.66, seed: 42 },
  },
  model: { name: 'mlp', hidden: [16, 8], activation: 'tanh', norm: 'layer', dropout: 0.1 },
  training: {
    optimizer: { name: 'adam', learningRate: 0.001, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 },
    schedule: { name: 'cosine', final: 0.1, warmupRounds: 2 },
    loss: { name: 'binary' },
    batchSize: 4,
    amount: { unit: 'epochs', count: 5 },
    clip: { norm: 1, per: 'example' },
    proximal: 0.01,
    workerMomentum: 0.9,
  },
  rounds: 15,
  cohort: { fraction: 1, minimum: 2, deadlineSeconds: 60, overSelection: 0.25 },
  server: { optimizer: 'fedyogi', learningRate: 0.1, beta1: 0.9, beta2: 0.99, tau: 0.001 },
  aggregation: {
    rule: 'mean',
    weightBy: 'examples',
    weightCap: 1000,
    clipNorm: 10,
    byzantine: 0,
    before: [{ name: 'clip', norm: 5 }],
  },
  protection: 'inspect',
  privacy: 'none',
  stopping: { metric: 'auc', patience: 5, minDelta: 0.001 },
  evaluation: { everyRounds: 1, pooledAucBins: 1024, aloneBaseline: true },
} as const;

/** The same task with only what has no default. */
const least = {
  parley: 1,
  name: 'heart-disease',
  seed: 42,
  data: {
    format: 'csv',
    header: false,
    onMissing: 'refuse',
    columns: [
      { name: 'age', type: 'number' },
      { name: 'num', type: 'target' },
    ],
    target: { type: 'above', value: 0 },
    standardise: 'none',
    split: { type: 'stratified', trainFraction: 0.66, seed: 42 },
  },
  model: { name: 'logistic' },
  training: { optimizer: { name: 'sgd', learningRate: 0.001 }, batchSize: 4, amount: { unit: 'steps', count: 5 } },
  rounds: 15,
  cohort: { minimum: 2 },
  server: { optimizer: 'fedavg' },
  aggregation: { rule: 'mean' },
  protection: 'inspect',
  privacy: 'none',
};

type Plain = Record<string, unknown>;

/** A copy of the full example with one place set (undefined removes it). */
function changed(path: string, value: unknown, base: unknown = full): Plain {
  const copy = structuredClone(base) as Plain;
  const steps = path.split('.');
  let at = copy;
  for (const step of steps.slice(0, -1)) at = at[step] as Plain;
  const last = steps.at(-1) as string;
  if (value === undefined) delete at[last];
  else at[last] = value;
  return copy;
}

/** The errors of a task, remedy and all in `message`. */
function errorsOf(value: unknown): { path: string; message: string }[] {
  try {
    parseTask(value);
  } catch (error) {
    assert.ok(error instanceof TaskError, String(error));
    return error.errors.map(({ path, message, remedy }) => ({ path, message: `${message}; ${remedy}` }));
  }
  return [];
}

test('a task with every setting written out is kept as it is', () => {
  assert.deepEqual(parseTask(full), full);
});

test('a task with only what has no default gets the documented defaults', () => {
  const task = parseTask(least);
  assert.deepEqual(task.cohort, { fraction: 1, minimum: 2, deadlineSeconds: 300, overSelection: 0 });
  assert.deepEqual(task.server, { optimizer: 'fedavg', learningRate: 1, momentum: 0 });
  const shared = { clipNorm: 1000, byzantine: 0, before: [] };
  assert.deepEqual(task.aggregation, { rule: 'mean', weightBy: 'examples', weightCap: 100_000, ...shared });
  assert.deepEqual(task.evaluation, { everyRounds: 1, pooledAucBins: null, aloneBaseline: false });
  assert.deepEqual([task.training.proximal, task.training.workerMomentum], [0, 0]);
  assert.deepEqual(task.training.schedule, { name: 'constant', warmupRounds: 0 });
  assert.deepEqual([task.training.loss, task.training.clip, task.stopping], [null, null, null]);
  const { data } = task;
  assert.ok(data.format === 'csv');
  assert.deepEqual([data.delimiter, data.missing, data.sequence], [',', [''], null]);
});

test('a task that says nothing of protection is one of groups, with the hash of the word and of its block', () => {
  const { protection: _, ...silent } = { ...least, cohort: { minimum: 5 } };
  const block = { kind: 'group', size: 8, honest: 5 };
  const tasks = [silent, { ...silent, protection: 'group' }, { ...silent, protection: block }].map(parseTask);
  for (const task of tasks) assert.deepEqual(encodeTask(task), encodeTask(tasks[0]));
  assert.deepEqual(tasks[0].protection, {
    ...block,
    ...{ colluders: null, bits: 32, coin: [], redrawRounds: 10, stepSeconds: 30, compression: 'none' },
  });
});

test('every error names the place and says what to do', () => {
  const cases: [string, unknown, string, RegExp][] = [
    ['parley', 2, 'parley', /1/],
    ['name', 'Heart Disease', 'name', /use 1–63 lower-case letters/],
    ['rounds', undefined, 'rounds', /^is missing; use a whole number ≥ 1 and ≤ 1000000$/],
    ['rounds', 0, 'rounds', /^is 0; use a whole number ≥ 1 and ≤ 1000000$/],
    ['rounds', '15', 'rounds', /^is "15"; use a whole number/],
    ['cohort.minimum', undefined, 'cohort.minimum', /is missing; use a whole number ≥ 1/],
    ['cohort.fraction', 1.5, 'cohort.fraction', /^is 1\.5; use a number > 0 and ≤ 1$/],
    ['cohort.minium', 2, 'cohort.minium', /is not a setting; remove it or check its spelling/],
    ['learningRate', 1, 'learningRate', /is not a setting/],
    ['model.name', 'transformer', 'model.name', /"transformer" is not a known value/],
    ['model.hidden', [], 'model.hidden', /^is an empty list; use a list of 1 to 16 values$/],
    ['training.optimizer.name', 'lion', 'training.optimizer.name', /"lion" is not a known value/],
    ['training.optimizer.learningRate', -1, 'training.optimizer.learningRate', /use a number > 0$/],
    ['training.amount.unit', 'hours', 'training.amount.unit', /"hours" is not a known value/],
    ['server.optimizer', 'sgd', 'server.optimizer', /"sgd" is not a known value/],
    ['server.momentum', 0.9, 'server.momentum', /is not a setting/],
    ['aggregation.rule', 'average', 'aggregation.rule', /"average" is not a known value; use one of: mean, median, /],
    ['aggregation.rule', ['mean'], 'aggregation.rule', /^is a list of 1; use one of: mean, median, trimmed-mean, /],
    ['aggregation.rule', undefined, 'aggregation.rule', /^is missing; use one of: mean, median, /],
    ['aggregation', 'median', 'aggregation', /^is "median"; use one of: mean, median, /],
    ['aggregation', { rule: 'centered-clipping' }, 'aggregation.radius', /^is missing; use a number > 0/],
    ['aggregation', { rule: 'monna' }, 'aggregation.trusted', /^is missing; use text of 1 to 64 characters$/],
    [
      'aggregation.trusted',
      'a',
      'aggregation.trusted',
      /^is not a setting of mean, only of monna, fltrust; remove it$/,
    ],
    [
      'aggregation',
      { rule: 'median', weightBy: 'uniform' },
      'aggregation.weightBy',
      /^is not a setting of median, only of mean; remove it$/,
    ],
    ['aggregation.byzantine', -1, 'aggregation.byzantine', /^is -1; use a whole number ≥ 0 and ≤ 1000000$/],
    ['aggregation.before.0.name', 'trim', 'aggregation.before.0.name', /use one of: nnm, bucketing, arc, clip$/],
    ['aggregation.before', [{ name: 'bucketing' }], 'aggregation.before.0.size', /^is missing; use a whole number ≥ 2/],
    ['training.workerMomentum', 1, 'training.workerMomentum', /^is 1; use a number ≥ 0 and < 1$/],
    ['aggregation.clipNorm', 0, 'aggregation.clipNorm', /use a number > 0 and ≤ 1000000000000000000$/],
    ['aggregation.clipNorm', 1e19, 'aggregation.clipNorm', /use a number > 0 and ≤ 1000000000000000000$/],
    ['data.delimiter', '|', 'data.delimiter', /use one of: ",", ";", "\\t"$/],
    ['data.header', 'yes', 'data.header', /^is "yes"; use true or false$/],
    ['data.columns.1.levels.0', 1, 'data.columns.1.levels.0', /^is 1; use text of 1 to 64 characters$/],
    ['model.activation', 'gelu', 'model.activation', /^"gelu" is not a known value; use one of: relu, tanh, sigmoid$/],
    ['model', 'mlp', 'model', /use one of: logistic, linear, mlp, cnn, lstm, gru/],
    ['evaluation.pooledAucBins', 1, 'evaluation.pooledAucBins', /use a whole number ≥ 2 and ≤ 65536, or null$/],
    ['data.columns.0.type', 'text', 'data.columns.0.type', /"text" is not a known value/],
    ['data.split.seed', 2 ** 32, 'data.split.seed', /4294967295/],
  ];
  for (const [place, value, path, message] of cases) {
    const errors = errorsOf(changed(place, value));
    assert.deepEqual(
      errors.map(e => e.path),
      [path],
      `${place} = ${JSON.stringify(value)}`,
    );
    assert.match(errors[0].message, message, place);
  }
});

test('all errors of a file come at once', () => {
  const value = changed('rounds', -1, changed('cohort.minimum', 'two', changed('aggregation.rule', 'x')));
  assert.deepEqual(
    errorsOf(value)
      .map(e => e.path)
      .sort(),
    ['aggregation.rule', 'cohort.minimum', 'rounds'],
  );
});

test('what is planned is refused by its name, never ignored', () => {
  const built = '"inspect", or "group", or a block of settings: kind, size, honest, colluders, bits, coin';
  for (const name of ['homomorphic-group', 'homomorphic-committee', 'validated', 'two-aggregator']) {
    const [error, ...others] = errorsOf(changed('protection', name));
    assert.deepEqual(others, []);
    assert.equal(error.path, 'protection');
    assert.ok(error.message.startsWith(`"${name}" is not built in this version; use ${built}`), error.message);
    assert.deepEqual(errorsOf(changed('protection', { kind: name, committee: 5 })), [
      { path: 'protection.kind', message: `"${name}" is not built in this version; use "group"` },
    ]);
  }
});

test('of privacy it is said what there is', () => {
  const forms = 'use "none", or a block with mechanism dp-sgd or dp-fedavg';
  const cases: [string, unknown, string][] = [
    ['privacy', 3, `is 3; ${forms}`],
    ['privacy', undefined, `is missing; ${forms}`],
    ['privacy', 'client-level', `"client-level" is not a known value; ${forms}`],
  ];
  for (const [path, value, message] of cases) assert.deepEqual(errorsOf(changed(path, value)), [{ path, message }]);
});

test('whatever stands at a place, the error names a remedy and no word of the validator', () => {
  const values = [undefined, null, -1, 0.5, 1e300, 'x', '', [], [null], {}, { name: 'x' }, true];
  const places = (value: unknown, path: string): string[] =>
    typeof value === 'object' && value !== null
      ? Object.entries(value).flatMap(([key, item]) => {
          const place = path === '' ? key : `${path}.${key}`;
          return [place, ...places(item, place)];
        })
      : [];
  for (const place of places(full, '')) {
    for (const value of values) {
      for (const { path, message } of errorsOf(changed(place, value))) {
        assert.doesNotMatch(message, /Invalid|Too (big|small)|expected|undefined|another value/, `${place}: ${path}`);
      }
    }
  }
});

test('a schema that contradicts itself is refused', () => {
  // The loss and the stopping of the full example are those of its own target.
  const base = changed('training.loss', null, changed('stopping', null));
  const columns = (list: Plain[]) => changed('data.columns', list, base);
  const number = { name: 'age', type: 'number' };
  const target = { name: 'num', type: 'target' };
  const cases: [Plain, string, RegExp][] = [
    [columns([number, number, target]), 'data.columns', /"age" is declared twice; keep one/],
    [columns([number, { name: 'b', type: 'number' }]), 'data.columns', /exactly one column of type target/],
    [columns([number, target, { name: 'b', type: 'target' }]), 'data.columns', /exactly one column of type target/],
    [columns([{ name: 'a', type: 'ignore' }, target]), 'data.columns', /at least one feature/],
    [
      changed('data.split', { type: 'column', column: 'age', test: ['1'] }, base),
      'data.split.column',
      /declare column "age" with type ignore/,
    ],
    [
      changed('data.target', { type: 'classes', classes: ['a', 'b', 'c'] }, base),
      'evaluation.pooledAucBins',
      /needs a binary target; set it to null/,
    ],
  ];
  for (const [value, path, message] of cases) {
    const errors = errorsOf(value);
    assert.deepEqual(
      errors.map(e => e.path),
      [path],
    );
    assert.match(errors[0].message, message);
  }
});

const target = { name: 'y', type: 'target' };
const number = (i: number) => ({ name: `x${i}`, type: 'number' });
const images = {
  format: 'images',
  height: 12,
  width: 12,
  target: { type: 'classes', classes: ['a', 'b', 'c'] },
  split: { type: 'files' },
};
const text = { format: 'text', alphabet: 'abc \n', window: 8, split: { type: 'tail', trainFraction: 0.8 } };
const sequence = {
  ...least.data,
  columns: [...Array.from({ length: 6 }, (_, i) => number(i)), target],
  sequence: { steps: 3 },
};
const measured = { ...least.data, target: { type: 'number', center: 10, spread: 2 } };

test('models, data and losses that belong together are taken', () => {
  const together: [object, object, object | null][] = [
    [images, { name: 'cnn', convolutions: [{ filters: 4, kernel: 3 }] }, null],
    [images, { name: 'logistic' }, { name: 'cross-entropy' }],
    [text, { name: 'gru', hidden: 8, embedding: 4 }, null],
    [sequence, { name: 'lstm', hidden: 8, layers: 2 }, { name: 'binary' }],
    [sequence, { name: 'mlp', hidden: [4] }, null],
    [measured, { name: 'linear' }, null],
    [measured, { name: 'mlp', hidden: [4] }, { name: 'quantile', levels: [0.1, 0.5, 0.9] }],
    [measured, { name: 'linear' }, { name: 'huber' }],
  ];
  for (const [data, model, loss] of together) {
    const task = { ...least, data, model, training: { ...least.training, loss } };
    assert.deepEqual(errorsOf(task), [], JSON.stringify(model));
  }
});

test('models, data and losses that do not belong together are refused with the place and the remedy', () => {
  const apart: [object, string, RegExp][] = [
    [{ data: measured }, 'model.name', /logistic predicts classes, and the target is a number; use linear/],
    [{ model: { name: 'linear' } }, 'model.name', /linear predicts numbers, and the target has classes; use logistic/],
    [{ model: { name: 'gru', hidden: 3 } }, 'model.name', /gru needs steps in time; set data.sequence/],
    [{ data: text }, 'model.name', /logistic cannot read text; use gru or lstm/],
    [{ data: text, model: { name: 'gru', hidden: 3 } }, 'model.embedding', /is missing; text needs one/],
    [
      { data: sequence, model: { name: 'gru', hidden: 3, embedding: 2 } },
      'model.embedding',
      /is for text, and the data are numbers; remove it/,
    ],
    [
      { model: { name: 'cnn', convolutions: [{ filters: 4, kernel: 3 }] } },
      'model.name',
      /cnn needs images; use mlp, or data.format images/,
    ],
    [
      { data: images, model: { name: 'cnn', convolutions: [{ filters: 4, kernel: 13 }] } },
      'model.convolutions.0.kernel',
      /a kernel of 13 on an image of 12 × 12; use a smaller one, or padding/,
    ],
    [
      {
        data: images,
        model: {
          name: 'cnn',
          convolutions: [
            { filters: 4, kernel: 5, stride: 4 },
            { filters: 4, kernel: 3, stride: 1 },
          ],
        },
      },
      'model.convolutions.1.kernel',
      /a kernel of 3 on an image of 2 × 2/,
    ],
    [
      { data: images, model: { name: 'cnn', convolutions: [{ filters: 6, kernel: 3 }], norm: 'group', groups: 4 } },
      'model.convolutions.0.filters',
      /6 filters do not make 4 equal groups/,
    ],
    [
      {
        data: images,
        model: { name: 'cnn', convolutions: [{ filters: 2, kernel: 11, pool: { kind: 'max', size: 3 } }] },
      },
      'model.convolutions.0.pool',
      /windows of 3 on an image of 2 × 2/,
    ],
    [
      { training: { ...least.training, loss: { name: 'mse' } } },
      'training.loss.name',
      /mse does not fit the target; use binary/,
    ],
    [
      { training: { ...least.training, loss: { name: 'cross-entropy' } } },
      'training.loss.name',
      /cross-entropy does not fit the target; use binary/,
    ],
    [
      {
        data: measured,
        model: { name: 'linear' },
        training: { ...least.training, loss: { name: 'binary' } },
      },
      'training.loss.name',
      /binary does not fit the target; use mse, huber or quantile/,
    ],
    [
      {
        data: measured,
        model: { name: 'linear' },
        training: { ...least.training, loss: { name: 'quantile', levels: [0.5, 0.1] } },
      },
      'training.loss.levels',
      /do not rise; list them in ascending order/,
    ],
    [{ data: { ...sequence, sequence: { steps: 4 } } }, 'data.sequence.steps', /6 number columns do not make 4 equal/],
    [
      {
        data: {
          ...sequence,
          columns: [number(0), { name: 'c', type: 'category', levels: ['a', 'b'] }, target],
          sequence: { steps: 2 },
        },
      },
      'data.sequence.steps',
      /number columns only/,
    ],
    [{ data: { ...text, alphabet: 'abca' } }, 'data.alphabet', /holds "a" twice; keep one/],
    [{ stopping: { metric: 'auc', patience: 2 } }, 'stopping.metric', /auc needs evaluation.pooledAucBins/],
    [
      { data: measured, model: { name: 'linear' }, stopping: { metric: 'accuracy', patience: 2 } },
      'stopping.metric',
      /accuracy is of classes, and the target is a number; use loss/,
    ],
  ];
  for (const [changes, path, message] of apart) {
    const errors = errorsOf({ ...least, ...changes });
    assert.deepEqual(
      errors.map(e => e.path),
      [path],
      JSON.stringify(changes),
    );
    assert.match(errors[0].message, message);
  }
});

test('batch norm is refused with the reason', () => {
  for (const model of [
    { name: 'mlp', hidden: [4], norm: 'batch' },
    { name: 'cnn', convolutions: [{ filters: 4, kernel: 3 }], norm: 'batch' },
  ]) {
    const [error] = errorsOf({ ...least, model });
    assert.equal(error.path, 'model.norm');
    assert.match(error.message, /mixes the rows of a minibatch.*use none, or layer \(mlp\) or group \(cnn\)/);
  }
});

test('what is no task at all is one error about the file', () => {
  for (const value of [null, undefined, 7, 'text', []]) {
    const errors = errorsOf(value);
    assert.equal(errors.length, 1);
    assert.equal(errors[0].path, '(file)');
  }
});

test('arbitrary data throws TaskError and nothing else', () => {
  fc.assert(
    fc.property(fc.anything(), fc.constantFrom(...Object.keys(full)), (value, key) => {
      errorsOf(value);
      errorsOf({ ...full, [key]: value });
    }),
    { numRuns: 500, seed: 1 },
  );
});

/** The same data with the keys of every object in another order. */
function reordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reordered);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, item]) => [key, reordered(item)]),
  );
}

test('the order of keys in the file does not change the bytes of a task', () => {
  assert.notEqual(JSON.stringify(reordered(full)), JSON.stringify(full));
  assert.deepEqual(encodeTask(parseTask(reordered(full))), encodeTask(parseTask(full)));
});

test('a default written out and a default left out give the same bytes', () => {
  const written = changed('cohort', { fraction: 1, minimum: 2, deadlineSeconds: 300, overSelection: 0 }, least);
  assert.deepEqual(encodeTask(parseTask(written)), encodeTask(parseTask(least)));
});

test('parsing what was encoded gives the same bytes again', () => {
  for (const value of [full, least]) {
    const encoded = encodeTask(parseTask(value));
    const [label, body] = decodeCbor(encoded) as [string, unknown];
    assert.equal(label, 'parley/v1/task');
    assert.deepEqual(encodeTask(parseTask(body)), encoded);
  }
});

test('any changed setting changes the bytes', () => {
  const changes: [string, unknown][] = [
    ['name', 'other'],
    ['seed', 43],
    ['rounds', 16],
    ['data.split.seed', 43],
    ['model.hidden', [8, 16]],
    ['training.proximal', 0],
    ['training.workerMomentum', 0.5],
    ['aggregation.before.0.norm', 6],
    ['aggregation.before', []],
    ['cohort.minimum', 3],
    ['server.tau', 0.01],
    ['data.columns.0.spread', 11],
    ['aggregation.clipNorm', 11],
    ['evaluation.pooledAucBins', 512],
    ['training.clip.norm', 2],
    ['training.schedule.final', 0],
    ['stopping.patience', 6],
  ];
  const hashes = [full, ...changes.map(([path, value]) => changed(path, value))].map(value =>
    createHash('sha256')
      .update(encodeTask(parseTask(value)))
      .digest('hex'),
  );
  assert.equal(new Set(hashes).size, changes.length + 1);
});

test('public scaling beside local scaling is refused, as the second would undo the first', () => {
  const value = changed('data.standardise', 'local');
  assert.throws(
    () => parseTask(value),
    (error: TaskError) =>
      error.errors[0].path === 'data.columns.0' && /center and spread/.test(error.errors[0].message),
  );
});

test('a model that no machine could hold is refused with its size', () => {
  const value = changed('model.hidden', [65_536, 65_536]);
  assert.throws(
    () => parseTask(value),
    (error: TaskError) =>
      error.errors[0].path === 'model' && /parameters, more than 268435456/.test(error.errors[0].message),
  );
});

test('the hash of the full example is the recorded one: a change of it is a change of the format', () => {
  const hash = createHash('sha256')
    .update(encodeTask(parseTask(full)))
    .digest('hex');
  assert.equal(hash, '993b6fa5b48b2ce9b76c5efae0bdfe632e150893e1953b53d4411eb8e5fb192e');
});

/** Columns are many where a table is wide; a quadratic look at them took 16 seconds. */
test('a task of 100,000 columns is parsed and hashed in the time of a few of 10,000', () => {
  const wide = (columns: number) => ({
    ...full,
    data: {
      ...full.data,
      columns: [
        ...Array.from({ length: columns }, (_, i) => ({ name: `c${i}`, type: 'number' })),
        { name: 'site', type: 'ignore' },
        { name: 'num', type: 'target' },
      ],
    },
    model: { name: 'logistic' },
  });
  const cpuMicros = (columns: number): number => {
    const before = process.cpuUsage();
    encodeTask(parseTask(wide(columns)));
    const { user, system } = process.cpuUsage(before);
    return user + system;
  };
  cpuMicros(9_998); // compiled
  assert.ok(cpuMicros(99_998) < 25 * cpuMicros(9_998));
});

test('names that every object inherits are no settings and no values', () => {
  const refusals = (changes: object) => {
    try {
      parseTask({ ...full, ...changes });
    } catch (error) {
      assert.ok(error instanceof TaskError);
      return error.errors;
    }
    return assert.fail('it was taken');
  };
  for (const key of ['constructor', 'toString', 'hasOwnProperty']) {
    assert.deepEqual(refusals({ [key]: 'name' }), [
      { path: key, message: 'is not a setting', remedy: 'remove it or check its spelling' },
    ]);
    assert.deepEqual(refusals({ model: { ...full.model, norm: key } }), [
      { path: 'model.norm', message: `"${key}" is not a known value`, remedy: 'use one of: none, layer' },
    ]);
  }
});

test('minus zero means zero, and gives the same hash', () => {
  const written = (zero: number) =>
    encodeTask(
      parseTask({
        ...full,
        seed: zero,
        data: { ...full.data, target: { type: 'above', value: zero } },
        training: { ...full.training, proximal: zero },
      }),
    );
  assert.deepEqual(written(-0), written(0));
});
