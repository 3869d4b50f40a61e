/** Losses on kernel memory: the summed loss of rows and its gradient by the network's outputs. */
import type { Pass } from './layer.ts';
import { type LossSettings, outputsPerPosition, positions } from './loss-settings.ts';
import type { OutputShape } from './shape.ts';

/** Offsets in bytes. */
export interface LossPlan {
  readonly settings: LossSettings;
  /** Positions of a row, and outputs of each. */
  readonly positions: number;
  readonly outputs: number;
  readonly places: { readonly outputs: number; readonly labels: number; readonly gradient: number };
}

/** @param places outputs, labels, and where the gradient by the outputs goes. */
export function planLoss(shape: OutputShape, settings: LossSettings, places: LossPlan['places']): LossPlan {
  return { settings, positions: positions(shape), outputs: outputsPerPosition(shape, settings), places };
}

/**
 * Returns the sum of the rows' losses, each the mean over the row's predictions, and writes the gradient of (that sum / batch).
 */
export function lossGradient(plan: LossPlan, { kernels, rows }: Pass, batch: number): number {
  const { settings, positions: places, outputs } = plan;
  const { outputs: values, labels, gradient } = plan.places;
  switch (settings.name) {
    case 'binary':
      return kernels.logisticLoss(values, labels, gradient, rows * places, batch * places) / places;
    case 'cross-entropy':
      return kernels.softmaxLoss(values, labels, gradient, rows * places, outputs, batch * places) / places;
    case 'mse':
      return kernels.squaredLoss(values, labels, gradient, rows * outputs, batch * outputs) / outputs;
    case 'huber':
      return kernels.huberLoss(values, labels, gradient, rows * outputs, batch * outputs, settings.delta) / outputs;
    case 'quantile': {
      const { levels } = settings;
      const counted = (rows * outputs) / levels.length;
      return levels.reduce((sum, level, i) => {
        const [z, g] = [values + 4 * i, gradient + 4 * i];
        return sum + kernels.pinballLoss(z, labels, g, counted, 4 * levels.length, batch * outputs, level) / outputs;
      }, 0);
    }
  }
}
