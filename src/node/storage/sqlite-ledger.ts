/** A ledger in SQLite, in a database of its own: one row per entry, one fsync per reservation. */
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { type Ledger, type LedgerSettings, replay } from '../../core/privacy/ledger.ts';
import { LedgerBroken, type StoredEntry } from '../../core/privacy/ledger-entry.ts';
import { keepLedger, type LedgerStore, type OnSpentAgain } from '../../core/privacy/ledger-keeper.ts';
import type { LedgerPort } from '../../core/privacy/ledger-port.ts';
import { UserError } from '../../core/protocol/problem.ts';
import { nodePrimitives } from '../primitives.ts';
import { openDatabase, type Schema, transact } from './database.ts';
import { storageFailure } from './storage-failure.ts';

const schema: Schema = {
  /** "PLld" in ASCII. */
  applicationId: 0x504c6c64,
  migrations: [
    `CREATE TABLE entries (
      position INTEGER PRIMARY KEY,
      bytes BLOB NOT NULL,
      digest TEXT NOT NULL
    ) STRICT;`,
  ],
};

const newerEntries = 'SELECT bytes, digest FROM entries WHERE position >= ? ORDER BY position';

export interface OpenLedger extends LedgerPort {
  /** What it has come to, as this process knows it. */
  readonly ledger: Ledger;
  close(): void;
}

/**
 * Opens or creates the ledger at `path` and reads all of it. Several processes may have it open: each takes up what the others added
 * before it decides, and one writes at a time.
 * Throws as `openDatabase`, and UserError where the chain is broken: what was spent is not known then, and nothing more may be.
 */
export function openLedger(
  path: string,
  settings: Omit<LedgerSettings, 'sha256'>,
  onSpentAgain?: OnSpentAgain,
): OpenLedger {
  const database = openDatabase(path, schema);
  try {
    const store = new SqliteLedger(database, path);
    const ledger = sound(path, () => replay(store.all(), { ...settings, sha256: nodePrimitives.sha256 }));
    return {
      ...keepLedger(ledger, store, onSpentAgain),
      ledger,
      close() {
        if (database.isOpen) database.close();
      },
    };
  } catch (error) {
    database.close();
    throw storageFailure(error, path);
  }
}

/**
 * Reads the entries of a ledger that a process may be writing to, without changing anything. Throws UserError when there is none or it
 * is none.
 */
export function readLedgerEntries(path: string): StoredEntry[] {
  try {
    const database = new DatabaseSync(path, { readOnly: true, timeout: 5000 });
    try {
      if (database.prepare('PRAGMA application_id').get()?.application_id !== schema.applicationId)
        throw new UserError(
          path,
          'is not a ledger',
          'Name a ledger.sqlite, or the home of a client or of a federation.',
        );
      return stored(database.prepare(newerEntries).all(0));
    } finally {
      database.close();
    }
  } catch (error) {
    throw storageFailure(error, path);
  }
}

class SqliteLedger implements LedgerStore {
  readonly #database: DatabaseSync;
  readonly #path: string;
  readonly #newer: StatementSync;
  readonly #count: StatementSync;
  readonly #put: StatementSync;

  constructor(database: DatabaseSync, path: string) {
    this.#database = database;
    this.#path = path;
    this.#newer = database.prepare(newerEntries);
    this.#count = database.prepare('SELECT count(*) AS count FROM entries');
    this.#put = database.prepare('INSERT INTO entries VALUES (?, ?, ?)');
  }

  all(): StoredEntry[] {
    return stored(this.#newer.all(0));
  }

  extend(from: number, decide: (newer: readonly StoredEntry[]) => readonly StoredEntry[]): void {
    transact(this.#database, () => {
      const newer = stored(this.#newer.all(from));
      let position = from + newer.length;
      const made = sound(this.#path, () => {
        if (Number(this.#count.get()?.count) !== position) throw new LedgerBroken(position - 1, 'is gone');
        return decide(newer);
      });
      for (const { bytes, digest } of made) this.#put.run(position++, bytes, digest);
    });
  }
}

/** What `read` answers; a broken chain as the operator's business. */
function sound<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw error instanceof LedgerBroken ? broken(path, error) : error;
  }
}

function broken(path: string, cause: LedgerBroken): UserError {
  return new UserError(
    path,
    `the ledger is broken: ${cause.message}`,
    'Keep the file. Restore the newest backup, and count what was spent since then as spent: docs/ledger.md.',
    { cause },
  );
}

/** BLOB and TEXT NOT NULL, as the schema says. */
function stored(rows: readonly Record<string, unknown>[]): StoredEntry[] {
  return rows as unknown as StoredEntry[];
}
