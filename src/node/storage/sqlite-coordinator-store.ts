/** The coordinator's store in SQLite: one transaction, and so one fsync, per commit. */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import {
  type CoordinatorStore,
  type MessageKey,
  type Refusal,
  type ReleaseEvent,
  type RoundReport,
  type Run,
  StoreConflict,
  type Write,
} from '../../coordinator/store.ts';
import { decodeCbor, encodeCbor } from '../../core/bytes/cbor.ts';
import { coordinatorSchema } from './coordinator-schema.ts';
import { openDatabase, transact } from './database.ts';
import { RunRows } from './run-rows.ts';

/** Refusals of one client for one reason in one task that are kept with their evidence; later ones are counted only. */
const evidenceKept = 16;

/**
 * Opens or creates the coordinator's database at `path`. Besides a message, a round and a release are stored once: StoreConflict.
 * Throws as `openDatabase`; each method throws UserError and Problem `storage-full` for what the disk refuses.
 */
export function openCoordinatorStore(path: string): CoordinatorStore & { close(): void } {
  return new SqliteCoordinatorStore(openDatabase(path, coordinatorSchema));
}

class SqliteCoordinatorStore implements CoordinatorStore {
  readonly #database: DatabaseSync;
  readonly #runs: RunRows;
  readonly #statements: ReturnType<typeof prepare>;

  constructor(database: DatabaseSync) {
    this.#database = database;
    this.#runs = new RunRows(database);
    this.#statements = prepare(database);
  }

  async commit(writes: readonly Write[]): Promise<void> {
    try {
      transact(this.#database, () => {
        for (const write of writes) this.#write(write);
      });
    } catch (error) {
      this.#runs.forget();
      throw error;
    }
  }

  async runs(): Promise<Run[]> {
    return this.#runs.all();
  }

  async message(key: MessageKey): Promise<{ payload: Uint8Array; envelope: Uint8Array } | null> {
    const row = this.#statements.message.get(key.task, key.round, key.label, key.sender);
    // Both are BLOB NOT NULL.
    return row === undefined ? null : { payload: row.payload as Uint8Array, envelope: row.envelope as Uint8Array };
  }

  async rounds(task: string, after: number): Promise<RoundReport[]> {
    // Reports written before there were weights, or groups, have none.
    return values<RoundReport>(this.#statements.rounds.all(task, after)).map(report => ({
      ...{ weights: null, groups: null },
      ...report,
    }));
  }

  async refusals(task?: string): Promise<{ client: string | null; code: string; count: number }[]> {
    const { refusals, refusalsOf } = this.#statements;
    const rows = task === undefined ? refusals.all() : refusalsOf.all(task);
    return rows.map(row => ({
      client: row.client === '' ? null : String(row.client),
      code: String(row.code),
      count: Number(row.count),
    }));
  }

  async releases(task: string): Promise<ReleaseEvent[]> {
    return values<ReleaseEvent>(this.#statements.releases.all(task));
  }

  async setting(name: string): Promise<string | null> {
    const row = this.#statements.setting.get(name);
    return row === undefined ? null : String(row.value);
  }

  /** Folds the write-ahead log into the database and closes it. */
  close(): void {
    if (this.#database.isOpen) this.#database.close();
  }

  #write(write: Write): void {
    const { putMessage, putRound, putRelease, putSetting } = this.#statements;
    switch (write.put) {
      case 'run':
        this.#runs.put(write.run);
        break;
      case 'message': {
        const { task, round, label, sender } = write.key;
        once(putMessage.run(task, round, label, sender, write.payload, write.envelope), write.put);
        break;
      }
      case 'round':
        once(putRound.run(write.report.task, write.report.round, encodeCbor(write.report)), write.put);
        break;
      case 'release':
        once(putRelease.run(write.event.task, write.event.round, write.event.kind, encodeCbor(write.event)), write.put);
        break;
      case 'refusal':
        this.#writeRefusal(write.refusal, write.evidence);
        break;
      case 'setting':
        putSetting.run(write.name, write.value);
    }
  }

  #writeRefusal(refusal: Refusal, evidence: Uint8Array | null): void {
    const { task, round, client, code, at } = refusal;
    const { countRefusal, putRefusal } = this.#statements;
    const counted = countRefusal.get(task ?? '', client ?? '', code);
    if (Number(counted?.count) <= evidenceKept) putRefusal.run(task, round, client, code, at, evidence);
  }
}

function prepare(database: DatabaseSync) {
  const sql = (text: string): StatementSync => database.prepare(text);
  return {
    putMessage: sql('INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING'),
    message: sql('SELECT payload, envelope FROM messages WHERE task = ? AND round = ? AND label = ? AND sender = ?'),
    putRound: sql('INSERT INTO rounds VALUES (?, ?, ?) ON CONFLICT DO NOTHING'),
    rounds: sql('SELECT value FROM rounds WHERE task = ? AND round > ? ORDER BY round'),
    putRelease: sql('INSERT INTO releases VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING'),
    releases: sql('SELECT value FROM releases WHERE task = ? ORDER BY round, kind'),
    countRefusal: sql(`INSERT INTO refusal_counts VALUES (?, ?, ?, 1)
      ON CONFLICT (task, client, code) DO UPDATE SET count = count + 1 RETURNING count`),
    putRefusal: sql('INSERT INTO refusals (task, round, client, code, at, evidence) VALUES (?, ?, ?, ?, ?, ?)'),
    refusals: sql(
      'SELECT client, code, sum(count) AS count FROM refusal_counts GROUP BY client, code ORDER BY client, code',
    ),
    refusalsOf: sql('SELECT client, code, count FROM refusal_counts WHERE task = ? ORDER BY client, code'),
    putSetting: sql('INSERT INTO settings VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value'),
    setting: sql('SELECT value FROM settings WHERE name = ?'),
  };
}

/** What was written may be stored once: no row changed means that its key was there. */
function once(result: { readonly changes: number | bigint }, what: string): void {
  if (Number(result.changes) === 0) throw new StoreConflict(`this ${what} is stored already`);
}

/** The CBOR column `value` of each row. `T` is the type that was encoded into it. */
function values<T>(rows: readonly Record<string, unknown>[]): T[] {
  return rows.map(row => decodeCbor(row.value as Uint8Array) as unknown as T);
}
