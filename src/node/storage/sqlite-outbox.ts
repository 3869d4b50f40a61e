/** The client's outbox in SQLite, in a database of its own. */
import { hash } from 'node:crypto';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Outbox, Outgoing } from '../../client/outbox.ts';
import { sameBytes } from '../../core/bytes/floats.ts';
import { Problem } from '../../core/protocol/problem.ts';
import { openDatabase, type Schema, transact } from './database.ts';

const schema: Schema = {
  /** "PLcl" in ASCII. */
  applicationId: 0x504c636c,
  migrations: [
    `CREATE TABLE outgoing (
      task TEXT NOT NULL,
      round INTEGER NOT NULL,
      label TEXT NOT NULL,
      model TEXT NOT NULL,
      digest BLOB NOT NULL,
      envelope BLOB,
      tensor TEXT,
      PRIMARY KEY (task, round, label)
    ) STRICT;
    CREATE INDEX outgoing_whole ON outgoing (task, round) WHERE envelope IS NOT NULL;`,
  ],
};

/**
 * Opens or creates the outbox at `path`. Nothing said is ever forgotten, but only the newest round of a task can be said again:
 * a message of a later round drops the bytes of the rounds before it and keeps that they were answered. So:
 * `find` gives the message of the newest round, null for a later one, and throws Problem `replayed` for any round before it, answered or not;
 * `put` of the same envelope again changes nothing, of another one for the same task, round and label throws Problem `equivocation`.
 * Throws as `openDatabase`.
 */
export function openOutbox(path: string): Outbox & { close(): void } {
  return new SqliteOutbox(openDatabase(path, schema));
}

class SqliteOutbox implements Outbox {
  readonly #database: DatabaseSync;
  readonly #find: StatementSync;
  readonly #put: StatementSync;
  readonly #drop: StatementSync;
  readonly #later: StatementSync;
  readonly #newest: StatementSync;

  constructor(database: DatabaseSync) {
    this.#database = database;
    this.#find = database.prepare(
      'SELECT model, digest, envelope, tensor FROM outgoing WHERE task = ? AND round = ? AND label = ?',
    );
    this.#later = database.prepare('SELECT 1 FROM outgoing WHERE task = ? AND round > ? LIMIT 1');
    this.#newest = database.prepare('SELECT max(round) AS round FROM outgoing WHERE task = ? AND label = ?');
    this.#put = database.prepare('INSERT INTO outgoing VALUES (?, ?, ?, ?, ?, ?, ?)');
    this.#drop = database.prepare(
      'UPDATE outgoing SET envelope = NULL, tensor = NULL WHERE task = ? AND round < ? AND envelope IS NOT NULL',
    );
  }

  async find(task: string, round: number, label: string): Promise<Outgoing | null> {
    const row = this.#row(task, round, label);
    if (row === undefined) {
      if (this.#later.get(task, round) === undefined) return null;
      throw new Problem('replayed', `this client went on to a later round than ${round}`);
    }
    const { model, envelope, tensor } = row;
    if (envelope === null)
      throw new Problem('replayed', `this client answered round ${round} before, and went on since`);
    return { task, round, label, model, envelope, tensor };
  }

  async newest(task: string, label: string): Promise<number | null> {
    const round = this.#newest.get(task, label)?.round ?? null;
    return round === null ? null : Number(round);
  }

  async put(message: Outgoing): Promise<void> {
    const { task, round, label, model, envelope, tensor } = message;
    const digest = hash('sha256', envelope, 'buffer');
    transact(this.#database, () => {
      const stored = this.#row(task, round, label);
      if (stored !== undefined) {
        if (sameBytes(stored.digest, digest)) return;
        throw new Problem('equivocation', `this client said something else in round ${round}`);
      }
      this.#put.run(task, round, label, model, digest, envelope, tensor);
      this.#drop.run(task, round);
    });
  }

  /** Folds the write-ahead log into the database and closes it. */
  close(): void {
    if (this.#database.isOpen) this.#database.close();
  }

  #row(task: string, round: number, label: string): Row | undefined {
    // The columns selected, as the schema types them.
    return this.#find.get(task, round, label) as Row | undefined;
  }
}

interface Row {
  readonly model: string;
  readonly digest: Uint8Array;
  readonly envelope: Uint8Array | null;
  readonly tensor: string | null;
}
