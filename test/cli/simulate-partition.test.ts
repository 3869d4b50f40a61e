import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { parsePartition, partitionText } from '../../src/cli/partition-option.ts';
import { simulatedData } from '../../src/cli/simulate-data.ts';
import { readTaskFile } from '../../src/cli/task-file.ts';
import { generateClinics } from '../../src/core/data/clinics.ts';
import { UserError } from '../../src/core/protocol/problem.ts';

const root = join(import.meta.dirname, '..', '..');
const example = (name: string): string => join(root, 'examples', `${name}.task.yaml`);
const { PARLEY_DATA_DIR } = process.env;
const skip = PARLEY_DATA_DIR === undefined ? 'needs PARLEY_DATA_DIR' : false;

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'parley-partition-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

function simulate(...args: string[]) {
  const { PARLEY_DATA_DIR: _data, ...env } = process.env;
  const command = [join(root, 'src', 'cli', 'main.ts'), 'simulate', ...args];
  return spawnSync(process.execPath, command, { encoding: 'utf8', env });
}

/** A task of an example with some lines replaced. */
function taskOf(t: TestContext, name: string, changes: readonly (readonly [RegExp, string])[]): string {
  let text = readFileSync(example(name), 'utf8');
  for (const [line, other] of changes) {
    assert.match(text, line);
    text = text.replace(line, other);
  }
  const path = join(folder(t), `${name}.task.yaml`);
  writeFileSync(path, text);
  return path;
}

const small = [
  [/^rounds: .*$/m, 'rounds: 2'],
  [/^cohort: .*$/m, 'cohort: { minimum: 3 }'],
] as const;

function idx(shape: readonly number[], values: Uint8Array): Buffer {
  const head = Buffer.alloc(4 + 4 * shape.length);
  head.set([0, 0, 8, shape.length]);
  shape.forEach((size, i) => void head.writeUInt32BE(size, 4 + 4 * i));
  return Buffer.concat([head, values]);
}

/** So many "digits" of three writers, the label painted into the first rows of the image. */
function digits(t: TestContext, count: number): string {
  const dir = folder(t);
  const put = (side: string, many: number) => {
    const labels = Uint8Array.from({ length: many }, (_, i) => i % 10);
    const images = new Uint8Array(many * 784);
    labels.forEach((label, i) => void images.fill(255, i * 784 + label * 28, i * 784 + label * 28 + 28));
    writeFileSync(join(dir, `${side}-images-idx3-ubyte`), idx([many, 28, 28], images));
    writeFileSync(join(dir, `${side}-labels-idx1-ubyte.gz`), gzipSync(idx([many], labels)));
  };
  put('train', count);
  put('t10k', 60);
  const lines = Array.from({ length: count }, (_, i) => `${i % 10}\t0\t${[7, 7, 40, 900][i % 4]}\t0\t0\t${i}\t0\t0\n`);
  writeFileSync(join(dir, 'qmnist-train-labels.tsv.gz'), gzipSync(lines.join('')));
  return dir;
}

test('the forms of --partition are read, others are refused', () => {
  for (const text of ['natural', 'iid', 'dirichlet:0.5', 'labels:2', 'column:ward', 'writer', 'role', 'role:2000']) {
    assert.equal(partitionText(parsePartition(text)), text);
  }
  assert.deepEqual(parsePartition('column:a:b'), { kind: 'column', column: 'a:b' });
  for (const text of [
    '',
    'random',
    'iid:3',
    'dirichlet',
    'dirichlet:0',
    'dirichlet:-1',
    'dirichlet:x',
    'dirichlet: ',
  ]) {
    assert.throws(() => parsePartition(text), /expected one of natural, iid/);
  }
  for (const text of [
    'labels',
    'labels:0',
    'labels:1.5',
    'column',
    'column:',
    'role:x',
    'writer:3',
    'dirichlet:1e999',
  ]) {
    assert.throws(() => parsePartition(text), /expected one of/);
  }
});

test('images are dealt by writer, by class and at random, and a simulation trains on them; the seed decides', t => {
  const data = digits(t, 240);
  const task = taskOf(t, 'mnist', small);
  const run = (...args: string[]) => {
    const { stdout, stderr, status } = simulate(task, '--data', data, ...args, '--json');
    assert.equal(status, 0, stderr);
    const { seconds: _, ...document } = JSON.parse(stdout);
    return document;
  };
  const byWriter = run('--partition', 'writer');
  assert.deepEqual(
    byWriter.clients.map((client: { name: string }) => client.name),
    ['writer-40', 'writer-7', 'writer-900'],
  );
  assert.match(byWriter.dataSource.label, /^1 image set of .*, dealt by writer$/);
  assert.deepEqual(run('--partition', 'writer'), byWriter);
  const sorted = run('--partition', 'labels:1', '--clients', '4');
  assert.equal(sorted.clients.length, 4);
  const iid = run('--partition', 'iid', '--clients', '4');
  assert.notEqual(iid.model, sorted.model);
  assert.notEqual(run('--partition', 'iid', '--clients', '4', '--seed', '1').model, iid.model);
});

test('a folder of image sets, or of texts, is one client each', async t => {
  const dir = folder(t);
  for (const name of ['anne', 'bob', 'cy']) {
    writeFileSync(join(dir, `${name}.txt`), `${name} said: well, well. `.repeat(20));
  }
  const task = taskOf(t, 'shakespeare', [...small, [/^ {2}window: .*$/m, '  window: 10']]);
  const { stdout, stderr, status } = simulate(task, '--data', dir, '--json');
  assert.equal(status, 0, stderr);
  const found = JSON.parse(stdout);
  assert.deepEqual(
    found.clients.map((client: { name: string }) => client.name),
    ['anne', 'bob', 'cy'],
  );
  assert.match(found.dataSource.label, /^3 texts of /);
});

test('a table is dealt by the values of a column, each client with its own split', async t => {
  const dir = folder(t);
  for (const { file, text } of generateClinics(9)) writeFileSync(join(dir, file), text);
  const task = readTaskFile(example('heart'));
  const choice = { folder: dir, generated: false, clients: undefined, seed: 0 };
  const bySex = await simulatedData(task, { ...choice, partition: parsePartition('column:sex') });
  assert.deepEqual(
    bySex.sites.map(({ name }) => name),
    ['1', '0'],
  );
  const sex = task.data.format === 'csv' ? bySex.sites[0].data.featureNames.indexOf('sex') : -1;
  for (const { name, data } of bySex.sites) {
    const { features, width, rows } = data.train;
    assert.ok(rows > 0 && data.test.rows > 0 && features instanceof Float32Array);
    for (let row = 0; row < rows; row++) assert.equal(features[row * width + sex], 2 * (Number(name) - 0.5));
  }
  const natural = await simulatedData(task, { ...choice, partition: { kind: 'natural' } });
  const rowsOf = (sites: typeof natural.sites) =>
    sites.reduce((sum, { data }) => sum + data.train.rows + data.test.rows, 0);
  assert.equal(rowsOf(bySex.sites), rowsOf(natural.sites));
});

test('what a partition cannot divide is refused with exit code 2 and a remedy', t => {
  const images = digits(t, 40);
  const lone = folder(t);
  mkdirSync(join(lone, 'empty'));
  for (const [args, message] of [
    [[example('mnist'), '--data', images, '--partition', 'role'], /role does not divide images/],
    [[example('mnist'), '--data', images, '--partition', 'column:x'], /column does not divide images/],
    [[example('mnist'), '--data', images, '--partition', 'iid'], /iid needs a number of clients/],
    [[example('mnist'), '--data', images, '--partition', 'iid', '--clients', '50'], /has 40 rows, fewer than the 50/],
    [[example('mnist'), '--data', images, '--partition', 'some'], /expected one of natural/],
    [[example('mnist'), '--data', lone], /holds no images/],
    [[example('mnist')], /works on tables/],
    [[example('shakespeare'), '--data', lone, '--partition', 'role'], /holds no \*\.txt file/],
    [[example('heart'), '--generated', '--partition', 'iid'], /needs data/],
  ] as const) {
    const { stdout, stderr, status } = simulate(...args);
    assert.equal(status, 2, `${args.join(' ')}: ${stderr}`);
    assert.equal(stdout, '');
    assert.match(stderr, message);
    assert.match(stderr, /→/);
  }
});

test('every example is a valid task', () => {
  const files = readdirSync(join(root, 'examples')).filter(name => name.endsWith('.task.yaml'));
  assert.ok(files.length >= 4);
  for (const file of files) assert.equal(`${readTaskFile(join(root, 'examples', file)).name}.task.yaml`, file);
});

test('the example tasks fit the data they name: 100 × 600 digits, 100 writers, 105 roles', { skip }, async () => {
  const deal = async (name: string, dir: string, how: string, clients: number) => {
    const choice = { generated: false, partition: parsePartition(how), clients, seed: 0 };
    const data = await simulatedData(readTaskFile(example(name)), {
      ...choice,
      folder: join(PARLEY_DATA_DIR ?? '', dir),
    });
    return data.sites.map(site => [site.data.train.rows, site.data.test.rows]);
  };
  for (const how of ['iid', 'labels:2']) {
    for (const rows of await deal('mnist', 'mnist', how, 100)) assert.deepEqual(rows, [600, 100]);
  }
  const writers = await deal('mnist-writers', 'mnist', 'writer', 100);
  assert.equal(writers.length, 100);
  for (const [train, tests] of writers) assert.ok(train >= 125 && train <= 131 && tests === 100);
  const roles = await deal('shakespeare', 'shakespeare', 'role', 105);
  assert.equal(roles.length, 105);
  for (const [train, tests] of roles) assert.ok(train >= 18 && tests >= 4);
  await assert.rejects(deal('mnist-writers', 'mnist', 'writer', 540), UserError);
});
