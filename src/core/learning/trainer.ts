/** The trainer port: what a round asks of whoever trains. Our engine fills it; a foreign trainer may. */
import type { ModelSettings } from '../protocol/model-settings.ts';
import type { Manifest } from './parameters.ts';

export interface TrainRequest {
  /** The global parameters to start from. Read-only: a trainer must not write into it. */
  readonly parameters: Float32Array;
  /** What the parameters are of, where a round trains a smaller model than the task's (federated dropout). Throws UserError where it cannot. */
  readonly model?: ModelSettings;
  /** 1-based round. */
  readonly round: number;
  /** 32 bytes; the only source of randomness: the same seed and inputs give the same bytes. */
  readonly seed: Uint8Array;
  /** Noise multiplier of this round, what the ledger was asked for: under dp-sgd, which adds noise at every step. */
  readonly noiseMultiplier?: number;
  readonly signal?: AbortSignal;
}

export interface TrainResult {
  /** Parameters after local training, a new array of the same length. */
  readonly parameters: Float32Array;
  /** Training examples of this site (the weight it reports, before the cap). */
  readonly examples: number;
  /** Optimiser steps taken. */
  readonly steps: number;
  /** Mean training loss over those steps; null under dp-sgd, where nothing but the parameters is told. */
  readonly loss: number | null;
}

/** Quality of a model on the test rows of one site: sums, so that sites add up. */
export type Evaluation = ClassEvaluation | NumberEvaluation;

export interface ClassEvaluation {
  readonly kind: 'classes';
  /** Predictions counted: one per row, or one per step of it (text). */
  readonly examples: number;
  readonly correct: number;
  /** Sum over examples of the negative log likelihood (natural logarithm). */
  readonly logLoss: number;
  /** Examples per class. */
  readonly classCounts: readonly number[];
  /** Area under the ROC curve, ties count one half; null where a class is missing or the task has more than two classes. */
  readonly auc: number | null;
  /** Binary tasks that ask for a pooled AUC: histograms of the score over [0, 1] in equal bins, per class; otherwise null. */
  readonly scores: { readonly negative: readonly number[]; readonly positive: readonly number[] } | null;
}

/**
 * Sums over the numbers predicted, y the label and d the forecast minus it, all in the scaled units of the labels.
 * They are exact: of a site with very few test rows, `total` and `totalSquares` tell the values themselves.
 */
export interface NumberEvaluation {
  readonly kind: 'numbers';
  /** Numbers predicted. */
  readonly examples: number;
  /** Sum of the task's own loss. */
  readonly loss: number;
  /** Σ|d|. */
  readonly absoluteError: number;
  /** Σd². */
  readonly squaredError: number;
  /** Σy. */
  readonly total: number;
  /** Σy². */
  readonly totalSquares: number;
  /** Labels from the lowest to the highest quantile, both included; null where the task has not two quantiles. */
  readonly covered: number | null;
}

export interface Trainer {
  readonly manifest: Manifest;
  train(request: TrainRequest): Promise<TrainResult>;
  /** Evaluates parameters on the site's test rows. A trainer that takes long at it heeds the signal. */
  evaluate(parameters: Float32Array, signal?: AbortSignal): Promise<Evaluation>;
}
