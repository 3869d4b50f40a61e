/** The client's outbox in memory, with the behaviour of the one on disk. */
import type { Outbox, Outgoing } from '../client/outbox.ts';
import { sameBytes } from '../core/bytes/floats.ts';
import { Problem } from '../core/protocol/problem.ts';
import { Crashed, type StorageFaults } from './crashed.ts';

interface Said {
  readonly message: Outgoing;
  /** It can be said again: nothing was said in a later round since. */
  readonly whole: boolean;
}

/** What was said, by task, then by round and label; it outlives the process that said it. */
type Disk = Map<string, Map<string, Said>>;

/**
 * Only the newest round of a task can be said again: `find` throws Problem `replayed` for one before it, answered or not, `put` throws Problem
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
    const found = this.#opened()
      .get(task)
      ?.get(JSON.stringify([round, label]));
    if (found === undefined) {
      const said = [...(this.#opened().get(task)?.values() ?? [])];
      if (!said.some(other => other.message.round > round)) return null;
      throw new Problem('replayed', `this client went on to a later round than ${round}`);
    }
    if (!found.whole) throw new Problem('replayed', `this client answered round ${round} before, and went on since`);
    return { ...found.message, envelope: found.message.envelope.slice() };
  }

  async newest(task: string, label: string): Promise<number | null> {
    const said = [...(this.#opened().get(task)?.values() ?? [])].map(({ message }) => message);
    const rounds = said.filter(message => message.label === label).map(message => message.round);
    return rounds.length === 0 ? null : Math.max(...rounds);
  }

  async put(message: Outgoing): Promise<void> {
    const { task, round, label, model, envelope, tensor } = message;
    const disk = this.#opened();
    const said = disk.get(task) ?? new Map<string, Said>();
    const id = JSON.stringify([round, label]);
    const found = said.get(id);
    if (found !== undefined && sameBytes(found.message.envelope, envelope)) return;
    if (found !== undefined) throw new Problem('equivocation', `this client said something else in round ${round}`);
    this.#faults.beforeCommit?.();
    for (const [key, other] of said) {
      if (other.whole && other.message.round < round) said.set(key, { ...other, whole: false });
    }
    said.set(id, { message: { task, round, label, model, envelope: envelope.slice(), tensor }, whole: true });
    disk.set(task, said);
  }

  #opened(): Disk {
    if (this.#disk === null) throw new Crashed();
    return this.#disk;
  }
}
