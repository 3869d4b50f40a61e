import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { UserError } from '../../../src/core/protocol/problem.ts';
import { openDatabase, type Schema, transact } from '../../../src/node/storage/database.ts';
import { openCoordinatorStore } from '../../../src/node/storage/sqlite-coordinator-store.ts';
import { openOutbox } from '../../../src/node/storage/sqlite-outbox.ts';
import { sampleReport, taskA } from '../../storage/samples.ts';
import { scratch } from '../../storage/scratch.ts';

const first: Schema = { applicationId: 1, migrations: ['CREATE TABLE a (x INTEGER) STRICT'] };
const second: Schema = {
  ...first,
  migrations: [...first.migrations, "ALTER TABLE a ADD COLUMN y TEXT; INSERT INTO a VALUES (2, 'b')"],
};

/** Matches a UserError that names the file, says `what`, and has a remedy. */
const userError = (path: string, what: RegExp) => (error: unknown) => {
  assert.ok(error instanceof UserError, String(error));
  assert.ok(error.message.startsWith(path), error.message);
  assert.match(error.message, what);
  assert.match(error.remedy, /\.$/);
  return true;
};

test('a new database has the durability it promises', t => {
  const database = openDatabase(join(scratch(t), 'x.sqlite'), first);
  t.after(() => database.close());
  const value = (name: string): unknown => Object.values(database.prepare(`PRAGMA ${name}`).get() ?? {})[0];
  assert.equal(value('journal_mode'), 'wal');
  assert.equal(value('synchronous'), 2); // FULL
  assert.equal(value('foreign_keys'), 1);
  assert.equal(value('user_version'), 1);
});

test('a database of an earlier version is brought up to date, once', t => {
  const path = join(scratch(t), 'x.sqlite');
  const old = openDatabase(path, first);
  old.exec('INSERT INTO a VALUES (1)');
  old.close();
  for (let i = 0; i < 2; i++) {
    const database = openDatabase(path, second);
    const rows = database
      .prepare('SELECT x, y FROM a ORDER BY x')
      .all()
      .map(row => ({ ...row }));
    assert.deepEqual(rows, [
      { x: 1, y: null },
      { x: 2, y: 'b' },
    ]);
    database.close();
  }
});

test('a migration that fails leaves the database at its version', t => {
  const path = join(scratch(t), 'x.sqlite');
  openDatabase(path, first).close();
  const broken: Schema = { ...first, migrations: [...first.migrations, 'CREATE TABLE b (x); CREATE TABLE a (x)'] };
  assert.throws(() => openDatabase(path, broken), /already exists/);
  const database = openDatabase(path, first);
  t.after(() => database.close());
  assert.deepEqual(
    database
      .prepare('SELECT name FROM sqlite_schema')
      .all()
      .map(row => row.name),
    ['a'],
  );
});

test('a database of a newer version is refused and left as it is', t => {
  const path = join(scratch(t), 'x.sqlite');
  openDatabase(path, second).close();
  const bytes = readFileSync(path);
  assert.throws(
    () => openDatabase(path, first),
    userError(path, /newer version of parley \(format 2, this version knows 1\)/),
  );
  assert.deepEqual(readFileSync(path), bytes);
});

test('a database of something else is refused and left as it is', t => {
  const folder = scratch(t);
  const client = join(folder, 'client.sqlite');
  openOutbox(client).close();
  const foreign = join(folder, 'foreign.sqlite');
  const other = new DatabaseSync(foreign);
  other.exec('CREATE TABLE photos (x)');
  other.close();
  for (const path of [client, foreign]) {
    const bytes = readFileSync(path);
    assert.throws(() => openCoordinatorStore(path), userError(path, /something else/));
    assert.deepEqual(readFileSync(path), bytes);
  }
});

test('a file that is not a database is refused and left as it is', t => {
  const path = join(scratch(t), 'x.sqlite');
  for (const content of ['x', 'hello, this is text', 'text '.repeat(2000)]) {
    writeFileSync(path, content);
    assert.throws(() => openDatabase(path, first), userError(path, /is not a database/), content.slice(0, 20));
    assert.equal(readFileSync(path, 'utf8'), content);
  }
});

test('a folder in the place of the database is named', t => {
  const path = join(scratch(t), 'x.sqlite');
  mkdirSync(path);
  assert.throws(() => openDatabase(path, first), userError(path, /is not a file/));
});

test('a damaged page, and a file cut short, are found when the database is opened', async t => {
  const path = join(scratch(t), 'state.sqlite');
  const store = openCoordinatorStore(path);
  await store.commit(Array.from({ length: 500 }, (_, i) => ({ put: 'round', report: sampleReport(taskA, i + 1) })));
  store.close();
  const whole = readFileSync(path);
  assert.ok(whole.length > 20 * 4096);
  const damage = {
    overwritten: () => Buffer.from(whole).fill(0xa5, 10 * 4096, 14 * 4096),
    zeroed: () => Buffer.from(whole).fill(0, 16 * 4096, 20 * 4096),
    cut: () => whole.subarray(0, whole.length - 5 * 4096),
  };
  for (const [name, damaged] of Object.entries(damage)) {
    writeFileSync(path, damaged());
    assert.throws(() => openCoordinatorStore(path), userError(path, /the database is damaged/), name);
  }
});

test('a transaction that throws leaves nothing and lets the next one through', t => {
  const database = openDatabase(join(scratch(t), 'x.sqlite'), first);
  t.after(() => database.close());
  const insert = (x: number) => database.prepare('INSERT INTO a VALUES (?)').run(x);
  assert.throws(
    () =>
      transact(database, () => {
        insert(1);
        throw new RangeError('no');
      }),
    RangeError,
  );
  transact(database, () => insert(2));
  assert.deepEqual(
    database
      .prepare('SELECT x FROM a')
      .all()
      .map(row => row.x),
    [2],
  );
});

test('a database that another process is writing is named as in use', t => {
  const path = join(scratch(t), 'x.sqlite');
  const database = openDatabase(path, first);
  database.exec('PRAGMA busy_timeout = 1');
  const other = new DatabaseSync(path);
  other.exec('BEGIN IMMEDIATE');
  t.after(() => {
    other.close();
    database.close();
  });
  assert.throws(() => transact(database, () => undefined), userError(path, /in use by another process/));
});
