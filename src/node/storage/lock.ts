/** One process per directory, by a lock that dies with its process. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { UserError } from '../../core/protocol/problem.ts';
import { makePrivateFolder } from './private-folder.ts';
import { storageFailure } from './storage-failure.ts';

/** Long enough for a process that was killed a moment ago to be gone. */
const patienceMs = 500;

/**
 * Takes the directory for this process until `release`, or until the process ends in whatever way: the lock is one of the operating
 * system on `lock.sqlite`, held by an open exclusive transaction. `lock.pid` beside it says who holds it, for people; it means nothing
 * when it is left over. Do not open `lock.sqlite` in this process by other means: closing it would drop the lock (POSIX).
 * Not for network disks without locks.
 * @param what what runs here (`coordinator`), for the message another process gets.
 * Throws UserError when another holder stands or the directory cannot be written, Problem `storage-full`.
 */
export function lockDirectory(directory: string, what: string): { release(): void } {
  makePrivateFolder(directory);
  const holder = join(directory, 'lock.pid');
  const database = acquire(join(directory, 'lock.sqlite'), directory, holder);
  try {
    writeFileSync(holder, `${process.pid} ${what} on ${hostname()}\n`, { mode: 0o600 });
  } catch (error) {
    database.close();
    throw storageFailure(error, holder);
  }
  return {
    release() {
      if (!database.isOpen) return;
      try {
        rmSync(holder, { force: true }); // before the lock goes: afterwards it may be the next holder's
      } finally {
        database.close();
      }
    },
  };
}

function acquire(path: string, directory: string, holder: string): DatabaseSync {
  let database: DatabaseSync | null = null;
  try {
    database = new DatabaseSync(path, { timeout: patienceMs });
    // The first page is written once, so that holding the lock writes nothing and a killed holder leaves no journal.
    if (database.prepare('PRAGMA user_version').get()?.user_version === 0) database.exec('PRAGMA user_version = 1');
    database.exec('BEGIN EXCLUSIVE');
    return database;
  } catch (error) {
    database?.close();
    if (isBusy(error)) throw inUse(directory, holder, error);
    throw storageFailure(error, path);
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && (Number(error.errcode) & 0xff) === 5; // SQLITE_BUSY
}

function inUse(directory: string, holder: string, cause: unknown): UserError {
  const [, pid, what] = /^(\d+) (.+)$/m.exec(readText(holder)) ?? [];
  const who = pid === undefined ? 'another process' : `process ${pid} (${what})`;
  const remedy =
    pid === undefined ? 'Stop it, or use another directory.' : `Stop it (kill ${pid}), or use another directory.`;
  return new UserError(directory, `is in use by ${who}`, remedy, { cause });
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // the holder is just starting or stopping
  }
}
