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
    target: { type: 'above', value: 0 },
    standardise: 'none',
    split: { type: 'stratified', trainFraction: 0.66, seed: 42 },
  },
  model: { name: 'mlp', hidden: [16, 8], activation: 'tanh' },
  training: {
    optimizer: { name: 'adam', learningRate: 0.001, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 },
    batchSize: 4,
    amount: { unit: 'epochs', count: 5 },
    proximal: 0.01,
  },
  rounds: 15,
  cohort: { fraction: 1, minimum: 2, deadlineSeconds: 60, overSelection: 0.25 },
  server: { optimizer: 'fedyogi', learningRate: 0.1, beta1: 0.9, beta2: 0.99, tau: 0.001 },
  aggregation: { rule: 'mean', weightBy: 'examples', weightCap: 1000, clipNorm: 10 },
  protection: 'inspect',
  privacy: 'none',
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
  assert.deepEqual(task.aggregation, { rule: 'mean', weightBy: 'examples', weightCap: 100_000, clipNorm: 1000 });
  assert.deepEqual(task.evaluation, { everyRounds: 1, pooledAucBins: null, aloneBaseline: false });
  assert.equal(task.training.proximal, 0);
  assert.deepEqual([task.data.delimiter, task.data.missing], [',', ['']]);
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
    ['aggregation.rule', 'average', 'aggregation.rule', /"average" is not a known value; use "mean"/],
    ['aggregation.clipNorm', 0, 'aggregation.clipNorm', /use a number > 0$/],
    ['data.delimiter', '|', 'data.delimiter', /use one of: ",", ";", "\\t"$/],
    ['data.header', 'yes', 'data.header', /^is "yes"; use true or false$/],
    ['data.columns.1.levels.0', 1, 'data.columns.1.levels.0', /^is 1; use text of 1 to 64 characters$/],
    ['model.activation', 'gelu', 'model.activation', /^"gelu" is not a known value; use one of: relu, tanh, sigmoid$/],
    ['model', 'mlp', 'model', /use one of: logistic, mlp$/],
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
  const value = changed('rounds', -1, changed('cohort.minimum', 'two', changed('aggregation.rule', 'krum')));
  assert.deepEqual(
    errorsOf(value)
      .map(e => e.path)
      .sort(),
    ['aggregation.rule', 'cohort.minimum', 'rounds'],
  );
});

test('what is planned is refused by its name, never ignored', () => {
  const planned: [string, string[], string][] = [
    [
      'aggregation.rule',
      ['median', 'trimmed-mean', 'krum', 'multi-krum', 'bulyan', 'geometric-median', 'centered-clipping', 'fltrust'],
      'mean',
    ],
    ['protection', ['group', 'homomorphic-group', 'homomorphic-committee', 'validated', 'two-aggregator'], 'inspect'],
    ['privacy', ['client-level', 'example-level', 'local'], 'none'],
  ];
  for (const [path, names, built] of planned) {
    for (const name of names) {
      assert.deepEqual(errorsOf(changed(path, name)), [
        { path, message: `"${name}" is not built in this version; use "${built}"` },
      ]);
    }
  }
  for (const name of ['cnn', 'lstm', 'gru', 'linear']) {
    assert.deepEqual(errorsOf(changed('model.name', name)), [
      { path: 'model.name', message: `"${name}" is not built in this version; use one of: logistic, mlp` },
    ]);
  }
});

test('settings of protection and privacy that come later are refused by name', () => {
  const cases: [string, unknown, string][] = [
    ['privacy', { epsilon: 3 }, '"privacy" with settings is not built in this version; use "none"'],
    ['protection', { mode: 'group' }, '"protection" with settings is not built in this version; use "inspect"'],
    ['aggregation.rule', ['mean'], '"aggregation.rule" with settings is not built in this version; use "mean"'],
    ['privacy', 3, 'is 3; use "none"'],
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
  const columns = (list: Plain[]) => changed('data.columns', list);
  const number = { name: 'age', type: 'number' };
  const target = { name: 'num', type: 'target' };
  const cases: [Plain, string, RegExp][] = [
    [columns([number, number, target]), 'data.columns', /"age" is declared twice; keep one/],
    [columns([number, { name: 'b', type: 'number' }]), 'data.columns', /exactly one column of type target/],
    [columns([number, target, { name: 'b', type: 'target' }]), 'data.columns', /exactly one column of type target/],
    [columns([{ name: 'a', type: 'ignore' }, target]), 'data.columns', /at least one feature/],
    [
      changed('data.split', { type: 'column', column: 'age', test: ['1'] }),
      'data.split.column',
      /declare column "age" with type ignore/,
    ],
    [
      changed('data.target', { type: 'classes', classes: ['a', 'b', 'c'] }),
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
    ['cohort.minimum', 3],
    ['server.tau', 0.01],
    ['data.columns.0.spread', 11],
    ['aggregation.clipNorm', 11],
    ['evaluation.pooledAucBins', null],
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
  assert.equal(hash, '4b0459b5eb171392b183d15993770b81ac7cb602eae3e5c1ba6d23ca01d31aaa');
});
