import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

const root = join(import.meta.dirname, '..', '..');
const example = readFileSync(join(root, 'examples', 'heart.task.yaml'), 'utf8');
/** The same where the coordinator sees single updates. */
const inspected = example.replace(/^protection:.*\n(?: {2}.*\n)+/m, 'protection: inspect\n');
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
      `parley: ${file}: privacy.mechanism: is missing; use one of: dp-sgd, dp-fedavg\n` +
      '→ Correct these places, then give the same command again.\n',
  );
});

test('a rule out of range names the setting that n is, one that sees no single client does not, and both where to find others', () => {
  const refusal = (aggregation: string) =>
    check(inspected.replace(/^aggregation: .*$/m, `aggregation: ${aggregation}`)).stderr;
  const advice = '→ Which rules hold for a cohort: parley rules advise --clients N --byzantine F\n';
  const few = refusal('{ rule: krum, byzantine: 1 }');
  assert.match(
    few,
    /aggregation\.byzantine: krum \(blanchard\) needs n ≥ 2f \+ 3 = 5, and there are 3 clients \(cohort\.minimum\); use 5/,
  );
  assert.ok(few.endsWith(advice), few);
  const mixed = refusal('{ rule: foolsgold, byzantine: 1, before: [{ name: nnm }] }');
  assert.match(mixed, /behind nnm there are only means of them; take nnm out/);
  assert.ok(mixed.endsWith(advice), mixed);
});

test('task check --json gives path, message and remedy of each error, and the file beside them', () => {
  const { file, status, stdout, stderr } = check(wrong, '--json');
  assert.deepEqual([status, stderr], [2, '']);
  assert.deepEqual(JSON.parse(stdout), {
    valid: false,
    file,
    errors: [
      { path: 'rounds', message: 'is 0', remedy: 'use a whole number ≥ 1 and ≤ 1000000' },
      { path: 'privacy.mechanism', message: 'is missing', remedy: 'use one of: dp-sgd, dp-fedavg' },
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

test('task check says how long a round is, who takes part, and what an update weighs', () => {
  const said = (text: string): string => check(text).stdout;
  const mnist = readFileSync(join(root, 'examples', 'mnist.task.yaml'), 'utf8');
  const [digits, heart] = [said(mnist), said(example)];
  assert.match(digits, / {2}model {7}mlp, 199210 parameters: 0\.8 MB to and from each client of a round\n/);
  assert.match(digits, / {2}training {4}sgd, learning rate 0\.1; minibatches of 10 rows; 5 epochs a round\n/);
  assert.match(
    heart,
    / {2}combining {3}mean, all alike, of updates clipped to L2 norm 10\n {2}liars {7}no client may be one: mean bears none\n/,
  );
  assert.match(digits, / {2}combining {3}mean by examples, of updates clipped to L2 norm 1000\n/);
  const robust = said(mnist.replace('{ rule: mean }', '{ rule: median, byzantine: 2, before: [{ name: nnm }] }'));
  assert.match(
    robust,
    / {2}combining {3}nnm, then median, of .*\n {2}liars {7}bears 2 malicious or faulty of 10 clients; a round waits while more/,
  );
  assert.match(digits, / {2}rounds {6}60, each with 10 % of the clients that are present, at least 10\n/);
  assert.match(heart, / {2}training .*; 50 steps a round\n {2}rounds {6}30, each with all clients that are present/);
  assert.match(heart, / {2}evaluation {2}.*every round and at the end; each client also trains alone\n/);
  const unnamed = said(mnist.replace('{ rule: mean }', '{ rule: trimmed-mean, before: [{ name: clip, norm: 2 }] }'));
  assert.match(
    unnamed,
    /combining {3}clip to 2, then trimmed-mean, .*\n {2}liars {7}none allowed for: aggregation.byzantine is 0/,
  );
  const trusting = said(
    mnist.replace('{ rule: mean }', '{ rule: fltrust, trusted: alice }').replace('fraction: 0.1', 'fraction: 1'),
  );
  assert.match(trusting, /combining {3}fltrust, which trusts alice, /);
});

test('task check of a statistics task says what is gathered, not what is trained', () => {
  const sums = inspected
    .replace(/^model: .*$/m, 'model: {name: moments}')
    .replace(/^rounds: .*$/m, 'rounds: 1')
    .replace(/clipNorm: 10 /, 'clipNorm: 1000000 ')
    .replace(/^ {2}pooledAucBins: .*$/m, '')
    .replace(/^ {2}aloneBaseline: .*$/m, '');
  const { status, stdout, stderr } = check(sums);
  assert.equal(status, 0, stderr);
  assert.match(stdout, / {2}gathers {5}sums over the training rows, \d+ numbers of each client\n/);
  assert.doesNotMatch(stdout, /training {4}|evaluation/);
});
