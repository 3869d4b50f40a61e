import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { UserError } from '../../../src/core/protocol/problem.ts';
import { type OpenLedger, openLedger, readLedgerEntries } from '../../../src/node/storage/sqlite-ledger.ts';
import { spend, taskB } from '../../core/privacy/ledger-samples.ts';
import { type LedgerUnderTest, testLedger } from '../../storage/ledger-contract.ts';
import { scratch } from '../../storage/scratch.ts';
import { startChild } from './child.ts';
import { mountsAreRefused, onSmallDisk } from './private-mount.ts';

const build = 'test';

testLedger('SQLite', t => {
  const path = join(scratch(t), 'ledger.sqlite');
  const again: number[] = [];
  const limits = { records: { epsilon: 2.2, delta: 1e-4 } };
  let current: OpenLedger | null = null;
  t.after(() => current?.close());
  const open = (): LedgerUnderTest => {
    current?.close();
    current = openLedger(path, { build, limits }, (_spend, repeats) => again.push(repeats));
    return { port: current, ledger: current.ledger, again, reopen: open };
  };
  return open();
});

test('two holders of one ledger spend one budget: each takes up what the other spent', async t => {
  const path = join(scratch(t), 'ledger.sqlite');
  const holders = [openLedger(path, { build }), openLedger(path, { build })];
  t.after(() => {
    for (const holder of holders) holder.close();
  });
  const answers: boolean[] = [];
  for (let i = 0; i < 8; i++) {
    const reserved = holders[i % 2].reserve(spend(i + 1));
    answers.push(
      await reserved
        .then(reservation => reservation.commit())
        .then(
          () => true,
          () => false,
        ),
    );
  }
  assert.deepEqual(answers, [true, true, true, true, true, false, false, false]);
  await assert.rejects(holders[0].reserve(spend(9)), { code: 'budget-spent' });
  assert.deepEqual(holders[0].ledger.lines, holders[1].ledger.lines);
});

test('processes that reserve at the same time never spend more than the limit, and the chain holds', async t => {
  const path = join(scratch(t), 'ledger.sqlite');
  openLedger(path, { build }).close();
  const children = [0, 1, 2].map(() => startChild(t, 'ledger-child.ts', path, '40'));
  const granted = await Promise.all(
    children.map(async child => {
      let count = 0;
      for await (const line of child.lines) if (line === 'reserved') count++;
      return count;
    }),
  );
  const { ledger, close } = openLedger(path, { build });
  t.after(close);
  // So many rounds ε 5 allows of these.
  assert.equal(
    granted.reduce((sum, count) => sum + count, 0),
    39,
  );
  assert.equal(ledger.spent.length, 39);
  assert.ok(ledger.lines[0].spent <= 5);
});

test('a ledger whose entries were altered, cut in the middle or reordered is not opened, and the entry is named', async t => {
  const folder = scratch(t);
  const path = join(folder, 'ledger.sqlite');
  const { reserve, close } = openLedger(path, { build });
  for (const round of [1, 2]) await (await reserve(spend(round))).commit();
  close();
  const sound = readFileSync(path);
  const altered: Record<string, string> = {
    "UPDATE entries SET bytes = CAST(replace(CAST(bytes AS TEXT), 'train', 'trail') AS BLOB) WHERE position = 2":
      'entry 2',
    'UPDATE entries SET bytes = (SELECT bytes FROM entries WHERE position = 3) WHERE position = 4': 'entry 4',
    'DELETE FROM entries WHERE position = 2': 'entry 2',
    'UPDATE entries SET position = -1 WHERE position = 3': 'entry 3',
    "UPDATE entries SET digest = '' WHERE position = 5": 'entry 5',
  };
  for (const [sql, named] of Object.entries(altered)) {
    writeFileSync(path, sound);
    const raw = new DatabaseSync(path);
    assert.equal(raw.prepare(sql).run().changes, 1, sql);
    raw.close();
    assert.throws(
      () => openLedger(path, { build }),
      (error: unknown) => error instanceof UserError && error.message.includes(`the ledger is broken: ${named}`),
      sql,
    );
  }
});

test('a ledger that loses entries while it is open reserves nothing more', async t => {
  const path = join(scratch(t), 'ledger.sqlite');
  const { reserve, close } = openLedger(path, { build });
  t.after(close);
  await reserve(spend(1));
  const raw = new DatabaseSync(path);
  raw.exec('DELETE FROM entries WHERE position = 2');
  raw.close();
  await assert.rejects(reserve(spend(2)), /the ledger is broken: entry 2 is gone/);
});

test('entries are read beside a process that writes them, and a file of another kind is none', async t => {
  const folder = scratch(t);
  const path = join(folder, 'ledger.sqlite');
  const { reserve, ledger, close } = openLedger(path, { build });
  t.after(close);
  await reserve(spend(1));
  await reserve(spend(1, { task: taskB }));
  assert.equal(readLedgerEntries(path).length, ledger.length);
  const other = join(folder, 'other.sqlite');
  const raw = new DatabaseSync(other);
  raw.exec('CREATE TABLE t (a)');
  raw.close();
  assert.throws(() => readLedgerEntries(other), /is not a ledger/);
  writeFileSync(other, 'x'.repeat(5000));
  assert.throws(() => readLedgerEntries(other), /is not a database/);
});

test('on a full disk nothing is reserved, and what was stays', { skip: mountsAreRefused() }, () => {
  const child = join(import.meta.dirname, 'full-ledger-child.ts');
  const { status, output } = onSmallDisk(600, '"$2" "$3" "$1"', process.execPath, child);
  assert.equal(status, 0, output);
});
