import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { parse, stringify } from 'yaml';
import { streamOf } from '../../src/simulation/stream.ts';

const root = join(import.meta.dirname, '..', '..');
const folder = mkdtempSync(join(tmpdir(), 'parley-threads-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const stream = streamOf(1, 'text');
for (const site of ['north', 'south', 'west']) {
  const text = Array.from({ length: 1200 }, () => 'ab c'[stream.below(4)]).join('');
  writeFileSync(join(folder, `${site}.txt`), text);
}
const example = parse(readFileSync(join(root, 'examples', 'shakespeare.task.yaml'), 'utf8'));
const task = join(folder, 'task.yaml');
writeFileSync(
  task,
  stringify({
    ...example,
    data: { ...example.data, alphabet: 'abc ', window: 4 },
    model: { name: 'lstm', hidden: 6, embedding: 3 },
    // Four parts of at most 32 rows.
    training: { ...example.training, batchSize: 100 },
    rounds: 2,
    cohort: { fraction: 1, minimum: 3 },
    evaluation: { everyRounds: 1, aloneBaseline: true },
  }),
);

function parley(...args: string[]) {
  const main = join(root, 'src', 'cli', 'main.ts');
  return spawnSync(process.execPath, [main, ...args], { encoding: 'utf8', timeout: 60_000, cwd: folder });
}

function simulated(...args: string[]) {
  const { stdout, stderr, status } = parley('simulate', task, '--data', folder, '--json', ...args);
  assert.equal(status, 0, stderr);
  const { seconds: _seconds, ...document } = JSON.parse(stdout);
  return { document, stderr };
}

test('a simulation is the same with one thread and with three, its baselines and losses of messages too', () => {
  const one = simulated('--threads', '1', '--drop', '0.05');
  const three = simulated('--threads', '3', '--drop', '0.05');
  assert.match(one.document.model, /^[0-9a-f]{64}$/);
  assert.deepEqual(three.document, one.document);
});

test('the baselines tell that they train, and --no-pooled leaves one out', () => {
  const [whole, without] = [simulated(), simulated('--no-pooled')];
  for (const { stderr } of [whole, without]) assert.match(stderr, /^alone baseline: each client trains by itself/m);
  assert.match(whole.stderr, /^pooled baseline: training on the rows of all clients in one place/m);
  assert.doesNotMatch(without.stderr, /pooled/);
  const { pooled, ...rest } = without.document;
  assert.deepEqual([pooled.baselines.pooledTraining, pooled.baselines.pooledTrainingAuc], [null, null]);
  assert.ok(whole.document.pooled.baselines.pooledTraining > 0);
  const { pooled: _pooled, ...others } = whole.document;
  assert.deepEqual(rest, others);
  const { stdout } = parley('simulate', task, '--data', folder, '--no-pooled');
  assert.match(stdout, /all test rows/);
  assert.doesNotMatch(stdout, /pooled/);
});

test('a number of threads that is none is refused by name', () => {
  const simulation = ['simulate', task];
  const client = ['client', '--data', task];
  for (const [command, threads] of [
    [simulation, '0'],
    [simulation, '1.5'],
    [simulation, '257'],
    [client, 'all'],
  ] as const) {
    const { status, stdout, stderr } = parley(...command, '--threads', threads);
    assert.deepEqual([status, stdout], [2, ''], stderr);
    assert.match(stderr, /--threads <n>.*expected a whole number from 1 to 256/);
  }
});
