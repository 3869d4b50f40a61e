/** Layers forward on one row, in float64, loop by loop from their definitions. */
import type {
  ConvolutionSettings,
  DenseSettings,
  EmbeddingSettings,
  GroupNormSettings,
  LayerNormSettings,
  LayerSettings,
  PoolSettings,
  RecurrentSettings,
} from '../../src/core/learning/layer-settings.ts';
import { windows } from './model.ts';

type Numbers = ArrayLike<number>;

const epsilon = 1e-5;

/** The values of the layer above from those below. `tensors` in their order; `mask` factors of dropout. */
export function plainLayer(layer: LayerSettings, tensors: readonly Numbers[], x: Numbers, mask?: Numbers): number[] {
  switch (layer.type) {
    case 'dense':
      return dense(layer, tensors, x);
    case 'conv2d':
      return convolution(layer, tensors, x);
    case 'pool2d':
      return pool(layer, x);
    case 'lstm':
      return recurrent(layer, x, 2, lstmStep(layer, tensors));
    case 'gru':
      return recurrent(layer, x, 1, gruStep(layer, tensors));
    case 'embedding':
      return embedding(layer, tensors, x);
    case 'layer-norm':
      return layerNorm(layer, tensors, x);
    case 'group-norm':
      return groupNorm(layer, tensors, x);
    case 'dropout':
      return Array.from(x, (value, i) => (mask === undefined ? value : value * mask[i]));
  }
}

function activate(activation: DenseSettings['activation'], x: number): number {
  switch (activation) {
    case 'none':
      return x;
    case 'relu':
      return Math.max(x, 0);
    case 'tanh':
      return Math.tanh(x);
    case 'sigmoid':
      return sigmoid(x);
  }
}

function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

function dense(
  { inputs, outputs, positions, activation }: DenseSettings,
  [weight, bias]: readonly Numbers[],
  x: Numbers,
) {
  const y: number[] = [];
  for (let position = 0; position < positions; position++) {
    for (let output = 0; output < outputs; output++) {
      let sum = bias[output];
      for (let i = 0; i < inputs; i++) sum += weight[output * inputs + i] * x[position * inputs + i];
      y.push(activate(activation, sum));
    }
  }
  return y;
}

function convolution(layer: ConvolutionSettings, [weight, bias]: readonly Numbers[], x: Numbers): number[] {
  const { channels, height, width, filters, kernel, stride, padding, activation } = layer;
  const pixel = (channel: number, row: number, column: number) =>
    row < 0 || row >= height || column < 0 || column >= width ? 0 : x[(channel * height + row) * width + column];
  const y: number[] = [];
  for (let filter = 0; filter < filters; filter++) {
    for (let row = 0; row < windows(height, layer); row++) {
      for (let column = 0; column < windows(width, layer); column++) {
        let sum = bias[filter];
        for (let channel = 0; channel < channels; channel++) {
          for (let i = 0; i < kernel; i++) {
            for (let j = 0; j < kernel; j++) {
              const w = weight[((filter * channels + channel) * kernel + i) * kernel + j];
              sum += w * pixel(channel, row * stride - padding + i, column * stride - padding + j);
            }
          }
        }
        y.push(activate(activation, sum));
      }
    }
  }
  return y;
}

function pool({ kind, channels, height, width, size, stride }: PoolSettings, x: Numbers): number[] {
  const window = { kernel: size, stride, padding: 0 };
  const y: number[] = [];
  for (let channel = 0; channel < channels; channel++) {
    for (let row = 0; row < windows(height, window); row++) {
      for (let column = 0; column < windows(width, window); column++) {
        const values: number[] = [];
        for (let i = 0; i < size; i++) {
          for (let j = 0; j < size; j++) {
            values.push(x[(channel * height + row * stride + i) * width + column * stride + j]);
          }
        }
        y.push(kind === 'max' ? Math.max(...values) : values.reduce((sum, value) => sum + value, 0) / values.length);
      }
    }
  }
  return y;
}

/** Runs a cell over time from a zero state of so many vectors, of which the first is the output. */
function recurrent(
  { inputs, hidden, steps, output }: RecurrentSettings,
  x: Numbers,
  vectors: number,
  next: (x: readonly number[], state: readonly number[][]) => number[][],
): number[] {
  let state = Array.from({ length: vectors }, () => new Array<number>(hidden).fill(0));
  const y: number[] = [];
  for (let step = 0; step < steps; step++) {
    const current = Array.from({ length: inputs }, (_, i) => x[step * inputs + i]);
    state = next(current, state);
    if (output === 'all' || step === steps - 1) y.push(...state[0]);
  }
  return y;
}

/** torch.nn.LSTM: gates i, f, g, o; c' = f·c + i·g, h' = o·tanh c'. State [h, c]. */
function lstmStep({ hidden }: RecurrentSettings, [weightX, weightH, biasX, biasH]: readonly Numbers[]) {
  return (x: readonly number[], [h, c]: readonly number[][]): number[][] => {
    const gate = (k: number) => linear(weightX, biasX, x, k) + linear(weightH, biasH, h, k);
    const cell = c.map((value, k) => {
      const [i, f, g] = [sigmoid(gate(k)), sigmoid(gate(hidden + k)), Math.tanh(gate(2 * hidden + k))];
      return f * value + i * g;
    });
    return [cell.map((value, k) => sigmoid(gate(3 * hidden + k)) * Math.tanh(value)), cell];
  };
}

/** torch.nn.GRU: gates r, z, n; n = tanh(Wx + b + r·(Uh + d)), h' = (1 − z)·n + z·h. State [h]. */
function gruStep({ hidden }: RecurrentSettings, [weightX, weightH, biasX, biasH]: readonly Numbers[]) {
  return (x: readonly number[], [h]: readonly number[][]): number[][] => {
    const fromX = (k: number) => linear(weightX, biasX, x, k);
    const fromH = (k: number) => linear(weightH, biasH, h, k);
    return [
      h.map((value, k) => {
        const r = sigmoid(fromX(k) + fromH(k));
        const z = sigmoid(fromX(hidden + k) + fromH(hidden + k));
        const n = Math.tanh(fromX(2 * hidden + k) + r * fromH(2 * hidden + k));
        return (1 - z) * n + z * value;
      }),
    ];
  };
}

/** One row of weight·x + bias. */
function linear(weight: Numbers, bias: Numbers, x: readonly number[], row: number): number {
  return x.reduce((sum, value, i) => sum + weight[row * x.length + i] * value, bias[row]);
}

function embedding({ width, steps }: EmbeddingSettings, [weight]: readonly Numbers[], x: Numbers): number[] {
  const y: number[] = [];
  for (let step = 0; step < steps; step++) {
    for (let i = 0; i < width; i++) y.push(weight[x[step] * width + i]);
  }
  return y;
}

function layerNorm({ positions, width, activation }: LayerNormSettings, [gamma, beta]: readonly Numbers[], x: Numbers) {
  const y: number[] = [];
  for (let position = 0; position < positions; position++) {
    const values = Array.from({ length: width }, (_, i) => x[position * width + i]);
    normalised(values).forEach((value, i) => {
      y.push(activate(activation, gamma[i] * value + beta[i]));
    });
  }
  return y;
}

function groupNorm(layer: GroupNormSettings, [gamma, beta]: readonly Numbers[], x: Numbers): number[] {
  const { channels, positions, groups, activation } = layer;
  const count = (channels / groups) * positions;
  const y: number[] = [];
  for (let group = 0; group < groups; group++) {
    const values = Array.from({ length: count }, (_, i) => x[group * count + i]);
    normalised(values).forEach((value, i) => {
      const channel = Math.floor((group * count + i) / positions);
      y.push(activate(activation, gamma[channel] * value + beta[channel]));
    });
  }
  return y;
}

/** (x − mean) / √(variance + ε), the variance over all values, not one less. */
function normalised(values: readonly number[]): number[] {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  return values.map(value => (value - mean) / Math.sqrt(variance + epsilon));
}
