/** Virtual time: nothing happens between two timers, so a week passes as fast as its events are worked off. */
import type { Clock } from '../core/protocol/ports.ts';

interface Timer {
  readonly at: number;
  /** Order of creation: the tie between timers of one instant. */
  readonly order: number;
  /** Null when it was cancelled: then it holds on to nothing. */
  action: (() => void) | null;
}

/** What the clock needs of its platform. */
export interface Turns {
  /** Resolves after every promise that can settle without waiting has settled: a macrotask (setImmediate in Node). */
  readonly turn: () => Promise<void>;
}

/** Virtual time that began 2025-01-01T00:00:00Z; any fixed instant would do, and none may depend on the real one. */
const epochMs = 1_735_689_600_000;

/** Timers run one at a time, by time, then by creation; each only after all that the one before set off has settled. */
export class VirtualClock implements Clock {
  readonly #turns: Turns;
  /** A binary heap, earliest first. */
  readonly #timers: Timer[] = [];
  /** Work outside, oldest first, with the virtual time at which it began. */
  readonly #outside = new Map<Promise<unknown>, number>();
  /** Work that everything waits for. */
  readonly #halting = new Set<Promise<unknown>>();
  readonly #patienceMs: number;
  #now = epochMs;
  #created = 0;

  /** @param patienceMs how much virtual time `outside` work may take; with 0 time stands still until it is done. */
  constructor(turns: Turns, patienceMs = 0) {
    this.#turns = turns;
    this.#patienceMs = patienceMs;
  }

  now(): number {
    return this.#now;
  }

  /** Milliseconds of virtual time since the beginning. */
  elapsed(): number {
    return this.#now - epochMs;
  }

  after(milliseconds: number, action: () => void): () => void {
    const at = this.#now + Math.max(0, Math.ceil(milliseconds));
    const timer: Timer = { at, order: this.#created++, action };
    this.#push(timer);
    return () => {
      timer.action = null;
    };
  }

  /** Work that takes real time (a thread pool): virtual time goes on by no more than the patience until it has settled. */
  outside<T>(work: Promise<T>): Promise<T> {
    const entry = work.catch(() => undefined).then(() => void this.#outside.delete(entry));
    this.#outside.set(entry, this.#now);
    return work;
  }

  /** The same for work that must not change the order of anything: nothing else happens until it has settled, at this instant neither. */
  halting<T>(work: Promise<T>): Promise<T> {
    const entry = work.catch(() => undefined).then(() => void this.#halting.delete(entry));
    this.#halting.add(entry);
    return work;
  }

  /**
   * Lets time pass until `done` answers true. False when virtual time reaches `limitMs` since the beginning, or when
   * nothing is left that could ever happen.
   */
  async run(done: () => boolean, limitMs: number): Promise<boolean> {
    for (;;) {
      await this.#settle();
      if (done()) return true;
      const timer = this.#next();
      if (timer === null || timer.at - epochMs > limitMs) return false;
      this.#now = timer.at;
      timer.action?.();
    }
  }

  /** Waits for everything that the next instant must not overtake. Work that began at one instant is done side by side. */
  async #settle(): Promise<void> {
    await this.#turns.turn();
    for (;;) {
      const [halting] = this.#halting;
      if (halting !== undefined) {
        await halting;
        await this.#turns.turn();
        continue;
      }
      const [oldest] = this.#outside;
      const next = this.#timers[0]?.at ?? Number.POSITIVE_INFINITY;
      if (oldest === undefined || next === this.#now || next <= oldest[1] + this.#patienceMs) return;
      await oldest[0];
      await this.#turns.turn();
    }
  }

  #push(timer: Timer): void {
    const heap = this.#timers;
    let at = heap.push(timer) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isEarlier(timer, heap[parent])) break;
      heap[at] = heap[parent];
      at = parent;
    }
    heap[at] = timer;
  }

  /** Takes out the earliest timer that was not cancelled. */
  #next(): Timer | null {
    for (;;) {
      const first = this.#timers[0];
      if (first === undefined) return null;
      this.#removeFirst();
      if (first.action !== null) return first;
    }
  }

  #removeFirst(): void {
    const heap = this.#timers;
    const last = heap.pop();
    // The heap was not empty: pop gave a timer, which is the first one when none is left.
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isEarlier(heap[child + 1], heap[child])) child++;
      if (!isEarlier(heap[child], last)) break;
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = last;
  }
}

function isEarlier(a: Timer, b: Timer): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
