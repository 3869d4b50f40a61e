/** A process dies between what it reserved and what came of it: it has spent. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { openLedger } from '../../src/node/storage/sqlite-ledger.ts';
import { spend } from '../core/privacy/ledger-samples.ts';
import { enrol, temporaryFolder } from '../federation/enrolled.ts';
import { privateTask } from '../federation/private-task.ts';
import { startChild } from '../node/storage/child.ts';
import { scratch } from '../storage/scratch.ts';
import { runMortal } from './mortal.ts';

const build = 'test';

const limit = { epsilon: 1000, delta: 1e-5 };

/** Starts a process that reserves rounds and kills it once it has said so for the nth time. */
async function killAfter(t: TestContext, path: string, nth: number, how: 'commits' | 'waits'): Promise<void> {
  const child = startChild(t, 'ledger-child.ts', path, '1000', String(limit.epsilon), how);
  let seen = 0;
  for await (const line of child.lines) if (line === 'reserved' && ++seen === nth) break;
  await child.kill();
}

test('a process killed between reserve and commit has spent; the next one draws anew, pays again, and is told', async t => {
  const path = join(scratch(t), 'ledger.sqlite');
  await killAfter(t, path, 1, 'waits');
  const again: number[] = [];
  const { ledger, reserve, close } = openLedger(path, { build }, (_spend, repeats) => again.push(repeats));
  t.after(close);
  assert.deepEqual(
    ledger.spent.map(({ round, state }) => [round, state]),
    [[1, 'reserved']],
  );
  const once = ledger.lines[0].spent;
  assert.ok(once > 0);
  const { event } = ledger.spent[0];
  await (await reserve(spend(1, { event, limit }))).commit();
  assert.deepEqual(again, [1]);
  assert.ok(ledger.lines[0].spent > once);
});

test('a process killed at any instant has spent at least what it was told it may spend', async t => {
  const path = join(scratch(t), 'ledger.sqlite');
  const kills = [1, 2, 3, 5, 8];
  for (const nth of kills) await killAfter(t, path, nth, 'commits');
  const { ledger, close } = openLedger(path, { build });
  t.after(close);
  const told = kills.reduce((sum, nth) => sum + nth, 0);
  assert.ok(ledger.spent.length >= told, `${ledger.spent.length} of ${told}`);
  // Each process began with round 1 again.
  assert.equal(ledger.spent.filter(({ round }) => round === 1).length, kills.length);
});

test('a client of a private run that dies after it reserved pays twice, one that dies after it kept its update once', async t => {
  const clients = ['anna', 'bert'];
  const enrolled = await enrol(join(temporaryFolder(t), 'demo'), clients);
  const mortal = await runMortal(enrolled, {
    anna: [{ step: 'ledger-reserved', nth: 2 }],
    bert: [{ step: 'outbox-stored', nth: 2 }],
  });
  try {
    const id = await mortal.operator.submit(privateTask({ minimum: clients.length, rounds: 3 }));
    const { status } = await mortal.operator.outcome(id);
    await mortal.allDied;
    assert.deepEqual(
      status.reports.map(report => report.combined),
      Array(3).fill(clients),
    );
  } finally {
    await mortal.end();
  }
  const roundsOf = (client: string): number[] => {
    const { ledger, close } = openLedger(join(enrolled.memberHome(client), 'ledger.sqlite'), { build });
    close();
    return ledger.spent.map(({ round }) => round);
  };
  assert.deepEqual(roundsOf('anna'), [1, 2, 2, 3]);
  assert.deepEqual(roundsOf('bert'), [1, 2, 3]);
  assert.ok(mortal.log.some(({ event, round }) => event === 'privacy-spent-again' && round === 2));
});
