/** What layer and group norm have in common: runs of values normalised by themselves, then γ·x + β per channel and an activation. */
import { type Activation, activations } from '../../math/kernels/kernels.ts';
import type { Layer, LayerKind, Place } from '../layer.ts';
import type { LayerSettings } from '../layer-settings.ts';
import { planRowGradients } from '../row-gradients.ts';

/** Added to the variance, as in PyTorch. */
const epsilon = 1e-5;

/** A row of `blocks` blocks, each of `groups` runs of channels × positions values; γ and β are those of one block, the same for all. */
export interface Runs {
  readonly blocks: number;
  readonly groups: number;
  readonly channels: number;
  readonly positions: number;
  readonly activation: Activation;
}

/** A kind of normalisation: γ begins at 1, β at 0. Statistics are those of each run alone: no row sees another. */
export function normalisation<S extends LayerSettings>(runsOf: (settings: S) => Runs): LayerKind<S> {
  const outputSize = (settings: S): number => {
    const { blocks, groups, channels, positions } = runsOf(settings);
    return blocks * groups * channels * positions;
  };
  return {
    tensors: settings => {
      const { groups, channels } = runsOf(settings);
      return ['weight', 'bias'].map(name => ({ name, shape: [groups * channels] }));
    },
    outputSize,
    initialise: (_settings, _stream, values) => {
      values.fill(1, 0, values.length / 2);
    },
    // Sums, squares, scaling: about four passes.
    work: settings => 4 * outputSize(settings),
    partRows: 64,
    plan: (settings, place) => planNormalisation(runsOf(settings), place),
  };
}

function planNormalisation({ blocks, groups, channels, positions, activation }: Runs, place: Place): Layer {
  const { layout, rows, input, inputGradient, purpose } = place;
  const code = activations[activation];
  const isTraining = purpose === 'training';
  const total = groups * channels;
  const block = total * positions;
  const size = blocks * block;
  const gamma = place.parameters;
  const beta = gamma + 4 * total;
  const output = layout.float32(rows * size);
  const outputGradient = isTraining ? layout.float32(rows * size) : 0;
  const normalised = isTraining ? layout.float32(rows * size) : output;
  const inverses = layout.float64(rows * blocks * groups);
  return {
    output,
    outputGradient,
    forward({ kernels, parameters: p, rows: count }) {
      const runs = [count * blocks, groups, channels, positions] as const;
      kernels.normalise(input, p + gamma, p + beta, normalised, output, inverses, ...runs, epsilon);
      kernels.activate(output, count * size, code);
    },
    backward({ kernels, parameters: p, rows: count }) {
      kernels.activationGradient(output, outputGradient, count * size, code);
      if (inputGradient === 0) return;
      const runs = [count * blocks, groups, channels, positions] as const;
      kernels.normaliseGradient(outputGradient, p + gamma, normalised, inverses, inputGradient, ...runs);
    },
    gradient: isTraining
      ? {
          add({ kernels, gradient, rows: count }) {
            kernels.addScaleGradient(outputGradient, normalised, gradient + gamma, count * blocks, total, positions);
          },
          ...planRowGradients(layout, rows, gamma, 2 * total, ({ kernels }, row, target) => {
            new Float32Array(kernels.buffer, target, 2 * total).fill(0);
            const from = 4 * row * size;
            kernels.addScaleGradient(outputGradient + from, normalised + from, target, blocks, total, positions);
          }),
        }
      : null,
  };
}
