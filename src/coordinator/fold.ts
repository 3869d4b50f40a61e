/** The running sum of a round: updates are added in the order of their clients' names, as early as that order allows. */
import { WeightedSum } from '../core/aggregation/weighted-mean.ts';
import { bytesToFloats } from '../core/bytes/floats.ts';
import type { Blobs } from '../core/protocol/ports.ts';
import { updateKey } from './admit.ts';
import type { Received, Run } from './store.ts';

/**
 * While a round is open, the updates at the head of the cohort's order are added already; the rest follows when it closes. The
 * order of addition, and so every bit of the sum, is the same as if all were added at the end. Lives in memory only: after a
 * crash, or when a round asks anew, the sum starts again from the stored updates. Memory: one float64 vector.
 */
export class Fold {
  readonly #blobs: Blobs;
  readonly #task: string;
  readonly #round: number;
  readonly #length: number;
  readonly #folded: string[] = [];
  #sum: WeightedSum | null = null;

  /** @param length number of parameters. */
  constructor(blobs: Blobs, run: Run, length: number) {
    this.#blobs = blobs;
    this.#task = run.task;
    this.#round = run.round;
    this.#length = length;
  }

  /** Adds what has arrived, up to the first client of the cohort that may still answer. */
  async advance(run: Run): Promise<void> {
    const arrived = new Map(run.received.map(update => [update.client, update]));
    for (const client of run.cohort ?? []) {
      const update = arrived.get(client);
      if (update === undefined && !run.refused.includes(client)) return;
      const last = this.#folded.at(-1);
      if (update !== undefined && (last === undefined || client > last)) await this.#add(update);
    }
  }

  /**
   * The weighted mean of exactly these updates, ordered by client. Ends the sum. Throws Error when what was added before is not
   * the head of them.
   */
  async mean(updates: readonly Received[], totalWeight: number): Promise<Float32Array> {
    return (await this.#ended(updates)).mean(totalWeight);
  }

  /** Σ weight·update of exactly these, in float64; otherwise as `mean`. */
  async sum(updates: readonly Received[]): Promise<Float64Array> {
    return (await this.#ended(updates)).sum();
  }

  async #ended(updates: readonly Received[]): Promise<WeightedSum> {
    if (this.#folded.some((client, i) => updates[i]?.client !== client))
      throw new Error('the running sum is of another cohort');
    for (const update of updates.slice(this.#folded.length)) await this.#add(update);
    const sum = this.#sum ?? new WeightedSum(this.#length);
    this.#sum = null;
    return sum;
  }

  async #add({ client, tensor, weight }: Received): Promise<void> {
    this.#sum ??= new WeightedSum(this.#length);
    const chunks = await this.#blobs.stream(updateKey(this.#task, this.#round, client, tensor));
    if (chunks === null) throw new Error(`the update of ${client} for round ${this.#round} is missing from storage`);
    this.#folded.push(client);
    let offset = 0;
    for await (const chunk of chunks) {
      const values = bytesToFloats(chunk);
      this.#sum.add(values, offset, weight);
      offset += values.length;
    }
    if (offset !== this.#length) throw new Error(`the stored update of ${client} is not whole`);
  }
}
