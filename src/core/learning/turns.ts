/** Taking turns: long computations let others run, counted in work because the core has no clock. */
import type { Kernels } from '../math/kernels/kernels.ts';

/** Multiply–adds between two pauses: about 20 ms on a machine of 2020 or later. */
const workPerTurn = { simd: 2e8, twin: 1e7 } as const satisfies Record<Kernels['name'], number>;
/** What a step costs beside its multiply–adds. */
const workPerStep = 20_000;

export interface TurnOptions {
  /** Resolves when others have run: a macrotask. Without it the computation keeps the thread until it is done. */
  readonly yieldNow?: () => Promise<void>;
  readonly signal?: AbortSignal;
}

/** Counts work and says when a pause is due. */
export class Turns {
  readonly #options: TurnOptions;
  readonly #budget: number;
  #done = 0;

  constructor(kernels: Kernels['name'], options: TurnOptions) {
    this.#budget = workPerTurn[kernels];
    this.#options = options;
    options.signal?.throwIfAborted();
  }

  /** Adds work, in multiply–adds; true when a pause is due. */
  due(work: number): boolean {
    this.#done += work + workPerStep;
    return this.#done >= this.#budget;
  }

  /** Lets others run. Throws the signal's reason when it was aborted. */
  async pause(): Promise<void> {
    this.#done = 0;
    await this.#options.yieldNow?.();
    this.#options.signal?.throwIfAborted();
  }
}
