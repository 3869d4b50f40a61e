import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, type TestContext, test } from 'node:test';
import { decodeSafetensors } from '../../src/core/bytes/safetensors.ts';
import { generateClinics } from '../../src/core/data/clinics.ts';

const root = join(import.meta.dirname, '..', '..');
const example = join(root, 'examples', 'heart.task.yaml');
const made = mkdtempSync(join(tmpdir(), 'parley-simulated-'));
after(() => rmSync(made, { recursive: true, force: true }));
/** The example where the coordinator sees single updates, of all four clinics. */
const task = join(made, 'inspected.task.yaml');
writeFileSync(
  task,
  readFileSync(example, 'utf8')
    .replace(/^protection:.*\n(?: {2}.*\n)+/m, 'protection: inspect\n')
    .replace('minimum: 3', 'minimum: 4'),
);

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'parley-simulate-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** Four generated clinics on disk. */
function clinics(t: TestContext): string {
  const dir = folder(t);
  for (const { file, text } of generateClinics(9)) writeFileSync(join(dir, file), text);
  return dir;
}

function simulate(...args: string[]) {
  const { PARLEY_DATA_DIR: _data, ...env } = process.env;
  return spawnSync(process.execPath, [join(root, 'src', 'cli', 'main.ts'), 'simulate', ...args], {
    encoding: 'utf8',
    env,
  });
}

function result(...args: string[]) {
  const { stdout, stderr, status } = simulate(...args, '--json');
  assert.equal(status, 0, stderr);
  const { seconds, ...document } = JSON.parse(stdout);
  assert.equal(typeof seconds, 'number');
  return document;
}

const faults = [
  { do: 'crash', at: { party: 'coordinator', step: 'round-combined', count: 3 }, ms: 2000 },
  { do: 'crash', at: { party: 'clinic-east', step: 'outbox-stored', count: 5 }, ms: 90_000 },
  { do: 'drop', at: { party: 'clinic-west', message: 'update', part: 'response', count: 2 } },
  { do: 'corrupt', at: { party: 'clinic-north', message: 'model', part: 'response', count: 7 }, share: 0.5 },
];

test('the same seed gives the same document, with losses and faults too; faults that clients survive do not change the model', t => {
  const data = clinics(t);
  const list = join(folder(t), 'faults.json');
  writeFileSync(list, JSON.stringify(faults));
  const calm = result(task, '--data', data, '--seed', '3');
  const stormy = result(task, '--data', data, '--seed', '3', '--faults', list);
  assert.deepEqual(result(task, '--data', data, '--seed', '3', '--faults', list), stormy);
  assert.deepEqual(stormy.faults, faults);
  assert.equal(stormy.model, calm.model);
  assert.ok(stormy.virtualSeconds > calm.virtualSeconds);
  const lossy = result(task, '--data', data, '--seed', '3', '--drop', '0.1');
  assert.deepEqual(result(task, '--data', data, '--seed', '3', '--drop', '0.1'), lossy);
  assert.ok(lossy.virtualSeconds > calm.virtualSeconds);
});

test('--output saves the model of the run, the same bytes each time, and it predicts', t => {
  const data = clinics(t);
  const [one, two] = ['one', 'two'].map(name => join(folder(t), name));
  for (const path of [one, two])
    assert.equal(result(task, '--data', data, '--no-pooled', '--output', path).output, path);
  assert.deepEqual(readFileSync(one), readFileSync(two));
  const table = join(data, generateClinics(9)[0].file);
  const main = join(root, 'src', 'cli', 'main.ts');
  const found = spawnSync(process.execPath, [main, 'predict', '--model', one, '--data', table], { encoding: 'utf8' });
  assert.equal(found.status, 0, found.stderr);
  assert.match(found.stdout, /^row,prediction,p_/);
});

test('the document tells rounds, quality of every client and over all, and the honest lines beside them', t => {
  const found = result(task, '--data', clinics(t));
  assert.ok(found.rounds.length > 1);
  assert.deepEqual(found.rounds.at(-1).combined, ['clinic-east', 'clinic-north', 'clinic-south', 'clinic-west']);
  assert.deepEqual([found.dropOuts, found.refusals], [0, []]);
  assert.equal(found.clients.length, 4);
  for (const { accuracy, baselines } of found.clients) {
    for (const share of [accuracy, baselines.majority, baselines.alone.accuracy]) assert.ok(share >= 0 && share <= 1);
  }
  assert.ok(found.pooled.accuracy > found.pooled.baselines.majority);
  assert.ok(found.pooled.baselines.pooledTraining > found.pooled.baselines.majority);
  assert.ok(found.pooled.auc > 0.7);
  assert.match(found.model, /^[0-9a-f]{64}$/);
});

test('the tables are dealt to as many clients as are asked for; without data they are invented, and called so', t => {
  const dealt = result(task, '--data', clinics(t), '--clients', '9');
  assert.equal(dealt.clients.length, 9);
  assert.equal(dealt.dataSource.generated, false);
  const invented = result(task, '--generated', '--clients', '5', '--seed', '2');
  assert.equal(invented.clients.length, 5);
  assert.equal(invented.dataSource.generated, true);
  assert.match(invented.dataSource.label, /not real/);
});

test('a round that a client declines again and again ends the simulation, which says why and what to do', t => {
  const diverging = join(folder(t), 'diverging.task.yaml');
  writeFileSync(diverging, readFileSync(task, 'utf8').replace('learningRate: 0.05', 'learningRate: 1.0e+38'));
  const { stdout, stderr, status } = simulate(diverging, '--generated', '--clients', '4');
  assert.equal(status, 2, stderr);
  assert.equal(stdout, '');
  assert.match(stderr, /^site-\d: local training diverged; try a smaller training\.optimizer\.learningRate$/m);
  assert.match(
    stderr,
    /^parley: .*round 1 .*site-\d declined it 5 times: local training diverged.*\n→ Correct the task/m,
  );
  assert.ok(stderr.split('\n').length < 50, stderr);
});

test('where training in one place or alone diverges, the result of the federation is told without it', t => {
  const text = [
    ['{ type: above, value: 0 }', '{ type: number }'],
    ['name: logistic', 'name: linear'],
    ['learningRate: 0.05', 'learningRate: 0.3'],
    ['{ unit: steps, count: 50 }', '{ unit: epochs, count: 6 }'],
    ['rounds: 30', 'rounds: 8'],
    // In the federation the bound on updates holds clients back; nothing does in one place or alone.
    ['clipNorm: 10 ', 'clipNorm: 0.1 '],
    ['pooledAucBins: 1000', 'pooledAucBins: null'],
  ].reduce((task, [from, to]) => task.replace(from, to), readFileSync(task, 'utf8'));
  const path = join(folder(t), 'unsteady.task.yaml');
  writeFileSync(path, text);
  const { stdout, stderr, status } = simulate(path, '--generated', '--json');
  assert.equal(status, 0, stderr);
  assert.match(stderr, /^pooled baseline: training diverged, so there is none/m);
  const { pooled, clients, refusals } = JSON.parse(stdout);
  assert.ok(pooled.rmse > 0);
  assert.equal(pooled.baselines.pooledTrainingRmse, null);
  assert.deepEqual([clients.length, refusals], [4, []], 'every client has evaluated the model');
  const without = clients.filter((client: { baselines: { alone: unknown } }) => client.baselines.alone === null);
  assert.ok(without.length > 0);
  for (const { name } of without) assert.match(stderr, new RegExp(`^${name}: training alone diverged`, 'm'));
});

test('what cannot be simulated is refused by name, with exit code 2 and a remedy', t => {
  const dir = folder(t);
  const file = (name: string, text: string): string => {
    const path = join(dir, name);
    writeFileSync(path, text);
    return path;
  };
  const stranger = [{ do: 'crash', at: { party: 'clinic-mars', step: 'trained', count: 1 }, ms: 1 }];
  for (const [args, message] of [
    [['--clients', '2', '--generated'], /needs 4 clients, there are 2/],
    [['--clients', 'many'], /expected a whole number/],
    [['--drop', '1'], /expected a number from 0 to below 1/],
    [['--data', dir, '--generated'], /exclude each other/],
    [['--data', join(dir, 'nowhere')], /ENOENT/],
    [['--faults', join(dir, 'none.json')], /cannot be read/],
    [['--faults', file('text.json', 'x')], /is not JSON/],
    [['--faults', file('bad.json', '[{"do":"explode"}]')], /bad\.json: 0\.do/],
    [['--generated', '--faults', file('stranger.json', JSON.stringify(stranger))], /no party "clinic-mars"/],
    [['--data', clinics(t), '--clients', '400'], /too few rows/],
  ] as const) {
    const { stdout, stderr, status } = simulate(task, ...args);
    assert.equal(status, 2, `${args.join(' ')}: ${stderr}`);
    assert.equal(stdout, '');
    assert.match(stderr, message);
    assert.match(stderr, /→/);
  }
});

test('a budget ends a simulated run before it is exceeded; one that allows no round leaves nothing, says what to do, and exits with 1', t => {
  const text = readFileSync(join(root, 'examples', 'heart-private.task.yaml'), 'utf8');
  const dir = folder(t);
  const [small, none] = ['1', '0.2'].map(epsilon => {
    const path = join(dir, `${epsilon}.task.yaml`);
    writeFileSync(path, text.replace('budget: { epsilon: 3 }', `budget: { epsilon: ${epsilon} }`));
    return path;
  });
  const made = ['--generated', '--clients', '4', '--no-pooled'];
  const { stdout, status } = simulate(small, ...made);
  assert.equal(status, 0);
  assert.match(stdout, /^privacy budget spent after round \d of 25: the run stopped before the release/m);
  const output = join(dir, 'model.safetensors');
  const empty = simulate(none, ...made, '--output', output);
  assert.deepEqual([empty.status, empty.stdout], [1, 'No round was finished: there is no model.\n']);
  assert.match(empty.stderr, /^round 1: site-1 declined: budget: the privacy ledger of the site does not allow/m);
  assert.match(empty.stderr, /does not allow a single round, so nothing was released\n→ .*parley privacy plan TASK/);
  assert.throws(() => readFileSync(output), { code: 'ENOENT' });
});

test('under groups the quality over all test rows is told, and nothing of a single clinic', t => {
  const short = join(folder(t), 'short.task.yaml');
  writeFileSync(short, readFileSync(example, 'utf8').replace('rounds: 30', 'rounds: 3'));
  const data = clinics(t);
  const found = result(short, '--data', data, '--no-pooled');
  assert.deepEqual([found.clients, found.meanAccuracy], [[], null]);
  assert.deepEqual(
    found.groups.map(({ name, sites }: { name: string; sites: number }) => [name, sites]),
    [['group-1', 4]],
  );
  assert.deepEqual(
    found.rounds.map(({ combined, groups }: { combined: string[]; groups: { survivors: string[] }[] }) => [
      combined,
      groups.map(({ survivors }) => survivors.length),
    ]),
    Array(3).fill([['group-1'], [4]]),
  );
  assert.ok(found.pooled.accuracy > 0 && found.pooled.auc > 0);
  const { stdout, status } = simulate(short, '--data', data, '--no-pooled');
  assert.equal(status, 0);
  assert.match(stdout, /^groups: 3 sums opened, of 4 updates each$/m);
  assert.match(stdout, /^all test rows +\d+ +0\.\d{3}/m);
  assert.doesNotMatch(stdout, /clinic-east|mean of clients/);
});

test('the model under groups is that of the same run without them, within a step of its fixed point', t => {
  const dir = folder(t);
  const data = clinics(t);
  // All rows at once: minibatches would be others, for they follow from the hash of the task.
  const text = ['batchSize: 32', 'rounds: 30'].reduce(
    (changed, from) => changed.replace(from, from === 'rounds: 30' ? 'rounds: 3' : 'batchSize: 100000'),
    readFileSync(example, 'utf8'),
  );
  const parameters = [text, text.replace(/^protection:.*\n(?: {2}.*\n)+/m, 'protection: inspect\n')].map((one, i) => {
    const [file, output] = [join(dir, `${i}.task.yaml`), join(dir, `${i}.safetensors`)];
    writeFileSync(file, one);
    result(file, '--data', data, '--no-pooled', '--output', output);
    return decodeSafetensors(readFileSync(output)).parameters;
  });
  const [grouped, seen] = parameters;
  assert.ok(grouped.some(value => value !== 0));
  grouped.forEach((value, i) => {
    assert.ok(Math.abs(value - seen[i]) <= 1e-6, `parameter ${i}: ${value - seen[i]}`);
  });
});
