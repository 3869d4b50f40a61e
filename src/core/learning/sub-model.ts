/**
 * Federated dropout (Caldas et al. 2018, "Expanding the reach of federated learning by reducing client resource requirements", §3): a round
 * trains a smaller model with a share of the hidden units, the same units for all whose updates are added up.
 *
 * Left out can be: units of hidden dense layers, filters of convolutions, units of LSTM and GRU. Layers that are normalised keep all of
 * theirs, for mean and variance of fewer values are others; so do inputs, outputs and embeddings. The seed is public: it hides nothing.
 */
import { dataShape } from '../data/data-shape.ts';
import { RandomStream } from '../math/random.ts';
import { lossOf, type Task } from '../protocol/task.ts';
import type { LayerSettings } from './layer-settings.ts';
import { layerKind } from './layers/table.ts';
import { modelLayers } from './model-layers.ts';
import { parameterCount } from './parameters.ts';
import { choose } from './random-mask.ts';
import { smallerModel } from './smaller-model.ts';
import { allUnits, inputUnits, type KeptMatrix, keptMatrices, type Units, unitsOf } from './sub-layer.ts';

export interface SubModel {
  /** The same task with a smaller model. Its hash is another's: the round stays one of the full task. */
  readonly task: Task;
  /** For every parameter of the smaller model, in its order: its place among those of the full model. Each place once. */
  readonly indices: Int32Array<ArrayBuffer>;
  /**
   * For every parameter of the smaller model: what to multiply the full model's by, and to divide an update by. For weights that read `kept` of
   * `all` hidden units it is all / kept, so that what they add up is as large as in the full model, in the mean over seeds (as inverted
   * dropout does); 1 for all others.
   */
  readonly factors: Float32Array<ArrayBuffer>;
}

/**
 * The smaller model of a round. Its outputs are those of the full model whose other hidden units give 0 and whose parameters at `indices` are
 * multiplied by `factors`, up to rounding.
 *
 * @param seed 32 bytes, public. @param keep share of the units of every hidden layer, above 0 and at most 1: ⌈keep·units⌉ remain.
 * Throws RangeError for a model without hidden units that can be left out.
 */
export function subModel(task: Task, seed: Uint8Array, keep: number): SubModel {
  const smaller: Task = { ...task, model: smallerModel(task.model, keep) };
  const [full, sub] = [task, smaller].map(({ model }) => modelLayers(model, dataShape(task.data), lossOf(task)));
  const random = new RandomStream(seed);
  const matrices: KeptMatrix[] = [];
  let below = allUnits(inputUnits(full[0]));
  let first = 0;
  for (const [i, layer] of full.entries()) {
    const own = keptUnits(layer, sub[i], random.split(`layer ${i}`)) ?? below;
    matrices.push(...keptMatrices(layer, below, own, first));
    first += parameterCount(layerKind(layer).tensors(layer));
    below = own;
  }
  return { task: smaller, ...placesOf(matrices) };
}

function placesOf(matrices: readonly KeptMatrix[]): Pick<SubModel, 'indices' | 'factors'> {
  const count = matrices.reduce((sum, { rows, columns, span }) => sum + rows.length * columns.kept.length * span, 0);
  const indices = new Int32Array(count);
  const factors = new Float32Array(count);
  let at = 0;
  for (const { first, rows, columns, span } of matrices) {
    const factor = columns.all / columns.kept.length;
    for (let r = 0; r < rows.length; r++) {
      for (const unit of columns.kept) {
        const place = first + (rows[r] * columns.all + unit) * span;
        for (let i = 0; i < span; i++) {
          indices[at] = place + i;
          factors[at++] = factor;
        }
      }
    }
  }
  return { indices, factors };
}

/** The units that remain; null for a layer that has none of its own. */
function keptUnits(full: LayerSettings, sub: LayerSettings, random: RandomStream): Units | null {
  const [all, count] = [unitsOf(full), unitsOf(sub)];
  if (all === null || count === null) return null;
  return all === count ? allUnits(all) : { all, kept: choose(random, all, count) };
}
