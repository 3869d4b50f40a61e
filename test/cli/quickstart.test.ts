import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { decodeSafetensors } from '../../src/core/bytes/safetensors.ts';

const main = join(import.meta.dirname, '..', '..', 'src', 'cli', 'main.ts');
const dataDir = process.env.PARLEY_DATA_DIR;

function scratch(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'parley-quickstart-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** An environment without any data of this machine: the quickstart has to generate. */
function bare(folder: string): NodeJS.ProcessEnv {
  const { PARLEY_DATA_DIR: _, ...env } = process.env;
  return { ...env, XDG_CACHE_HOME: folder, LOCALAPPDATA: folder };
}

/** Processes whose command line names the folder. */
function processesOf(folder: string): string[] {
  return spawnSync('ps', ['-eo', 'pid,args'], { encoding: 'utf8' })
    .stdout.split('\n')
    .filter(line => line.includes(folder) && !line.includes('ps -eo'));
}

test('without data the quickstart generates clinics, says so in every output, and leaves no process', t => {
  const folder = scratch(t);
  const home = join(folder, 'home');
  const run = spawnSync(process.execPath, [main, 'quickstart', '--home', home, '--json'], {
    encoding: 'utf8',
    env: bare(folder),
  });
  assert.equal(run.status, 0, run.stderr);
  assert.match(run.stderr, /generated clinics/);
  assert.match(run.stderr, /data get heart/);
  const result = JSON.parse(run.stdout);
  assert.equal(result.dataSource.kind, 'generated');
  assert.match(result.dataSource.label, /generated/);
  assert.equal(result.clients.length, 4);
  for (const client of result.clients) {
    assert.ok(client.examples > 0 && client.accuracy > 0.5 && client.auc > 0.5, JSON.stringify(client));
    assert.ok(client.baselines.majority >= 0.5 && client.baselines.alone > 0);
  }
  assert.ok(result.pooled.auc > 0.8 && result.pooled.baselines.pooledTraining > 0.5);
  assert.ok(existsSync(result.artifact));
  const model = decodeSafetensors(readFileSync(result.artifact));
  assert.match(model.metadata.task, /^[0-9a-f]{64}$/);
  assert.equal(model.metadata.round, String(result.rounds));
  assert.equal(JSON.parse(model.metadata.metrics).accuracy, result.pooled.accuracy);
  const { clear, masked, dropOut, ...shown } = result.protection;
  assert.equal(shown.kind, 'group');
  assert.ok(shown.isRepeated, 'what is shown is of the same run');
  assert.ok(shown.largestDifference <= 1e-4, `the sum is off by ${shown.largestDifference}`);
  const words = shown.rounds * shown.values;
  for (const { counts } of [clear, masked]) {
    assert.equal(
      counts.reduce((sum: number, count: number) => sum + count, 0),
      words,
    );
  }
  assert.equal(clear.counts[7] + clear.counts[8], words, 'what a site holds is close to 0');
  assert.ok(masked.uniformP > 1e-9 && clear.uniformP < 1e-9);
  assert.deepEqual([dropOut.outcome, dropOut.survivors.length, dropOut.shares], ['opened', 3, 3]);
  // Self masks of those who stay; and instead of one of them its pair masks with each of the others.
  assert.deepEqual(dropOut.masks, { without: 4, withDropOut: 3 + 3 });
  assert.equal(dropOut.openingBytes.withDropOut, dropOut.openingBytes.without);
  assert.deepEqual(processesOf(home), []);
});

test('a second run starts clean, also over what another run left', t => {
  const folder = scratch(t);
  const home = join(folder, 'home');
  const run = (): string => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [main, 'quickstart', '--home', home, '--json'], {
      encoding: 'utf8',
      env: bare(folder),
    });
    assert.equal(status, 0, stderr);
    return readFileSync(JSON.parse(stdout).artifact).toString('hex');
  };
  const first = run();
  writeFileSync(join(home, 'leftover'), 'x');
  assert.equal(run(), first, 'the same seed and data give the same model file');
  assert.ok(!existsSync(join(home, 'leftover')));
});

test('a folder that the quickstart did not make is left alone', t => {
  const folder = scratch(t);
  const home = join(folder, 'mine');
  mkdirSync(home);
  writeFileSync(join(home, 'thesis.txt'), 'keep me');
  const { status, stderr } = spawnSync(process.execPath, [main, 'quickstart', '--home', home], {
    encoding: 'utf8',
    env: bare(folder),
  });
  assert.equal(status, 2);
  assert.match(stderr, /not a folder that the quickstart made/);
  assert.deepEqual(readdirSync(home), ['thesis.txt']);
});

test('Ctrl-C stops every process', async t => {
  const folder = scratch(t);
  const home = join(folder, 'home');
  const child = spawn(process.execPath, [main, 'quickstart', '--home', home], {
    env: bare(folder),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  await printed(child, /round +2\//);
  assert.ok(processesOf(home).length >= 6, 'coordinator, authority and four clients run');
  child.kill('SIGINT');
  const [code] = (await Promise.race([new Promise(resolve => child.once('exit', (...args) => resolve(args)))])) as [
    number,
  ];
  assert.equal(code, 130);
  assert.deepEqual(processesOf(home), []);
});

test('kill -9 of the quickstart ends every other process as well', async t => {
  const folder = scratch(t);
  const home = join(folder, 'home');
  const child = spawn(process.execPath, [main, 'quickstart', '--home', home], {
    env: bare(folder),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  await printed(child, /round +2\//);
  child.kill('SIGKILL');
  const deadline = Date.now() + 20_000;
  while (processesOf(home).length > 0 && Date.now() < deadline) await new Promise(resolve => setImmediate(resolve));
  assert.deepEqual(processesOf(home), []);
});

test('on the four hospitals the federated model reaches the published bar', {
  skip: dataDir === undefined && 'PARLEY_DATA_DIR is not set',
}, t => {
  const folder = scratch(t);
  const home = join(folder, 'home');
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, 'quickstart', '--home', home, '--json'], {
    encoding: 'utf8',
  });
  assert.equal(status, 0, stderr);
  const result = JSON.parse(stdout);
  assert.equal(result.dataSource.kind, 'environment');
  assert.deepEqual(
    result.clients.map((c: { name: string; examples: number }) => [c.name, c.examples]),
    [
      ['cleveland', 104],
      ['hungarian', 89],
      ['switzerland', 16],
      ['va', 45],
    ],
  );
  assert.ok(result.meanAccuracy >= 0.724, `mean of centres ${result.meanAccuracy}`);
  assert.ok(result.pooled.accuracy >= 0.785, `pooled ${result.pooled.accuracy}`);
  assert.ok(result.pooled.auc >= 0.8, `AUC ${result.pooled.auc}`);
  const predictions = spawnSync(
    process.execPath,
    [main, 'predict', '--model', result.artifact, '--data', join(dataDir ?? '', 'heart', 'processed.cleveland.data')],
    { encoding: 'utf8' },
  );
  assert.equal(predictions.status, 0, predictions.stderr);
  const lines = predictions.stdout.trim().split('\n');
  assert.equal(lines[0], 'row,prediction,p_not_above_0,p_above_0');
  assert.equal(lines.length, 1 + 303, 'one line per complete row');
});

/** Resolves when the child has printed a text that matches. */
function printed(child: ChildProcess, pattern: RegExp): Promise<void> {
  return new Promise((resolve, reject) => {
    let text = '';
    child.stderr?.on('data', chunk => {
      text += chunk;
      if (pattern.test(text)) resolve();
    });
    child.once('exit', code => reject(new Error(`ended with ${code}: ${text}`)));
  });
}
