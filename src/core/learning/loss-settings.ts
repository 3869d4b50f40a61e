/** Losses as data. A row's loss is the mean over its predictions; a minibatch's is the mean over its rows. */
import type { OutputShape } from './shape.ts';

export type LossSettings =
  /** −log softmax(z)[y] over classes, per step. */
  | { readonly name: 'cross-entropy' }
  /** log(1 + exp z) − y·z, one logit per step. */
  | { readonly name: 'binary' }
  /** (z − y)². */
  | { readonly name: 'mse' }
  /** ½d² for |d| ≤ δ, else δ(|d| − ½δ) (Huber 1964; PyTorch's HuberLoss). */
  | { readonly name: 'huber'; readonly delta: number }
  /** Pinball loss max(q·d, (q − 1)·d), d = y − z, one output per level q (Koenker and Bassett 1978). */
  | { readonly name: 'quantile'; readonly levels: readonly number[] };

/** The loss that a kind of output has where the task names none. */
export function defaultLoss(output: OutputShape): LossSettings {
  if (output.kind === 'numbers') return { name: 'mse' };
  return output.classes === 2 ? { name: 'binary' } : { name: 'cross-entropy' };
}

/** Outputs of the network per position of a row (a step, or the row itself). */
export function outputsPerPosition(output: OutputShape, loss: LossSettings): number {
  if (loss.name === 'cross-entropy') return output.kind === 'classes' ? output.classes : 0;
  if (loss.name === 'binary') return 1;
  const count = output.kind === 'numbers' ? output.count : 0;
  return loss.name === 'quantile' ? count * loss.levels.length : count;
}

/** Positions of a row that the loss speaks about. */
export function positions(output: OutputShape): number {
  return output.kind === 'classes' ? output.steps : 1;
}
