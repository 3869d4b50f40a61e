import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { parseDocument } from 'yaml';
import { sitesInMean } from '../../src/cli/gather-moments.ts';
import { standardisedPath } from '../../src/cli/standardise.ts';
import { documentText, dropStandardise, setConstants } from '../../src/cli/task-constants.ts';
import { readTaskFile } from '../../src/cli/task-file.ts';
import { encodeSafetensors } from '../../src/core/bytes/safetensors.ts';
import type { ColumnScaling } from '../../src/core/data/moments.ts';
import { taskManifest, taskParameters } from '../../src/core/learning/model.ts';
import { statisticsTask } from '../../src/core/protocol/statistics-task.ts';

const main = join(import.meta.dirname, '..', '..', 'src', 'cli', 'main.ts');
const scratch = mkdtempSync(join(tmpdir(), 'parley-standardise-'));
after(() => rmSync(scratch, { recursive: true }));

/** Block and flow columns, comments everywhere, a number in another spelling, and the setting that is none of a task. */
const text = `# who asks for what
parley: 1
name: wards # as in the contract
seed: 3

data:
  format: csv
  header: true
  onMissing: refuse
  columns:
    # years
    - { name: age, type: number }
    - name: dose # of the first day
      type: number
      center: 5e1 # a guess
      spread: 20.00
    - { name: ward, type: category, levels: [north, south] }
    - { name: same, type: number, spread: 7 }
    - { name: set, type: ignore }
    - { name: ill, type: target } # last
  target: { type: above, value: 0 }
  standardise: federated # by all of us
  split: { type: column, column: set, test: [t] }

model: { name: logistic }
training: { optimizer: { name: sgd, learningRate: 0.1 }, batchSize: 4, amount: { unit: epochs, count: 1 } }
rounds: 5
cohort: { minimum: 2 }
server: { optimizer: fedavg }
aggregation: { rule: mean }
protection: inspect
privacy: none
`;
/** Training rows with ages 20, 30, 40, 50 and doses 10, 20, 30, 40; the test rows would shift them. */
const tables = {
  a: 'age,dose,ward,same,set,ill\n20,10,north,3,,1\n999,999,south,999,t,0\n30,20,south,3,,0\n',
  b: 'age,dose,ward,same,set,ill\n50,40,north,3,,1\n40,30,south,3,,0\n',
};

function folderWith(name: string, contents: Record<string, string>): string {
  const folder = join(scratch, name);
  mkdirSync(join(folder, 'tables'), { recursive: true });
  for (const [site, table] of Object.entries(contents)) writeFileSync(join(folder, 'tables', `${site}.csv`), table);
  writeFileSync(join(folder, 'wards.task.yaml'), text);
  return folder;
}

function standardise(folder: string, ...flags: string[]) {
  const args = [main, 'standardise', join(folder, 'wards.task.yaml'), '--data', join(folder, 'tables'), ...flags];
  return spawnSync(process.execPath, args, { encoding: 'utf8' });
}

test('the constants of all training rows stand in the new task, with every comment of the old one', () => {
  const folder = folderWith('whole', tables);
  const { status, stdout, stderr } = standardise(folder, '--json');
  assert.equal(status, 0, stderr);
  const result = JSON.parse(stdout);
  const deviation = Math.sqrt(500 / 3);
  assert.deepEqual([result.rows, result.sites, result.run], [4, ['a', 'b'], null]);
  assert.deepEqual(
    result.columns.map((c: ColumnScaling) => [c.name, c.doubt]),
    [
      ['age', null],
      ['dose', null],
      ['same', 'constant'],
    ],
  );
  const task = readTaskFile(result.output);
  const before = readTaskFile(writtenAs('plain.yaml', text.replace('standardise: federated', 'standardise: none')));
  assert.ok(task.data.format === 'csv' && before.data.format === 'csv');
  const expected = { age: [35, deviation], dose: [25, deviation], same: [3, 7] } as Record<string, number[]>;
  const numbers = task.data.columns.filter(column => column.type === 'number');
  for (const { name, center, spread } of numbers) {
    assert.ok(Math.abs(center - expected[name][0]) < 1e-5, `${name}: ${center}`);
    assert.ok(Math.abs(spread - expected[name][1]) < 1e-5, `${name}: ${spread}`);
  }
  assert.deepEqual({ ...task, data: null }, { ...before, data: null });
  assert.deepEqual({ ...task.data, columns: null }, { ...before.data, columns: null });
  const comments = (yaml: string) => yaml.match(/#.*/g);
  assert.deepEqual(comments(readFileSync(result.output, 'utf8')), comments(text));
});

test('the output for people names columns, constants, rows and sites, and what to doubt', () => {
  const { status, stdout } = standardise(folderWith('people', tables));
  assert.equal(status, 0);
  assert.match(stdout, /^age +35(?:\.0+)? +12\.91$/m);
  assert.match(stdout, /^same +3(?:\.0+)? +7(?:\.0+)? +constant: the spread is the declared one$/m);
  assert.match(stdout, /^4 training rows of 2 sites: a, b$/m);
  assert.match(stdout, /look at them, then train/);
});

test('the same constants may be written again, other ones over a file never', () => {
  const folder = folderWith('again', tables);
  assert.equal(standardise(folder).status, 0);
  assert.equal(standardise(folder).status, 0);
  const path = join(folder, 'wards.standardised.task.yaml');
  writeFileSync(path, 'mine\n');
  const { status, stderr } = standardise(folder);
  assert.equal(status, 2);
  assert.match(stderr, /is there already and holds something else\n→ Name another file with --output/);
  assert.equal(readFileSync(path, 'utf8'), 'mine\n');
  assert.equal(standardise(folder, '--output', join(folder, 'other.yaml')).status, 0);
  assert.match(standardise(folder, '--output', join(folder, 'none', 'x.yaml')).stderr, /cannot be written \(ENOENT\)/);
});

test('however the rows lie in tables, the written constants are the same bytes', () => {
  const written = (name: string, contents: Record<string, string>): string => {
    const folder = folderWith(name, contents);
    const { status, stderr } = standardise(folder);
    assert.equal(status, 0, stderr);
    return readFileSync(join(folder, 'wards.standardised.task.yaml'), 'utf8');
  };
  const [header, ...rows] = [...tables.a.trim().split('\n'), ...tables.b.trim().split('\n').slice(1)];
  const one = { all: `${[header, ...rows].join('\n')}\n` };
  const many = Object.fromEntries(
    rows.filter(row => !row.includes(',t,')).map((row, i) => [`s${9 - i}`, `${header}\n${row}\n`]),
  );
  const expected = written('two', tables);
  assert.equal(written('one', one), expected);
  assert.equal(written('many', many), expected);
});

test('fewer than two training rows have no deviation, and that is said with a remedy', () => {
  const { status, stderr } = standardise(folderWith('few', { a: tables.a.split('\n').slice(0, 2).join('\n') }));
  assert.equal(status, 2);
  assert.match(stderr, /wards-statistics: a standard deviation needs two rows, there are 1\n→ /);
});

test('a task that scales federated is told what to do instead', () => {
  const path = writtenAs('federated.task.yaml', text);
  const { status, stderr } = spawnSync(process.execPath, [main, 'task', 'check', path], { encoding: 'utf8' });
  assert.equal(status, 2);
  assert.match(stderr, /data\.standardise: .*; run parley standardise TASK/);
});

test('the help says that sites take part by their own choice, and what they tell', () => {
  const { stdout } = spawnSync(process.execPath, [main, 'standardise', '--help'], { encoding: 'utf8' });
  assert.match(stdout, /--accept must also name NAME-statistics/);
  assert.match(stdout, /number of training rows, and mean and variance of every number column/);
});

test('a new file stands beside the old one under a name of the same kind', () => {
  assert.equal(standardisedPath('x/heart.task.yaml'), 'x/heart.standardised.task.yaml');
  assert.equal(standardisedPath('heart.yml'), 'heart.standardised.yml');
  assert.equal(standardisedPath('heart'), 'heart.standardised.task.yaml');
});

test('a constant is written as the number it is, whatever the old one was spelt like', () => {
  for (const old of ['5e1', '0x10', '1_0', '50.000', '"50"', '.5']) {
    for (const value of [0.1, -1e-9, 123456.789, 1e21, 3]) {
      const document = parseDocument(`data:\n  columns:\n    - { name: a, type: number, center: ${old} } # kept\n`);
      setConstants(document, [{ name: 'a', center: value, spread: 2, doubt: null }]);
      const edited = documentText(document);
      const [column] = parseDocument(edited).toJS().data.columns;
      assert.deepEqual(column, { name: 'a', type: 'number', center: value, spread: 2 }, edited);
      assert.match(edited, /# kept/);
    }
  }
});

test('a word that data.standardise does not know is left for the check of the task', () => {
  for (const yaml of ['data: { standardise: batch }\n', 'data: 3\n', 'name: x\n', '']) {
    const document = parseDocument(yaml);
    dropStandardise(document);
    assert.deepEqual(document.toJS(), parseDocument(yaml).toJS());
  }
});

test('sums that parley run has saved are told from a model', () => {
  const statistics = statisticsTask(readTaskFile(writtenAs('plain.yaml', text.replace(': federated', ': none'))));
  const path = join(scratch, 'sums.safetensors');
  const parameters = taskParameters(statistics, new Uint8Array(32));
  const definition = JSON.stringify(statistics);
  writeFileSync(path, encodeSafetensors(taskManifest(statistics), parameters, { definition }));
  const table = writtenAs('table.csv', tables.a);
  const args = [main, 'predict', '--model', path, '--data', table];
  const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  assert.equal(status, 2);
  assert.match(stderr, /sums\.safetensors: holds sums, not a model that predicts\n→ /);
});

function writtenAs(name: string, yaml: string): string {
  const path = join(scratch, name);
  writeFileSync(path, yaml);
  return path;
}

test('a mean of groups is of all sites in their sums, and not of as many as there are groups', () => {
  const group = (members: string[], survivors: string[], outcome: 'opened' | 'void') => ({
    ...{ members, survivors, outcome },
    why: null,
    blamed: [],
  });
  const lost = { combined: [], groups: [group(['a', 'b', 'c', 'd'], [], 'void')] };
  const summed = { combined: ['group-1'], groups: [group(['d', 'b', 'a', 'c'], ['d', 'b', 'a'], 'opened')] };
  assert.deepEqual(sitesInMean([lost, summed]), ['a', 'b', 'd']);
  assert.deepEqual(sitesInMean([{ combined: ['a', 'b'], groups: null }]), ['a', 'b']);
});
