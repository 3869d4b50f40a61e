/** The coordinator's store in memory, with the behaviour of the one on disk: atomic, and nothing shared with its callers. */
import {
  type CoordinatorStore,
  type MessageKey,
  type ReleaseEvent,
  type RoundReport,
  type Run,
  StoreConflict,
  type Write,
} from '../coordinator/store.ts';
import { decodeCbor, encodeCbor } from '../core/bytes/cbor.ts';
import { Crashed, type StorageFaults } from './crashed.ts';

/** A run in bytes: all of it but its lists, and each item of those. */
interface StoredRun {
  readonly order: number;
  readonly head: Uint8Array;
  readonly cohort: Uint8Array | null;
  readonly received: readonly Uint8Array[];
  readonly evaluations: readonly Uint8Array[];
}

/** Everything that was committed; it outlives the process that wrote it. Composite keys are JSON arrays. */
interface Disk {
  readonly runs: Map<string, StoredRun>;
  readonly messages: Map<string, { readonly payload: Uint8Array; readonly envelope: Uint8Array }>;
  /** task → round → report. */
  readonly rounds: Map<string, Map<number, Uint8Array>>;
  readonly releases: Map<string, Map<string, Uint8Array>>;
  /** [task, client, code] → count. */
  readonly refusals: Map<string, number>;
  readonly settings: Map<string, string>;
}

/** Each commit is whole or nothing; a message, a round and a release are stored once (StoreConflict). */
export class MemoryStore implements CoordinatorStore {
  readonly #faults: StorageFaults;
  #disk: Disk | null;

  constructor(faults: StorageFaults = {}) {
    this.#faults = faults;
    this.#disk = {
      runs: new Map(),
      messages: new Map(),
      rounds: new Map(),
      releases: new Map(),
      refusals: new Map(),
      settings: new Map(),
    };
  }

  /** The process dies: this object throws Crashed from now on, the one returned holds what was committed. */
  crash(): MemoryStore {
    const next = new MemoryStore(this.#faults);
    next.#disk = this.#opened();
    this.#disk = null;
    return next;
  }

  async commit(writes: readonly Write[]): Promise<void> {
    const disk = this.#opened();
    // Everything that can fail happens before the first change.
    const taken = new Set<string>();
    const changes = writes.map(write => prepare(write, disk, taken));
    this.#faults.beforeCommit?.();
    for (const change of changes) change();
  }

  async runs(): Promise<Run[]> {
    const stored = [...this.#opened().runs].sort(([a, x], [b, y]) => x.order - y.order || (a < b ? -1 : 1));
    return stored.map(([, run]) => decodeRun(run));
  }

  async message(key: MessageKey): Promise<{ payload: Uint8Array; envelope: Uint8Array } | null> {
    const stored = this.#opened().messages.get(messageId(key));
    return stored === undefined ? null : { payload: stored.payload.slice(), envelope: stored.envelope.slice() };
  }

  async rounds(task: string, after: number): Promise<RoundReport[]> {
    const stored = [...(this.#opened().rounds.get(task) ?? [])].filter(([round]) => round > after);
    return stored.sort(([a], [b]) => a - b).map(([, bytes]) => decoded<RoundReport>(bytes));
  }

  async refusals(task?: string): Promise<{ client: string | null; code: string; count: number }[]> {
    const sums = new Map<string, { client: string; code: string; count: number }>();
    for (const [id, count] of this.#opened().refusals) {
      const [of, client, code] = JSON.parse(id) as [string, string, string]; // as `refusalId` wrote it
      if (task !== undefined && of !== task) continue;
      const key = JSON.stringify([client, code]);
      sums.set(key, { client, code, count: (sums.get(key)?.count ?? 0) + count });
    }
    const sorted = [...sums.values()].sort((a, b) => order(a.client, b.client) || order(a.code, b.code));
    return sorted.map(sum => ({ ...sum, client: sum.client === '' ? null : sum.client }));
  }

  async releases(task: string): Promise<ReleaseEvent[]> {
    const stored = [...(this.#opened().releases.get(task)?.values() ?? [])].map(bytes => decoded<ReleaseEvent>(bytes));
    return stored.sort((a, b) => a.round - b.round || order(a.kind, b.kind));
  }

  async setting(name: string): Promise<string | null> {
    return this.#opened().settings.get(name) ?? null;
  }

  #opened(): Disk {
    if (this.#disk === null) throw new Crashed();
    return this.#disk;
  }
}

/** Checks and copies one write; the function returned makes it. `taken` holds the keys that this commit writes once. */
function prepare(write: Write, disk: Disk, taken: Set<string>): () => void {
  const once = (present: boolean, id: string): void => {
    const key = JSON.stringify([write.put, id]);
    if (present || taken.has(key)) throw new StoreConflict(`this ${write.put} is stored already`);
    taken.add(key);
  };
  switch (write.put) {
    case 'run': {
      const { task } = write.run;
      const bytes = encodeRun(write.run);
      return () => disk.runs.set(task, bytes);
    }
    case 'message': {
      const id = messageId(write.key);
      once(disk.messages.has(id), id);
      const value = { payload: write.payload.slice(), envelope: write.envelope.slice() };
      return () => disk.messages.set(id, value);
    }
    case 'round': {
      const { task, round } = write.report;
      once(disk.rounds.get(task)?.has(round) ?? false, JSON.stringify([task, round]));
      const bytes = encodeCbor(write.report);
      return () => within(disk.rounds, task).set(round, bytes);
    }
    case 'release': {
      const { task, round, kind } = write.event;
      const id = JSON.stringify([round, kind]);
      once(disk.releases.get(task)?.has(id) ?? false, JSON.stringify([task, id]));
      const bytes = encodeCbor(write.event);
      return () => within(disk.releases, task).set(id, bytes);
    }
    case 'refusal': {
      const { task, client, code } = write.refusal;
      const id = JSON.stringify([task ?? '', client ?? '', code]);
      return () => disk.refusals.set(id, (disk.refusals.get(id) ?? 0) + 1);
    }
    case 'setting': {
      const { name, value } = write;
      return () => disk.settings.set(name, value);
    }
  }
}

/** Items of lists that were encoded before: runs share them from write to write, and they are never changed. */
const encodedItems = new WeakMap<object, Uint8Array>();

function encodeItem(item: object): Uint8Array {
  const known = encodedItems.get(item);
  if (known !== undefined) return known;
  const bytes = encodeCbor(item);
  encodedItems.set(item, bytes);
  return bytes;
}

function encodeRun(run: Run): StoredRun {
  const { cohort, received, evaluations, ...head } = run;
  return {
    order: run.order,
    head: encodeCbor(head),
    cohort: cohort === null ? null : encodeItem(cohort),
    received: received.map(encodeItem),
    evaluations: evaluations.map(encodeItem),
  };
}

function decodeRun(run: StoredRun): Run {
  const lists = {
    cohort: run.cohort === null ? null : decodeCbor(run.cohort),
    received: run.received.map(decodeCbor),
    evaluations: run.evaluations.map(decodeCbor),
  };
  // `encodeRun` wrote a Run in these parts.
  return { ...decoded<object>(run.head), ...lists } as object as Run;
}

/** What was encoded from a `T`. */
function decoded<T>(bytes: Uint8Array): T {
  return decodeCbor(bytes) as unknown as T;
}

function messageId(key: MessageKey): string {
  return JSON.stringify([key.task, key.round, key.label, key.sender]);
}

function within<K, V>(maps: Map<string, Map<K, V>>, key: string): Map<K, V> {
  const known = maps.get(key);
  if (known !== undefined) return known;
  const made = new Map<K, V>();
  maps.set(key, made);
  return made;
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
