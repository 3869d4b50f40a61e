import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { parse, stringify } from 'yaml';
import { readTaskFile } from '../../src/cli/task-file.ts';
import { generateClinics } from '../../src/core/data/clinics.ts';
import { heartSchema } from '../../src/core/data/heart.ts';
import { onlyTable } from '../../src/core/data/only-table.ts';

const root = join(import.meta.dirname, '..', '..');
const task = join(root, 'examples', 'heart.task.yaml');

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'parley-data-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

function parley(cache: string, ...args: string[]) {
  const env = { ...process.env, XDG_CACHE_HOME: cache, LOCALAPPDATA: cache };
  return spawnSync(process.execPath, [join(root, 'src', 'cli', 'main.ts'), 'data', ...args], { encoding: 'utf8', env });
}

test('the example task declares the heart data as the loader knows them, but for public scaling', () => {
  const data = onlyTable(readTaskFile(task).data, task, '');
  const columns = data.columns.map(column => (column.type === 'number' ? { ...column, center: 0, spread: 1 } : column));
  assert.deepEqual({ ...data, columns, standardise: 'local' }, heartSchema);
});

test('a table that fits a task is described on stdout', t => {
  const dir = folder(t);
  const { file, text } = generateClinics(9)[0];
  writeFileSync(join(dir, file), text);
  const { stdout, status } = parley(dir, 'check', join(dir, file), '--task', task, '--json');
  assert.equal(status, 0);
  const found = JSON.parse(stdout);
  assert.deepEqual([found.valid, found.errorCount, found.featureNames.length], [true, 0, 13]);
  assert.equal(found.rows + found.droppedRows, 180);
  assert.equal(found.classCounts[0] + found.classCounts[1], found.rows);
  assert.equal(found.trainRows + found.testRows, found.rows);
});

test('a table whose rows fit but are too few to be split does not fit', t => {
  const dir = folder(t);
  const path = join(dir, 'few.csv');
  writeFileSync(path, '63,1,1,145,233,1,2,150,0,2.3,3,0,6,0\n');
  const { stdout, stderr, status } = parley(dir, 'check', path, '--task', task);
  assert.deepEqual([status, stdout], [2, '']);
  assert.match(stderr, /few\.csv: has 1 complete row; split at 0\.66, one side would be empty\n→ /);
});

test('of numbers to predict the range and the mean are told in the units of the column', t => {
  const dir = folder(t);
  const path = join(dir, 'site.csv');
  writeFileSync(path, '1,20\n2,30\n3,40\n4,90\n');
  const definition = parse(readFileSync(task, 'utf8'));
  const numbers = join(dir, 'task.yaml');
  writeFileSync(
    numbers,
    stringify({
      ...definition,
      data: {
        ...definition.data,
        columns: [
          { name: 'x', type: 'number' },
          { name: 'y', type: 'target' },
        ],
        target: { type: 'number', center: 50, spread: 20 },
      },
      model: { name: 'linear' },
      evaluation: { everyRounds: 1 },
    }),
  );
  const { stdout, stderr } = parley(dir, 'check', path, '--task', numbers);
  assert.match(stdout, / {2}rows {6}2 to train on, 2 to test on\n.*\n {2}target {4}from 20 to 90, mean 45\n/, stderr);
  const found = JSON.parse(parley(dir, 'check', path, '--task', numbers, '--json').stdout);
  assert.deepEqual(found.targetRange, { least: 20, greatest: 90, mean: 45 });
});

test('with --json a text that does not fit is one document on stdout, as one that fits', t => {
  const dir = folder(t);
  const path = join(dir, 'site.txt');
  const shakespeare = join(root, 'examples', 'shakespeare.task.yaml');
  const check = () => parley(dir, 'check', path, '--task', shakespeare, '--json');
  writeFileSync(path, 'To be, or not to be. '.repeat(50));
  assert.deepEqual(JSON.parse(check().stdout), { file: path, valid: true, trainRows: 10, testRows: 2 });
  writeFileSync(path, 'To be, or\nnot to be #');
  const { stdout, stderr, status } = check();
  assert.deepEqual([status, stderr], [2, '']);
  const { valid, errors, errorCount } = JSON.parse(stdout);
  assert.deepEqual([valid, errorCount], [false, 1]);
  assert.equal(errors[0].what, `${path}:line 2, column 11: a character is not in the alphabet of the task`);
});

test('a table that does not fit is refused with every error, the first twenty in full', t => {
  const path = join(folder(t), 'site.csv');
  writeFileSync(path, '63,1,9,145,233,1,2,150,0,2.3,3,0,6,0\n'.repeat(30));
  const { stdout, stderr, status } = parley(path, 'check', path, '--task', task);
  assert.equal(status, 2);
  assert.equal(stdout, '');
  const lines = stderr.trim().split('\n');
  assert.equal(lines[0], `${path}:row 1, column "cp": expected one of 1, 2, 3, 4`);
  assert.equal(lines.length, 41);
  assert.equal(lines[40], '30 errors, the first 20 shown');
});

test('the list says that an empty cache lacks the files, and how to get them', t => {
  const cache = folder(t);
  const { stdout } = parley(cache, 'list');
  assert.match(stdout, /To get them: npm run -s parley -- data get heart/);
  const [heart] = JSON.parse(parley(cache, 'list', '--json').stdout);
  assert.deepEqual(
    heart.files.map((file: { isCached: boolean }) => file.isCached),
    [false, false, false, false],
  );
});

test('a download over plain http from elsewhere is refused with exit code 2', t => {
  const { stderr, status } = parley(folder(t), 'get', 'heart', '--url', 'http://example.org/heart');
  assert.equal(status, 2);
  assert.match(stderr, /is not an https address\n→ Use https\./);
});
