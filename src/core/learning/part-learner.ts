/** One thread's share of training: takes part of a minibatch through the network and adds its gradient. */
import type { Dataset } from '../data/dataset.ts';
import { copyRows } from '../data/rows.ts';
import type { Kernels } from '../math/kernels/kernels.ts';
import type { Task } from '../protocol/task.ts';
import { backward, backwardClipped, forward, type NetworkPlan, passOver } from './network.ts';

export type ClipSettings = Task['training']['clip'];

/** What becomes of the rows' gradients. */
export interface GradientRule {
  readonly clip: ClipSettings;
  /** Fixes the random masks of dropout. */
  readonly maskKey: readonly [number, number];
  /**
   * Private: the norm that clipped gradients have in their sum (`private-sum.ts`), which takes the place of their mean; needs a plan for
   * private training. Null otherwise.
   */
  readonly unitNorm: number | null;
}

/** Rows of a minibatch. */
export interface Minibatch {
  readonly rows: ArrayLike<number>;
  /** Optimiser step, from 1. */
  readonly step: number;
}

export class PartLearner {
  readonly #kernels: Kernels;
  readonly #plan: NetworkPlan;
  readonly #data: Dataset;
  readonly #maskKey: readonly [number, number];
  readonly #clipNorm: number | null;
  readonly #unitNorm: number | null;

  constructor(kernels: Kernels, plan: NetworkPlan, data: Dataset, { clip, maskKey, unitNorm }: GradientRule) {
    this.#kernels = kernels;
    this.#plan = plan;
    this.#data = data;
    this.#maskKey = maskKey;
    this.#clipNorm = clip?.per === 'example' ? clip.norm : null;
    this.#unitNorm = unitNorm;
    if (unitNorm !== null && this.#clipNorm === null)
      throw new RangeError('trainer: private gradients are clipped per example');
  }

  /**
   * Adds the gradient of (the summed loss of the rows from `first` on / rows of the minibatch) to the vector at `target`;
   * as many rows as the plan holds. Private: the sum of the clipped gradients × unitNorm / clip norm. Returns the summed loss.
   */
  learn({ rows, step }: Minibatch, first: number, target: number): number {
    const plan = this.#plan;
    const count = Math.min(plan.rows, rows.length - first);
    this.#gather(rows, first, count);
    const unitNorm = this.#unitNorm;
    const numbers = unitNorm === null ? {} : { numbers: rows };
    const masks = { key: this.#maskKey, step, firstRow: first, ...numbers };
    const pass = passOver(this.#kernels, plan, count, masks, target);
    forward(plan, pass);
    if (this.#clipNorm === null) return backward(plan, pass, rows.length);
    const divisor = unitNorm === null ? rows.length : this.#clipNorm / unitNorm;
    return backwardClipped(plan, pass, divisor, this.#clipNorm);
  }

  /** Copies rows into kernel memory. */
  #gather(rows: ArrayLike<number>, first: number, count: number): void {
    const { inputWidth, labelWidth, input, labels } = this.#plan;
    const { rows: total, labels: known } = this.#data;
    const memory = new Float32Array(this.#kernels.buffer);
    for (let i = 0; i < count; i++) {
      const row = rows[first + i];
      if (!(row >= 0 && row < total)) throw new RangeError(`trainer: there is no row ${row}`);
      copyRows(this.#data, row, 1, memory, input / 4 + i * inputWidth);
      memory.set(known.subarray(row * labelWidth, (row + 1) * labelWidth), labels / 4 + i * labelWidth);
    }
  }
}
