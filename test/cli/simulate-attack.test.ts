import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { parse, stringify } from 'yaml';
import { parseAttack } from '../../src/cli/attack-option.ts';
import type { SimulatedData } from '../../src/cli/simulate-data.ts';
import { planAttack } from '../../src/cli/simulated-attack.ts';
import { parseTask, type Task } from '../../src/core/protocol/task.ts';

const root = join(import.meta.dirname, '..', '..');
const folder = mkdtempSync(join(tmpdir(), 'parley-attack-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const heart = parse(readFileSync(join(root, 'examples', 'heart.task.yaml'), 'utf8'));

/** The heart task in six rounds with ten clients whose single updates are seen, changed as told. */
function taskFile(name: string, changes: object = {}): string {
  const path = join(folder, `${name}.yaml`);
  const cohort = { ...heart.cohort, minimum: 10 };
  const task = { ...heart, rounds: 6, cohort, protection: 'inspect', evaluation: { everyRounds: 6 } };
  writeFileSync(path, stringify({ ...task, ...changes }));
  return path;
}

const mean = taskFile('mean');
const multiKrum = taskFile('multi-krum', { aggregation: { rule: 'multi-krum', byzantine: 3, clipNorm: 100 } });
const median = taskFile('median', { aggregation: { rule: 'median', byzantine: 3, clipNorm: 100 } });

function simulate(task: string, ...args: string[]) {
  const { PARLEY_DATA_DIR: _data, ...env } = process.env;
  const all = ['simulate', task, '--generated', '--clients', '10', '--no-pooled', ...args];
  return spawnSync(process.execPath, [join(root, 'src', 'cli', 'main.ts'), ...all], { encoding: 'utf8', env });
}

function result(task: string, ...args: string[]) {
  const { stdout, stderr, status } = simulate(task, ...args, '--json');
  assert.equal(status, 0, stderr);
  const { seconds: _, ...document } = JSON.parse(stdout);
  return document;
}

test('sign flip and noise of three in ten spoil the mean, and robust rules hardly', () => {
  const calm = result(mean);
  assert.equal(calm.attack, null);
  const spoilt = (attack: string) => {
    const { meanAccuracy, attack: fared } = result(mean, '--attack', attack);
    assert.ok(meanAccuracy < calm.meanAccuracy - 0.1, `${attack}: ${meanAccuracy}`);
    for (const { counted, admitted, meanWeight } of fared.attackers) {
      assert.deepEqual([counted, admitted], [6, 6]);
      assert.ok(Math.abs(meanWeight - 0.1) < 1e-9);
    }
  };
  const borne = (task: string, attack: string, expected: object) => {
    const { meanAccuracy, attack: fared } = result(task, '--attack', attack);
    assert.ok(meanAccuracy > calm.meanAccuracy - 0.05, `${attack}: ${meanAccuracy}`);
    for (const { client: _, ...one } of fared.attackers) assert.deepEqual(one, { admitted: 6, ...expected });
  };
  spoilt('sign-flip:0.3:4');
  spoilt('noise:0.3');
  borne(multiKrum, 'sign-flip:0.3:4', { counted: 0, meanWeight: 0 });
  borne(median, 'noise:0.3', { counted: null, meanWeight: null });
});

test('the same seed gives the same document, with threads and without', () => {
  // Large enough that threads take parts of a minibatch.
  const task = taskFile('threads', {
    rounds: 2,
    model: { name: 'mlp', hidden: [64] },
    training: { ...heart.training, batchSize: 256, workerMomentum: 0.9 },
    aggregation: { rule: 'trimmed-mean', byzantine: 3, clipNorm: 100 },
  });
  const attack = ['--attack', 'min-max:0.3'];
  const first = result(task, ...attack);
  assert.deepEqual(result(task, ...attack, '--threads', '2'), first);
  const { name, fraction, factor, factors, attackers } = first.attack;
  assert.deepEqual({ name, fraction, factor }, { name: 'min-max', fraction: 0.3, factor: null });
  assert.equal(factors.length, 2);
  assert.equal(attackers.length, 3);
});

test('the printed result names the attack, its factor, the rule, each attacker beside the honest, and what to compare with', () => {
  const { stdout, status, stderr } = simulate(multiKrum, '--attack', 'alie:0.3');
  assert.equal(status, 0, stderr);
  assert.match(
    stdout,
    new RegExp(
      'attack: alie, factor 0\\.18, by 3 of 10 clients; rule: multi-krum, byzantine 3\\n' +
        'client +rounds admitted  rounds counted  mean weight\\n' +
        '(site-\\d+ \\(attacks\\) +6 +\\d +0\\.\\d{3}\\n){3}' +
        '7 honest, on average +6\\.0 +\\d\\.\\d +0\\.\\d{3}\\n' +
        '→ What the attack costs: compare with the same command without --attack\\.\\n',
    ),
  );
  const { stdout: byCoordinate } = simulate(median, '--attack', 'alie:0.4');
  assert.match(
    byCoordinate,
    /the task allows for 3 \(aggregation\.byzantine\), and there were more in 6 of 6 rounds, up to 4\n/,
  );
  assert.match(
    byCoordinate,
    /client +rounds admitted\n(.*\n)+median takes each value from other clients, so no client/,
  );
});

test('a trusted client that does not exist, and one that attacks, are told', () => {
  const trusting = (trusted: string) =>
    taskFile(`monna-${trusted}`, { aggregation: { rule: 'monna', byzantine: 3, trusted, clipNorm: 100 } });
  const { status, stderr } = simulate(trusting('nobody'));
  assert.equal(status, 2);
  assert.match(
    stderr,
    /monna trusts "nobody" \(aggregation\.trusted\), and there is no such client\n→ The clients are site-1, /,
  );
  const { stdout } = simulate(trusting('site-1'), '--attack', 'alie:0.9');
  const attacks = stdout.includes('site-1 (attacks)');
  assert.equal(/site-1, the client that the rule trusts, is one of the attackers/.test(stdout), attacks);
  assert.ok(attacks);
});

test('flipped labels are trained on by attackers alone: an alone baseline is of true rows', () => {
  const task = taskFile('flipped', { rounds: 2, evaluation: { everyRounds: 2, aloneBaseline: true } });
  const alone = (document: { clients: { baselines: { alone: unknown } }[] }) =>
    document.clients.map(({ baselines }) => baselines.alone);
  const calm = result(task);
  const flipped = result(task, '--attack', 'label-flip:0.4');
  assert.deepEqual(flipped.attack.factors, []);
  assert.notEqual(flipped.model, calm.model);
  assert.deepEqual(alone(flipped), alone(calm));
});

test('an attack that is none is refused by name, with exit code 2', () => {
  const { status, stderr } = simulate(mean, '--attack', 'bribe:0.2');
  assert.equal(status, 2, stderr);
  assert.match(
    stderr,
    /there is no attack "bribe"; expected NAME:FRACTION.*sign-flip, noise, alie, ipm, min-max, label/,
  );
  const { status: code, stderr: said } = simulate(mean, '--attack', 'ipm:0.05');
  assert.equal(code, 2, said);
  assert.match(said, /ipm:0\.05 of 10 clients is no attacker\n→ Use a fraction of 0\.1 or more/);
});

test('what --attack takes is a name, a fraction and, of most, a factor', () => {
  assert.deepEqual(parseAttack('alie:0.2'), { name: 'alie', fraction: 0.2, factor: null });
  assert.deepEqual(parseAttack('ipm:0.25:0.5'), { name: 'ipm', fraction: 0.25, factor: 0.5 });
  const wrong: Record<string, RegExp> = {
    ipm: /FRACTION is the share of the clients that attack, above 0 and below 1/,
    'ipm:1': /above 0 and below 1/,
    'ipm:0': /above 0 and below 1/,
    'ipm:-0.1': /above 0 and below 1/,
    'ipm:': /above 0 and below 1/,
    'ipm:0.2:0': /FACTOR is a number above 0/,
    'ipm:0.2:': /FACTOR is a number above 0/,
    'ipm:0.2:1:1': /":1" is too much/,
    'label-flip:0.2:2': /label-flip takes no factor/,
    'constructor:0.2': /there is no attack "constructor"/,
  };
  for (const [text, message] of Object.entries(wrong))
    assert.throws(() => parseAttack(text), { code: 'commander.invalidArgument', message });
});

test('an attack that a task or its clients do not allow is refused with a remedy', () => {
  const data = (classes: number): SimulatedData => {
    const empty = { rows: 0, width: 0, features: new Float32Array(0), labelWidth: 1, labels: new Float32Array(0) };
    const site = { train: empty, test: empty, featureNames: [], classes, scaler: null, droppedRows: 0 };
    return { label: '', generated: true, sites: ['a', 'b'].map(name => ({ name, data: site })) };
  };
  const plan = (text: string, changes: object, classes: number, foreign: readonly string[] = []) =>
    planAttack(parseAttack(text), { ...task, ...changes } as Task, data(classes), { seed: 1, foreign });
  const task = parseTask(heart);
  const [attacker] = plan('ipm:0.5', {}, 2).attackers;
  assert.throws(() => plan('label-flip:0.5', {}, 0), /the task predicts numbers, which cannot be flipped/);
  assert.throws(() => plan('ipm:0.5', { model: { name: 'moments' } }, 2), /adds up columns and trains nothing/);
  assert.throws(
    () => plan('ipm:0.5', {}, 2, ['a', 'b']),
    new RegExp(`${attacker} attacks, so its --trainer would not train`),
  );
});
