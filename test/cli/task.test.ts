import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

const root = join(import.meta.dirname, '..', '..');
const example = readFileSync(join(root, 'examples', 'heart.task.yaml'), 'utf8');
const scratch = mkdtempSync(join(tmpdir(), 'parley-task-'));
after(() => rmSync(scratch, { recursive: true }));

function check(text: string, ...flags: string[]) {
  const file = join(scratch, 'my.task.yaml');
  writeFileSync(file, text);
  const main = join(root, 'src', 'cli', 'main.ts');
  return { file, ...spawnSync(process.execPath, [main, 'task', 'check', file, ...flags], { encoding: 'utf8' }) };
}

const wrong = example.replace(/^rounds: .*$/m, 'rounds: 0').replace(/^privacy: .*$/m, 'privacy: {epsilon: 3}');

test('task check prints one line per error with file, place and remedy, and does not send the user to itself', () => {
  const { file, status, stdout, stderr } = check(wrong);
  assert.deepEqual([status, stdout], [2, '']);
  assert.equal(
    stderr,
    `parley: ${file}: rounds: is 0; use a whole number ≥ 1 and ≤ 1000000\n` +
      `parley: ${file}: privacy: "privacy" with settings is not built in this version; use "none"\n` +
      '→ Correct these places, then give the same command again.\n',
  );
});

test('task check --json gives path, message and remedy of each error, and the file beside them', () => {
  const { file, status, stdout, stderr } = check(wrong, '--json');
  assert.deepEqual([status, stderr], [2, '']);
  assert.deepEqual(JSON.parse(stdout), {
    valid: false,
    file,
    errors: [
      { path: 'rounds', message: 'is 0', remedy: 'use a whole number ≥ 1 and ≤ 1000000' },
      { path: 'privacy', message: '"privacy" with settings is not built in this version', remedy: 'use "none"' },
    ],
  });
});

test('an empty task file is said to be empty, with a file to copy', () => {
  for (const text of ['', '\n\n', '# nothing yet\n']) {
    const { file, status, stderr } = check(text);
    assert.equal(status, 2);
    assert.ok(stderr.startsWith(`parley: ${file}: is empty; copy examples/heart.task.yaml\n→ `), stderr);
  }
});

test('task check says what a row is, what is predicted and by which loss', () => {
  const said = (name: string): string => check(readFileSync(join(root, 'examples', name), 'utf8')).stdout;
  assert.match(said('heart.task.yaml'), / {2}features {4}13: age.*\n {2}predicts {4}one of 2 classes; loss: binary\n/);
  assert.match(
    said('mnist.task.yaml'),
    / {2}row {9}an image of 28 × 28 pixels, 1 channel\n {2}predicts {4}one of 10 classes; loss: cross-entropy\n/,
  );
  assert.match(
    said('shakespeare.task.yaml'),
    / {2}row {9}80 characters, each one of 65\n {2}predicts {4}the next character, at every step; loss: cross-entropy\n/,
  );
});
