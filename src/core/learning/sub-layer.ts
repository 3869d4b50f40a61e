/** Where the parameters of a layer with fewer units lie among those of the whole layer. */
import type { LayerSettings, RecurrentSettings } from './layer-settings.ts';
import { layerKind } from './layers/table.ts';
import { parameterCount } from './parameters.ts';

/** Units of a layer's output, or of what goes into the first. */
export interface Units {
  readonly all: number;
  /** Places of those that are kept, ascending. */
  readonly kept: Int32Array;
}

/** What is kept of a row-major matrix of weights, or of a vector of biases (one column). */
export interface KeptMatrix {
  /** Place of its first value among all parameters of the whole model. */
  readonly first: number;
  /** Rows that are kept, ascending. */
  readonly rows: ArrayLike<number>;
  /** What the columns read: `span` neighbouring columns for each unit. */
  readonly columns: Units;
  readonly span: number;
}

export function allUnits(count: number): Units {
  return { all: count, kept: Int32Array.from({ length: count }, (_, i) => i) };
}

/** Units that a layer has of its own: neurons, filters, state values. Null for a layer that hands on the units below it. */
export function unitsOf(layer: LayerSettings): number | null {
  switch (layer.type) {
    case 'dense':
      return layer.outputs;
    case 'conv2d':
      return layer.filters;
    case 'lstm':
    case 'gru':
      return layer.hidden;
    case 'embedding':
      return layer.width;
    default:
      return null;
  }
}

/** What a layer reads of each row: channels of an image, values of a step, or values. */
export function inputUnits(layer: LayerSettings): number {
  switch (layer.type) {
    case 'conv2d':
    case 'group-norm':
    case 'pool2d':
      return layer.channels;
    case 'embedding':
      return layer.vocabulary;
    case 'dense':
    case 'lstm':
    case 'gru':
      return layer.inputs;
    default:
      return layer.width;
  }
}

/**
 * What is kept of a layer, tensor by tensor.
 *
 * @param layer the whole layer. @param below units that it reads: several values may belong to one (a channel's positions).
 * @param own its units that are kept; those below where it has none of its own. @param first place of its first parameter.
 */
export function keptMatrices(layer: LayerSettings, below: Units, own: Units, first: number): KeptMatrix[] {
  switch (layer.type) {
    case 'dense':
      return weightsAndBias({ rows: own.kept, all: layer.outputs, below, span: layer.inputs / below.all, first });
    case 'conv2d':
      return weightsAndBias({ rows: own.kept, all: layer.filters, below, span: layer.kernel ** 2, first });
    case 'lstm':
    case 'gru':
      return recurrentMatrices(layer, below, own, first);
    default: {
      // An embedding or a norm is whole, for its units are; a pool or dropout has nothing.
      const count = parameterCount(layerKind(layer).tensors(layer));
      return [{ first, rows: allUnits(count).kept, columns: allUnits(1), span: 1 }];
    }
  }
}

interface Weights {
  readonly rows: ArrayLike<number>;
  /** Rows of the whole layer. */
  readonly all: number;
  readonly below: Units;
  readonly span: number;
  readonly first: number;
}

function weightsAndBias({ rows, all, below, span, first }: Weights): KeptMatrix[] {
  return [
    { first, rows, columns: below, span },
    { first: first + all * below.all * span, rows, columns: allUnits(1), span: 1 },
  ];
}

/** PyTorch's order: weight_ih, weight_hh, bias_ih, bias_hh, each gate by gate. */
function recurrentMatrices({ type, hidden, inputs }: RecurrentSettings, below: Units, own: Units, first: number) {
  const gates = type === 'lstm' ? [0, 1, 2, 3] : [0, 1, 2];
  const all = gates.length * hidden;
  const rows = gates.flatMap(gate => Array.from(own.kept, unit => gate * hidden + unit));
  const ofInput = { first, rows, columns: below, span: 1 };
  const ofState = { first: first + all * inputs, rows, columns: own, span: 1 };
  const biases = ofState.first + all * hidden;
  const bias = { rows, columns: allUnits(1), span: 1 };
  return [ofInput, ofState, { ...bias, first: biases }, { ...bias, first: biases + all }];
}
