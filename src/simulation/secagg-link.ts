/** Requests of members and the coordinator's answers, as bytes on their way. */
import type { RandomStream } from '../core/math/random.ts';
import type { VirtualClock } from './clock.ts';
import type { LinkFaults } from './secagg-faults.ts';
import { streamOf } from './stream.ts';

/** Answers a request of a member, now or later; null while the coordinator is down. */
export type Answering = (at: number, request: Uint8Array, answer: (reply: Uint8Array) => void) => void;

/** One way, ms. */
const longestLatencyMs = 20;
const timeoutMs = 1000;

export class SessionLink {
  readonly #clock: VirtualClock;
  readonly #faults: LinkFaults;
  readonly #random: RandomStream;
  #answering: Answering | null = null;

  constructor(clock: VirtualClock, faults: LinkFaults, seed: number) {
    this.#clock = clock;
    this.#faults = faults;
    this.#random = streamOf(seed, 'session-link');
  }

  /** From now on requests go here; null: to nobody. */
  listen(answering: Answering | null): void {
    this.#answering = answering;
  }

  /** Sends a request. `heard` is called with null when no answer has come in time, with an answer, and with an answer that comes twice. */
  ask(at: number, request: Uint8Array, heard: (reply: Uint8Array | null) => void): void {
    let isWaiting = true;
    const stop = this.#clock.after(timeoutMs, () => {
      isWaiting = false;
      heard(null);
    });
    this.#carry(request, arrived => {
      this.#answering?.(at, arrived, reply =>
        this.#carry(reply, back => {
          if (!isWaiting) return;
          stop();
          heard(back);
        }),
      );
    });
  }

  #carry(bytes: Uint8Array, arrive: (bytes: Uint8Array) => void): void {
    const { lost, late, repeated, damaged, longestMs } = this.#faults;
    const happens = (share: number): boolean => share > 0 && this.#random.float64() < share;
    const delay = (): number => 1 + this.#random.below(longestLatencyMs);
    if (happens(lost)) return;
    const sent = happens(damaged) ? this.#flipped(bytes) : bytes;
    const extra = happens(late) ? this.#random.below(longestMs + 1) : 0;
    this.#clock.after(delay() + extra, () => arrive(sent));
    if (happens(repeated)) this.#clock.after(delay() + extra + this.#random.below(longestMs + 1), () => arrive(sent));
  }

  #flipped(bytes: Uint8Array): Uint8Array {
    const out = bytes.slice();
    if (out.length > 0) out[this.#random.below(out.length)] ^= 1 << this.#random.below(8);
    return out;
  }
}
