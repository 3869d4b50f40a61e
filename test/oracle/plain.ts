/** First oracle: a model's loss in float64 by plain loops, and its gradient by central differences. */
import type { LossSettings } from '../../src/core/learning/loss-settings.ts';
import { labelsPerRow, type Model, masksOfRow, sizeOf, tensorShapes, type Values } from './model.ts';
import { plainLayer } from './plain-layers.ts';

const step = 1e-5;

/** The loss of one row: the mean over its predictions. */
export function plainLoss(model: Model, values: Values, row: number): number {
  const width = values.inputs.length / values.rows;
  let y = Array.from({ length: width }, (_, i) => values.inputs[row * width + i]);
  const masks = masksOfRow(model, values, row);
  let at = 0;
  model.layers.forEach((layer, index) => {
    const tensors = tensorShapes(layer).map(shape => {
      const start = at;
      at += sizeOf(shape);
      return Array.from({ length: sizeOf(shape) }, (_, i) => values.parameters[start + i]);
    });
    y = plainLayer(layer, tensors, y, masks[index]);
  });
  const labels = labelsPerRow(model);
  return meanLoss(
    model,
    y,
    Array.from({ length: labels }, (_, i) => values.labels[row * labels + i]),
  );
}

/** The derivative of one row's loss by one parameter: (L(p + h) − L(p − h)) / 2h. */
export function finiteDifference(model: Model, values: Values, row: number, parameter: number): number {
  const moved = (by: number) => {
    const parameters = Float64Array.from(values.parameters);
    parameters[parameter] += by;
    return plainLoss(model, { ...values, parameters }, row);
  };
  return (moved(step) - moved(-step)) / (2 * step);
}

function meanLoss({ loss }: Model, outputs: readonly number[], labels: readonly number[]): number {
  const per = outputs.length / labels.length;
  const losses = labels.flatMap((label, i) => lossesOf(loss, outputs.slice(i * per, (i + 1) * per), label));
  return losses.reduce((sum, value) => sum + value, 0) / losses.length;
}

/** The losses of the outputs z that one label speaks about. */
function lossesOf(loss: LossSettings, z: readonly number[], label: number): number[] {
  switch (loss.name) {
    case 'cross-entropy':
      return [Math.log(z.reduce((sum, value) => sum + Math.exp(value), 0)) - z[label]];
    case 'binary':
      return [Math.log(1 + Math.exp(z[0])) - label * z[0]];
    case 'mse':
      return [(z[0] - label) ** 2];
    case 'huber': {
      const d = Math.abs(z[0] - label);
      return [d <= loss.delta ? d ** 2 / 2 : loss.delta * (d - loss.delta / 2)];
    }
    case 'quantile':
      return loss.levels.map((level, k) => Math.max(level * (label - z[k]), (level - 1) * (label - z[k])));
  }
}
