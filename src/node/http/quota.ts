/** How many bodies one member may send at once: each costs a buffer and an open file until it ends. */
import { Problem } from '../../core/protocol/problem.ts';

export class Quota {
  readonly #most: number;
  readonly #open = new Map<string, number>();

  /** @param most bodies of one member at once. */
  constructor(most: number) {
    this.#most = most;
  }

  /** Counts a body until its stream closes. Throws Problem `too-many`. */
  take(member: string, stream: { once(event: 'close', listener: () => void): unknown }): void {
    const open = this.#open.get(member) ?? 0;
    if (open >= this.#most) throw new Problem('too-many', `${this.#most} bodies are under way`);
    this.#open.set(member, open + 1);
    stream.once('close', () => {
      const left = (this.#open.get(member) ?? 1) - 1;
      if (left > 0) this.#open.set(member, left);
      else this.#open.delete(member);
    });
  }
}
