import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { readModel } from '../../src/cli/model-file.ts';
import { toHex } from '../../src/core/bytes/floats.ts';
import { encodeSafetensors } from '../../src/core/bytes/safetensors.ts';
import { taskManifest, taskParameters } from '../../src/core/learning/model.ts';
import { encodeTask, parseTask } from '../../src/core/protocol/task.ts';
import { readScaling } from '../../src/node/data/kept-scaling.ts';
import { loadSiteFrom } from '../../src/node/data/site-files.ts';
import { nodePrimitives } from '../../src/node/primitives.ts';
import { fileTrainers, ownTrainers } from '../../src/node/run-client.ts';

const root = join(import.meta.dirname, '..', '..');
const folder = mkdtempSync(join(tmpdir(), 'parley-predict-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const settings = {
  parley: 1,
  name: 'test',
  seed: 1,
  training: { optimizer: { name: 'sgd', learningRate: 0.1 }, batchSize: 8, amount: { unit: 'epochs', count: 1 } },
  rounds: 1,
  cohort: { minimum: 1 },
  server: { optimizer: 'fedavg' },
  aggregation: { rule: 'mean' },
  protection: 'inspect',
  privacy: 'none',
};

/** A model file of these parameters; those a task begins with where none are given. */
function model(name: string, parts: object, parameters?: readonly number[]): string {
  const task = parseTask({ ...settings, ...parts });
  const values =
    parameters === undefined
      ? taskParameters(task, new Uint8Array(32).fill(7)).map(value => 3 * value)
      : Float32Array.from(parameters);
  const bytes = encodeSafetensors(taskManifest(task), values, { definition: JSON.stringify(task) });
  return file(`${name}.safetensors`, bytes);
}

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

function parley(...args: string[]) {
  const main = join(root, 'src', 'cli', 'main.ts');
  return spawnSync(process.execPath, [main, 'predict', ...args], { encoding: 'utf8', timeout: 60_000, cwd: folder });
}

function predict(...args: string[]): string {
  const { stdout, stderr, status } = parley(...args);
  assert.equal(status, 0, stderr);
  return stdout;
}

const lines = (csv: string): string[][] =>
  csv
    .trim()
    .split('\n')
    .map(line => line.split(','));

const table = {
  format: 'csv',
  header: true,
  onMissing: 'refuse',
  standardise: 'none',
  columns: [
    { name: 'size', type: 'number' },
    { name: 'age', type: 'number', center: 10, spread: 5 },
    { name: 'price', type: 'target' },
  ],
  target: { type: 'number', center: 200, spread: 50 },
  split: { type: 'stratified', trainFraction: 0.5, seed: 1 },
};
const houses = file('houses.csv', 'size,age\n2,20\n4,10\n');

test('numbers are predicted in the units of the column', () => {
  const linear = model('linear', { data: table, model: { name: 'linear' } }, [1, -0.5, 0.25]);
  // 200 + 50 · (size − 0.5 · (age − 10) / 5 + 0.25)
  assert.deepEqual(lines(predict('--model', linear, '--data', houses)), [
    ['row', 'prediction'],
    ['2', '262.5'],
    ['3', '412.5'],
  ]);
  const { predictions } = JSON.parse(predict('--model', linear, '--data', houses, '--json'));
  assert.deepEqual(predictions, [
    { row: 2, prediction: 262.5 },
    { row: 3, prediction: 412.5 },
  ]);
});

test('quantiles are a column each, named by their level, in the units of the column', () => {
  const loss = { name: 'quantile', levels: [0.25, 0.5, 0.75] };
  const quantiles = model(
    'quantiles',
    { data: table, model: { name: 'linear' }, training: { ...settings.training, loss } },
    [1, 0, 1, 0, 1, 0.5, -1, 0, 1],
  );
  assert.deepEqual(lines(predict('--model', quantiles, '--data', houses)), [
    ['row', 'q_0.25', 'q_0.5', 'q_0.75'],
    ['2', '250', '300', '400'],
    ['3', '350', '400', '450'],
  ]);
});

test('a model that scales by a site is refused without the training table of the site, and uses that table alone', async () => {
  const columns = [{ name: 'size', type: 'number' }, { name: 'age', type: 'number' }, table.columns[2]];
  const local = model(
    'local',
    { data: { ...table, standardise: 'local', columns }, model: { name: 'linear' } },
    [1, 0, 0],
  );
  const training = file('training.csv', 'size,age,price\n1,10,1\n2,20,2\n3,30,3\n4,40,4\n9,50,5\n8,60,6\n');
  const { status, stdout, stderr } = parley('--model', local, '--data', training);
  assert.deepEqual([status, stdout], [2, ''], stderr);
  assert.match(stderr, /standardise: local.*\n→ .*--scale-by/);
  const scaled = (data: string) => lines(predict('--model', local, '--data', data, '--scale-by', training));
  // What a client keeps of the same rows says the same.
  const { task } = readModel(local);
  const site = await loadSiteFrom(task.data, training);
  const hash = toHex(nodePrimitives.sha256(encodeTask(task)));
  const home = join(folder, 'home');
  mkdirSync(home);
  await fileTrainers(training, null, ownTrainers(), home)(task, hash);
  assert.deepEqual(readScaling(home, hash, site.featureNames), site.scaler);
  assert.equal(statSync(join(home, 'scaling', `${hash}.json`)).mode & 0o777, 0o600);
  assert.equal(
    predict('--model', local, '--data', training, '--home', home),
    predict('--model', local, '--data', training, '--scale-by', training),
  );
  const other = parley('--model', local, '--data', training, '--home', folder);
  assert.deepEqual([other.status, other.stdout], [2, ''], other.stderr);
  assert.match(other.stderr, /has not trained the model\n→ /);
  // A row has the same prediction whatever rows are beside it.
  assert.equal(scaled(file('one.csv', 'size,age\n2,20\n'))[1][1], scaled(training)[2][1]);
});

const images = {
  format: 'images',
  height: 1,
  width: 3,
  target: { type: 'classes', classes: ['left', 'in between', 'right'] },
  split: { type: 'files' },
};
/** Three images of three pixels: the second, the first and the last one is bright. */
const idx = Uint8Array.from([0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 1, 0, 0, 0, 3, 0, 255, 0, 255, 0, 0, 0, 0, 255]);

test('images are predicted without labels, from a folder and from a file of them', () => {
  const brightest = model('brightest', { data: images, model: { name: 'logistic' } }, [
    ...[8, 0, 0, 0, 8, 0, 0, 0, 8],
    ...[0, 0, 0],
  ]);
  const one = predict('--model', brightest, '--data', file('t10k-images-idx3-ubyte.gz', gzipSync(idx)));
  const [head, ...rows] = lines(one);
  assert.deepEqual(head, ['row', 'prediction', 'p_left', '"p_in between"', 'p_right']);
  assert.deepEqual(
    rows.map(([row, prediction]) => [row, prediction]),
    [
      ['1', '"in between"'],
      ['2', 'left'],
      ['3', 'right'],
    ],
  );
  assert.ok(Math.abs(Number(rows[1][2]) - 1 / (1 + 2 * Math.exp(-8))) < 1e-6);
  mkdirSync(join(folder, 'site'));
  file(join('site', 'images.idx'), idx);
  assert.equal(predict('--model', brightest, '--data', join(folder, 'site')), one);
  const { stderr, status } = parley('--model', brightest, '--data', houses);
  assert.equal(status, 2);
  assert.match(stderr, /houses\.csv: is no IDX file/);
});

const text = {
  data: { format: 'text', alphabet: '\n "ab', window: 8, split: { type: 'tail', trainFraction: 0.5 } },
  model: { name: 'gru', hidden: 12, embedding: 4 },
};

test('a text has a probability for each character that may follow, the most probable first', () => {
  const gru = model('gru', text);
  const beginning = file('beginning.txt', 'abba "ab');
  const { next } = JSON.parse(predict('--model', gru, '--data', beginning, '--json'));
  assert.deepEqual(next.map((n: { character: string }) => n.character).sort(), ['\n', ' ', '"', 'a', 'b']);
  const probabilities: number[] = next.map((n: { probability: number }) => n.probability);
  assert.deepEqual(
    probabilities,
    [...probabilities].sort((a, b) => b - a),
  );
  assert.ok(Math.abs(probabilities.reduce((sum, p) => sum + p) - 1) < 1e-6);
  const csv = predict('--model', gru, '--data', beginning);
  assert.match(csv, /^rank,character,probability\n1,/);
  for (const cell of ['"\n"', '" "', '""""', 'a', 'b']) assert.ok(csv.includes(`,${cell},`), cell);
});

test('a text is continued by the most probable characters, or by drawn ones that the seed fixes', () => {
  const gru = join(folder, 'gru.safetensors');
  const go = (data: string, ...more: string[]): string => {
    const { continuation } = JSON.parse(predict('--model', gru, '--data', data, '--json', '--characters', ...more));
    return continuation;
  };
  const beginning = file('go.txt', 'ab');
  const greedy = go(beginning, '12');
  assert.equal(greedy.length, 12);
  assert.equal(go(file('more.txt', `ab${greedy.slice(0, 5)}`), '7'), greedy.slice(5));
  assert.equal(predict('--model', gru, '--data', beginning, '--characters', '12'), `${greedy}\n`);
  const drawn = go(beginning, '40', '--seed', '1');
  assert.equal(go(beginning, '40', '--seed', '1'), drawn);
  assert.notEqual(go(beginning, '40', '--seed', '2'), drawn);
});

test('a character outside of the alphabet is never written', () => {
  const open = model('open', { ...text, data: { ...text.data, unknown: 'token' } });
  const beginning = file('open.txt', 'abc?');
  const { next } = JSON.parse(predict('--model', open, '--data', beginning, '--json'));
  assert.equal(next.filter((n: { character: string | null }) => n.character === null).length, 1);
  assert.match(predict('--model', open, '--data', beginning, '--characters', '60', '--seed', '3'), /^[\n "ab]{60}\n$/);
});

test('options of other data, and data that cannot be predicted, are refused with a remedy', () => {
  const of = (name: string, ...args: string[]) => parley('--model', join(folder, `${name}.safetensors`), ...args);
  for (const [{ status, stdout, stderr }, what] of [
    [of('linear', '--data', houses, '--characters', '3'), /--characters: is for text, and the model is for tables\n→ /],
    [of('gru', '--data', houses, '--scale-by', houses), /--scale-by: is for tables, and the model is for text\n→ /],
    [
      of('gru', '--data', houses, '--seed', '3'),
      /--seed: draws characters, and none are asked for\n→ Add --characters/,
    ],
    [of('gru', '--data', houses), /houses\.csv:line 1, column 1: a character is not in the alphabet/],
    [of('gru', '--data', file('empty.txt', '')), /empty\.txt: is empty\n→ /],
    [
      of('brightest', '--data', file('none.idx', idx.slice().fill(0, 4, 8).subarray(0, 16))),
      /none\.idx: holds no image/,
    ],
  ] as const) {
    assert.deepEqual([status, stdout], [2, ''], stderr);
    assert.match(stderr, what);
  }
});

test('with --output everything goes to the file', () => {
  const output = join(folder, 'out.json');
  const args = ['--model', join(folder, 'linear.safetensors'), '--data', houses];
  assert.equal(predict(...args, '--json', '--output', output), '');
  assert.equal(JSON.parse(readFileSync(output, 'utf8')).predictions.length, 2);
});
