/** Opening an SQLite database so that what it acknowledges is never lost, and so that what is wrong with it is said at once. */
import { accessSync, chmodSync, closeSync, constants, openSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { UserError } from '../../core/protocol/problem.ts';
import { syncFolder } from '../durable-file.ts';
import { makePrivateFolder } from './private-folder.ts';
import { damaged, notDatabase, storageFailure } from './storage-failure.ts';

/** What a database of one kind holds. */
export interface Schema {
  /** Four bytes that mark the file as this kind (`PRAGMA application_id`). */
  readonly applicationId: number;
  /** SQL that leads from version i to i + 1; only ever appended to. The version is `PRAGMA user_version`. */
  readonly migrations: readonly string[];
}

/** How long a statement waits for another process that holds the database (a backup). */
const busyMs = 5000;

/**
 * Opens or creates the database: WAL with one fsync per commit, foreign keys, every page checked, migrated to this version.
 * File mode 0600, folder 0700. One process at a time may write: hold `lockDirectory` first.
 * Throws UserError (read-only, no permission, not a database, damaged, of another kind, of a newer version), Problem `storage-full`.
 */
export function openDatabase(path: string, schema: Schema): DatabaseSync {
  makePrivateFolder(dirname(path));
  try {
    preparePrivateFile(path);
    const database = new DatabaseSync(path, { timeout: busyMs });
    try {
      checkKind(database, path, schema);
      configure(database, path);
      checkIntegrity(database, path);
      migrate(database, schema);
      return database;
    } catch (error) {
      database.close();
      throw error;
    }
  } catch (error) {
    throw storageFailure(error, path);
  }
}

/** Runs `action` in one transaction: all of it is durable when this returns, or none of it is there. System errors are translated. */
export function transact(database: DatabaseSync, action: () => void): void {
  try {
    database.exec('BEGIN IMMEDIATE');
    try {
      action();
      database.exec('COMMIT');
    } catch (error) {
      // A full disk makes SQLite roll back by itself.
      if (database.isTransaction) database.exec('ROLLBACK');
      throw error;
    }
  } catch (error) {
    throw storageFailure(error, database.location() ?? 'database');
  }
}

/**
 * Makes the file before SQLite does, for its mode (SQLite gives the same to the WAL). It is never opened when it exists: closing any
 * descriptor of it would drop the POSIX locks that this process holds through another connection.
 */
function preparePrivateFile(path: string): void {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) {
    closeSync(openSync(path, 'wx', 0o600));
    return syncFolder(dirname(path));
  }
  if (!found.isFile()) throw new UserError(path, 'is not a file', 'Move what has this name away.');
  // SQLite takes any file shorter than its smallest page for an empty database, and would write over it.
  if (found.size > 0 && found.size < 512) throw notDatabase(path);
  accessSync(path, constants.R_OK | constants.W_OK);
  accessSync(dirname(path), constants.W_OK);
  if ((found.mode & 0o077) !== 0) chmodSync(path, 0o600);
}

function checkKind(database: DatabaseSync, path: string, schema: Schema): void {
  const version = pragma(database, 'user_version');
  const kind = pragma(database, 'application_id');
  const tables = database.prepare('SELECT count(*) AS count FROM sqlite_schema').get()?.count;
  if (version === 0 && kind === 0 && tables === 0) return; // new
  if (kind !== schema.applicationId) {
    throw new UserError(path, 'is a database of something else', 'Choose another directory, or move the file away.');
  }
  if (Number(version) > schema.migrations.length) {
    const what = `was written by a newer version of parley (format ${version}, this version knows ${schema.migrations.length})`;
    throw new UserError(path, what, 'Install that version, or restore the backup made before the upgrade.');
  }
}

function configure(database: DatabaseSync, path: string): void {
  const mode = pragma(database, 'journal_mode = WAL');
  if (mode !== 'wal') {
    throw new UserError(path, `lies on a disk without a write-ahead log (${mode})`, 'Use a directory on a local disk.');
  }
  // FULL: each commit reaches the disk before it is acknowledged. fullfsync: on macOS, too. The WAL shrinks again after a burst.
  database.exec(`
    PRAGMA synchronous = FULL;
    PRAGMA fullfsync = ON;
    PRAGMA checkpoint_fullfsync = ON;
    PRAGMA foreign_keys = ON;
    PRAGMA trusted_schema = OFF;
    PRAGMA journal_size_limit = ${64 * 1024 * 1024};
  `);
}

function checkIntegrity(database: DatabaseSync, path: string): void {
  const result = pragma(database, 'quick_check(1)');
  if (result !== 'ok') throw damaged(path, String(result));
}

function migrate(database: DatabaseSync, schema: Schema): void {
  if (pragma(database, 'user_version') === schema.migrations.length) return;
  transact(database, () => {
    const from = Number(pragma(database, 'user_version'));
    for (const sql of schema.migrations.slice(from)) database.exec(sql);
    database.exec(`PRAGMA application_id = ${schema.applicationId}; PRAGMA user_version = ${schema.migrations.length}`);
  });
}

/** The first column of the first row that a pragma answers. */
function pragma(database: DatabaseSync, text: string): unknown {
  const row = database.prepare(`PRAGMA ${text}`).get();
  return row === undefined ? undefined : Object.values(row)[0];
}
