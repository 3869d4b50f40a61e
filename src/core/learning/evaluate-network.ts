/** Quality of a network on the rows of a data set, whose outputs are never held all at once where they are many. */
import type { Dataset } from '../data/dataset.ts';
import { rowRange } from '../data/rows.ts';
import { evaluateOutputs } from './evaluate.ts';
import { outputsPerPosition, positions } from './loss-settings.ts';
import type { NetworkSettings } from './network.ts';
import { type PredictOptions, predictOutputs } from './predict.ts';
import type { ClassEvaluation, Evaluation } from './trainer.ts';

export interface EvaluateOptions extends PredictOptions {
  /**
   * What an output that is not finite does. `throws` (default): such a model cannot be measured. `zero`: it counts as 0, so that no row decides
   * what becomes of the others, nor whether anything is told; what noise is added to needs that.
   */
  readonly notFinite?: 'throws' | 'zero';
}

/** Outputs held at once, 64 MiB: a text of some megabytes in an alphabet of thousands has a thousand times as many. */
const mostOutputs = 2 ** 24;

/**
 * As `evaluateOutputs` over the outputs of all rows, to the bit. With more than two classes memory is bounded; with two, whose scores are
 * ranked among each other, and for numbers it grows by a few values per row. Throws as `predictOutputs` and `evaluateOutputs`.
 */
export async function evaluateNetwork(
  network: NetworkSettings,
  parameters: Float32Array,
  data: Dataset,
  bins: number | null,
  options: EvaluateOptions,
  most: number = mostOutputs,
): Promise<Evaluation> {
  const { loss, shape } = network;
  const { output } = shape;
  const evaluated = async (part: Dataset, before: ClassEvaluation | null): Promise<Evaluation> => {
    const outputs = await predictOutputs(network, parameters, part, options);
    if (options.notFinite === 'zero') zeroNotFinite(outputs);
    return evaluateOutputs(outputs, part.labels, output, loss, bins, before);
  };
  const perRow = positions(output) * outputsPerPosition(output, loss);
  const rows = Math.max(1, Math.floor(most / perRow));
  if (output.kind === 'numbers' || output.classes === 2) return evaluated(data, null);
  let evaluation = await evaluated(rowRange(data, 0, Math.min(rows, data.rows)), null);
  for (let row = rows; row < data.rows; row += rows) {
    // Of classes, as the output.
    const before = evaluation as ClassEvaluation;
    evaluation = await evaluated(rowRange(data, row, Math.min(rows, data.rows - row)), before);
  }
  return evaluation;
}

function zeroNotFinite(values: Float32Array): void {
  for (let i = 0; i < values.length; i++) if (!Number.isFinite(values[i])) values[i] = 0;
}
