/** Presence: which clients are listening now, and waking them when there is work. Kept in memory only. */
import type { Clock } from '../core/protocol/ports.ts';

/** A client counts as present for so long after its last request: the time between two polls. */
const graceMs = 15_000;

export class Presence {
  readonly #clock: Clock;
  readonly #seen = new Map<string, number>();
  readonly #open = new Map<string, number>();
  readonly #waiting = new Set<() => void>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Notes that a client began to wait; call the result when it stopped. */
  arrive(client: string): () => void {
    this.#open.set(client, (this.#open.get(client) ?? 0) + 1);
    this.#seen.set(client, this.#clock.now());
    let left = false;
    return () => {
      if (left) return;
      left = true;
      const others = (this.#open.get(client) ?? 1) - 1;
      if (others > 0) this.#open.set(client, others);
      else this.#open.delete(client);
      if (this.#seen.has(client)) this.#seen.set(client, this.#clock.now());
    };
  }

  /** Forgets a client, as after its revocation. */
  forget(client: string): void {
    this.#open.delete(client);
    this.#seen.delete(client);
  }

  /** Names of the present clients, sorted. */
  present(): string[] {
    const now = this.#clock.now();
    for (const [client, at] of this.#seen) {
      // A clock set back leaves times in the future: those count as now.
      if (at > now) this.#seen.set(client, now);
      else if (!this.#open.has(client) && now - at > graceMs) this.#seen.delete(client);
    }
    return [...this.#seen.keys()].sort();
  }

  /** Wakes everyone who waits in `change`. */
  wake(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const resolve of waiting) resolve();
  }

  /** Resolves at the next `wake`, after `milliseconds`, or when `signal` aborts. */
  change(milliseconds: number, signal?: AbortSignal): Promise<void> {
    return new Promise(resolve => {
      if (signal?.aborted) return resolve();
      const done = (): void => {
        this.#waiting.delete(done);
        cancel();
        signal?.removeEventListener('abort', done);
        resolve();
      };
      const cancel = this.#clock.after(milliseconds, done);
      signal?.addEventListener('abort', done, { once: true });
      this.#waiting.add(done);
    });
  }
}
