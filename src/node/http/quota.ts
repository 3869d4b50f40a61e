/** How many bodies or answers of one member may be under way at once: each costs memory, or an open file, until it ends. */
import { Problem } from '../../core/protocol/problem.ts';

interface Stream {
  readonly destroyed?: boolean;
  once(event: 'close', listener: () => void): unknown;
}

export class Quota {
  readonly #most: number;
  readonly #what: string;
  readonly #open = new Map<string, number>();

  /** @param most of one member at once. @param what is counted, for the log. */
  constructor(most: number, what = 'bodies') {
    this.#most = most;
    this.#what = what;
  }

  /** Counts until the stream closes. Throws Problem `too-many`. */
  take(member: string, stream: Stream): void {
    const open = this.#open.get(member) ?? 0;
    if (open >= this.#most) throw new Problem('too-many', `${this.#most} ${this.#what} are under way`);
    // It may have told its end already, and would be counted for ever.
    if (stream.destroyed === true) throw new Problem('bad-request', 'the stream has ended');
    this.#open.set(member, open + 1);
    stream.once('close', () => {
      const left = (this.#open.get(member) ?? 1) - 1;
      if (left > 0) this.#open.set(member, left);
      else this.#open.delete(member);
    });
  }
}
