/** The client's outbox in memory, with the behaviour of the one on disk. */
import type { Outbox, Outgoing } from '../client/outbox.ts';
import { sameBytes } from '../core/bytes/floats.ts';
import { Problem } from '../core/protocol/problem.ts';
import { Crashed, type StorageFaults } from './crashed.ts';

/** What was said, by task, round and label; it outlives the process that said it. */
type Disk = Map<string, Map<string, Outgoing>>;

/**
 * Only the newest round of a task can be said again: `find` throws Problem `replayed` for one answered before it, `put` throws Problem
 * `equivocation` for another envelope under the same task, round and label.
 */
export class MemoryOutbox implements Outbox {
  readonly #faults: StorageFaults;
  #disk: Disk | null = new Map();

  constructor(faults: StorageFaults = {}) {
    this.#faults = faults;
  }

  /** The process dies: this object throws Crashed from now on, the one returned holds what was put. */
  crash(): MemoryOutbox {
    const next = new MemoryOutbox(this.#faults);
    next.#disk = this.#opened();
    this.#disk = null;
    return next;
  }

  async find(task: string, round: number, label: string): Promise<Outgoing | null> {
    const said = this.#opened().get(task);
    const found = said?.get(JSON.stringify([round, label]));
    if (said === undefined || found === undefined) return null;
    if (round < newest(said))
      throw new Problem('replayed', `this client answered round ${round} before, and went on since`);
    return { ...found, envelope: found.envelope.slice() };
  }

  async put(message: Outgoing): Promise<void> {
    const { task, round, label, model, envelope, tensor } = message;
    const disk = this.#opened();
    const said = disk.get(task) ?? new Map<string, Outgoing>();
    const id = JSON.stringify([round, label]);
    const found = said.get(id);
    if (found !== undefined && sameBytes(found.envelope, envelope)) return;
    if (found !== undefined) throw new Problem('equivocation', `this client said something else in round ${round}`);
    this.#faults.beforeCommit?.();
    said.set(id, { task, round, label, model, envelope: envelope.slice(), tensor });
    disk.set(task, said);
  }

  #opened(): Disk {
    if (this.#disk === null) throw new Crashed();
    return this.#disk;
  }
}

function newest(said: ReadonlyMap<string, Outgoing>): number {
  let round = 0;
  for (const message of said.values()) round = Math.max(round, message.round);
  return round;
}
