import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { openLedger } from '../../src/node/storage/sqlite-ledger.ts';
import { spend, taskB } from '../core/privacy/ledger-samples.ts';
import { scratch } from '../storage/scratch.ts';

const main = join(import.meta.dirname, '..', '..', 'src', 'cli', 'main.ts');

function run(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return runIn(process.cwd(), ...args);
}

function runIn(cwd: string, ...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const env = { ...process.env, NO_COLOR: '1' };
  return new Promise(resolve => {
    execFile(process.execPath, [main, 'privacy', 'ledger', ...args], { env, cwd }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
    );
  });
}

/** A home whose ledger has four rounds of one task, one of them twice, and one round of an adaptive task. */
async function home(t: TestContext, folder = ''): Promise<string> {
  const path = scratch(t);
  mkdirSync(join(path, folder), { recursive: true });
  const limits = { records: { epsilon: 9, delta: 1e-4 } };
  const { reserve, close } = openLedger(join(path, folder, 'ledger.sqlite'), { build: 'test', limits });
  for (const round of [1, 2, 2, 3]) {
    const reservation = await reserve(spend(round));
    await reservation.commit();
    if (round !== 2) await reservation.release();
  }
  await reserve(spend(1, { task: taskB, isFixed: false }));
  close();
  return path;
}

test('says what is spent and left, by task and over all, with a plot, and that the chain holds', async t => {
  const { code, stdout } = await run(await home(t), '--entries');
  assert.equal(code, 0);
  assert.match(stdout, /^14 entries, the chain holds; last [0-9a-f]{64}$/m);
  assert.match(stdout, /^aaaaaaaaaaaa train +records +add-remove +1\.6626 +2 +0\.3374 +1e-5 +4 +2$/m);
  assert.match(stdout, /^bbbbbbbbbbbb train +records +add-remove +1\.\d{4}\* +2 +0\.\d{4} +1e-5 +1 +0$/m);
  assert.match(stdout, /^all tasks +records +add-remove +\d\.\d{4}\* +9 +\d\.\d{4} +1e-4 +5 +2$/m);
  assert.match(stdout, /^1 spent again: /m);
  assert.match(stdout, /^ε over rounds, aaaaaaaaaaaa train$/m);
  assert.match(stdout, /^ +ε 1\.66 │/m);
  assert.match(stdout, /^ +\d+ +2 +committed, again +1\.\d{4} +sampled$/m);
  assert.match(stdout, /The ε to state is the limit/);
});

test('prints the same as one JSON document, also of a federation', async t => {
  const { code, stdout } = await run(await home(t, 'coordinator'), '--json');
  assert.equal(code, 0);
  const { chain, tasks, sets } = JSON.parse(stdout);
  assert.equal(chain.broken, null);
  assert.deepEqual(
    tasks.map((line: { spends: unknown[]; stated: number }) => [line.spends.length, line.stated]),
    [
      [4, tasks[0].spent],
      [1, 2],
    ],
  );
  assert.deepEqual([sets[0].epsilon, sets[0].stated, sets[0].units], [9, 9, 'records']);
});

test('names the place of a broken chain, exits with 1, and shows what came before', async t => {
  const path = await home(t);
  const raw = new DatabaseSync(join(path, 'ledger.sqlite'));
  raw.exec('UPDATE entries SET bytes = (SELECT bytes FROM entries WHERE position = 2) WHERE position = 8');
  raw.close();
  const { code, stdout } = await run(path);
  assert.equal(code, 1);
  assert.match(stdout, /^THE CHAIN IS BROKEN: entry 8 is not what its hash says$/m);
  assert.match(stdout, /the 8 entries before it/);
  assert.match(stdout, /^aaaaaaaaaaaa train /m);
  const { code: again, stdout: json } = await run(path, '--json');
  assert.equal(again, 1);
  assert.deepEqual(JSON.parse(json).chain.broken.index, 8);
});

test('a folder without a ledger is refused with what to name instead', async t => {
  const { code, stdout, stderr } = await run(scratch(t));
  assert.deepEqual([code, stdout], [2, '']);
  assert.match(stderr, /holds no ledger\n→ Name the home of a client or of a federation/);
});

test('without a path it is the ledger of the client here, or else of the federation', async t => {
  const here = await home(t, '.parley/federation/coordinator');
  const { code, stdout } = await runIn(here);
  assert.equal(code, 0);
  assert.match(stdout, /^\.parley\/federation\/coordinator\/ledger\.sqlite$/m);
  const { code: none, stderr } = await runIn(scratch(t));
  assert.equal(none, 2);
  assert.match(stderr, /^parley: \.\/\.parley\/member, \.\/\.parley\/federation: holds no ledger$/m);
});
