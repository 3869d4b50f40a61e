/** The optimiser steps of a round: which rows each looks at, how their gradients are clipped, and what becomes of them. */
import type { Kernels } from '../math/kernels/kernels.ts';
import { RandomStream } from '../math/random.ts';
import type { TrainingSettings } from '../protocol/training-settings.ts';
import { minibatches } from './minibatches.ts';
import type { NetworkPlan } from './network.ts';
import type { GradientRule, Minibatch } from './part-learner.ts';

export interface Steps {
  readonly rule: GradientRule;
  /** The minibatch of a step, steps from 1 in order. */
  batch(step: number): Minibatch;
  /** Makes of the gradient in memory what the optimiser takes. */
  finish(batch: Minibatch): void;
}

export interface StepPlace {
  readonly kernels: Kernels;
  readonly plan: NetworkPlan;
}

/**
 * Minibatches shuffled by the seed of the round, which fixes the masks of dropout as well.
 * @param replayed row numbers of a step, in place of shuffled ones.
 */
export function shuffledSteps(
  { batchSize, clip }: Pick<TrainingSettings, 'batchSize' | 'clip'>,
  seed: Uint8Array,
  rows: number,
  { kernels, plan }: StepPlace,
  replayed?: (step: number) => ArrayLike<number>,
): Steps {
  const stream = new RandomStream(seed);
  const shuffled = minibatches(rows, batchSize, stream);
  const masks = stream.split('dropout');
  return {
    rule: { clip, maskKey: [masks.uint32(), masks.uint32()], unitNorm: null },
    batch(step) {
      const batch = { rows: replayed?.(step) ?? shuffled.next().value, step };
      const { length } = batch.rows;
      if (length < 1 || length > batchSize) throw new RangeError(`trainer: a batch of ${length} rows`);
      return batch;
    },
    finish() {
      if (clip?.per === 'batch') clipGradient(kernels, plan, clip.norm);
    },
  };
}

/**
 * Scales the gradient of the minibatch to the norm where it is longer (Pascanu et al. 2013). One that is not finite stays so, and with
 * it the parameters: it is never clipped into shape.
 */
function clipGradient(kernels: Kernels, plan: NetworkPlan, clipNorm: number): void {
  const norm = Math.sqrt(kernels.sumOfSquares(plan.gradient, plan.count));
  if (!(norm > clipNorm && norm < Infinity)) return;
  new Float32Array(kernels.buffer, plan.weights, 1)[0] = clipNorm / norm;
  kernels.scaleRows(plan.gradient, 1, plan.count, plan.weights);
}
