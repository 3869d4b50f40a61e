/** Runs as rows: a head that every write replaces, and lists of which only what changed is written. */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Run } from '../../coordinator/store.ts';
import { decodeCbor, encodeCbor } from '../../core/bytes/cbor.ts';

const listNames = ['cohort', 'received', 'evaluations'] as const;
type ListName = (typeof listNames)[number];
/** What rows lack that were written before there was such a field. */
const laterFields = {
  offenders: [],
  privacy: null,
  groups: null,
  voids: 0,
  lastSet: null,
  deal: null,
  toss: null,
  blamed: [],
} satisfies Partial<Run>;
type Lists = Readonly<Record<ListName, readonly object[]>>;

/**
 * Writes and reads runs inside the transactions of its owner. A run goes from write to write by copying, so that its lists share
 * their items: items are compared by identity, and a cohort of n clients costs n small rows in a round, not n²/2.
 * An item must not be changed after it was put (all of `Run` is read-only).
 */
export class RunRows {
  readonly #putHead: StatementSync;
  readonly #putItem: StatementSync;
  readonly #cutItems: StatementSync;
  readonly #heads: StatementSync;
  readonly #items: StatementSync;
  /** The lists as they are stored, of runs written since the database was opened or `forget` was called. */
  readonly #stored = new Map<string, Lists>();

  constructor(database: DatabaseSync) {
    this.#putHead = database.prepare(
      'INSERT INTO runs VALUES (?, ?, ?) ON CONFLICT (task) DO UPDATE SET place = excluded.place, value = excluded.value',
    );
    this.#putItem = database.prepare('INSERT INTO run_items VALUES (?, ?, ?, ?)');
    this.#cutItems = database.prepare('DELETE FROM run_items WHERE task = ? AND list = ? AND place >= ?');
    this.#heads = database.prepare('SELECT task, value FROM runs ORDER BY place, task');
    this.#items = database.prepare('SELECT value FROM run_items WHERE task = ? AND list = ? ORDER BY place');
  }

  put(run: Run): void {
    const { cohort, received, evaluations, ...head } = run;
    this.#putHead.run(run.task, run.order, encodeCbor(head));
    const lists: Lists = { cohort: cohort === null ? [] : [cohort], received, evaluations };
    const stored = this.#stored.get(run.task);
    for (const name of listNames) this.#putList(run.task, name, lists[name], stored?.[name] ?? null);
    this.#stored.set(run.task, lists);
  }

  /** After a rollback: nothing is known of what is stored, so the next write of a run replaces its lists. */
  forget(): void {
    this.#stored.clear();
  }

  all(): Run[] {
    return this.#heads.all().map(row => {
      const { task, value } = row as { task: string; value: Uint8Array }; // the columns selected, NOT NULL
      const [cohort = null] = this.#list(task, 'cohort');
      const lists = { cohort, received: this.#list(task, 'received'), evaluations: this.#list(task, 'evaluations') };
      // `put` wrote a Run in these parts.
      return { ...laterFields, ...(decodeCbor(value) as object), ...lists } as object as Run;
    });
  }

  #putList(task: string, name: ListName, items: readonly object[], stored: readonly object[] | null): void {
    const same = stored === null ? 0 : commonLength(items, stored);
    if (stored === null || same < stored.length) this.#cutItems.run(task, name, same);
    for (let place = same; place < items.length; place++)
      this.#putItem.run(task, name, place, encodeCbor(items[place]));
  }

  #list(task: string, name: ListName): unknown[] {
    return this.#items.all(task, name).map(row => decodeCbor(row.value as Uint8Array)); // a BLOB, NOT NULL
  }
}

function commonLength(a: readonly object[], b: readonly object[]): number {
  let length = 0;
  while (length < a.length && length < b.length && a[length] === b[length]) length++;
  return length;
}
