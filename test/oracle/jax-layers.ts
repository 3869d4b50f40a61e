/** Layers forward on one row, in operations that jax-js differentiates and maps. Every function consumes its arrays, as jax-js wants. */
import { lax, nn, numpy as np } from '@jax-js/jax';
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

type Tensor = np.Array;

const epsilon = 1e-5;

/** The values of the layer above from those below, one flat vector each. */
export function jaxLayer(layer: LayerSettings, tensors: readonly Tensor[], x: Tensor, mask?: Tensor): Tensor {
  switch (layer.type) {
    case 'dense':
      return dense(layer, tensors, x);
    case 'conv2d':
      return convolution(layer, tensors, x);
    case 'pool2d':
      return pool(layer, x);
    case 'lstm':
      return lstm(layer, tensors, x);
    case 'gru':
      return gru(layer, tensors, x);
    case 'embedding':
      return embedding(layer, tensors, x);
    case 'layer-norm':
      return layerNorm(layer, tensors, x);
    case 'group-norm':
      return groupNorm(layer, tensors, x);
    case 'dropout':
      return mask === undefined ? x : x.mul(mask);
  }
}

function activate(activation: DenseSettings['activation'], x: Tensor): Tensor {
  switch (activation) {
    case 'none':
      return x;
    case 'relu':
      // Not nn.relu: it shares the derivative at 0 between both sides.
      return np.where(x.ref.greater(0), x, 0);
    case 'tanh':
      return np.tanh(x);
    case 'sigmoid':
      return nn.sigmoid(x);
  }
}

function dense({ inputs, positions, activation }: DenseSettings, [weight, bias]: readonly Tensor[], x: Tensor) {
  const y = np.matmul(x.reshape([positions, inputs]), weight.transpose()).add(bias);
  return activate(activation, y).flatten();
}

function convolution(layer: ConvolutionSettings, [weight, bias]: readonly Tensor[], x: Tensor): Tensor {
  const { channels, height, width, filters, stride, padding, activation } = layer;
  const image = x.reshape([1, channels, height, width]);
  const zeros: [number, number] = [padding, padding];
  const y = lax.convGeneralDilated(image, weight, [stride, stride], [zeros, zeros]);
  return activate(activation, y.add(bias.reshape([1, filters, 1, 1]))).flatten();
}

/** Windows by a convolution with kernels of a single one: jax-js cannot map its own `reduceWindow` over rows. */
function pool({ kind, channels, height, width, size, stride }: PoolSettings, x: Tensor): Tensor {
  const picks = np.eye(size * size, undefined, { dtype: x.dtype }).reshape([size * size, 1, size, size]);
  const windows = lax.conv(x.reshape([channels, 1, height, width]), picks, [stride, stride], 'VALID');
  return (kind === 'max' ? windows.max(1) : windows.mean(1)).flatten();
}

function lstm({ inputs, hidden, steps, output }: RecurrentSettings, tensors: readonly Tensor[], x: Tensor): Tensor {
  const [weightX, weightH, biasX, biasH] = tensors;
  // [steps, 4·hidden]: what the inputs add to the gates of each step, with both biases.
  const fromX = np
    .matmul(x.reshape([steps, inputs]), weightX.transpose())
    .add(biasX)
    .add(biasH);
  let h: Tensor = np.zeros([hidden], { dtype: weightH.dtype });
  let c: Tensor = np.zeros([hidden], { dtype: weightH.dtype });
  const outputs: Tensor[] = [];
  for (let step = 0; step < steps; step++) {
    const gates = fromX.ref.slice(step).add(np.matmul(weightH.ref, h));
    const [i, f, g, o] = np.split(gates, 4);
    c = nn
      .sigmoid(f)
      .mul(c)
      .add(nn.sigmoid(i).mul(np.tanh(g)));
    h = nn.sigmoid(o).mul(np.tanh(c.ref));
    outputs.push(h.ref);
  }
  for (const used of [fromX, weightH, h, c]) used.dispose();
  return chosen(outputs, output);
}

function gru({ inputs, hidden, steps, output }: RecurrentSettings, tensors: readonly Tensor[], x: Tensor): Tensor {
  const [weightX, weightH, biasX, biasH] = tensors;
  const fromX = np.matmul(x.reshape([steps, inputs]), weightX.transpose()).add(biasX);
  let h: Tensor = np.zeros([hidden], { dtype: weightH.dtype });
  const outputs: Tensor[] = [];
  for (let step = 0; step < steps; step++) {
    const [xr, xz, xn] = np.split(fromX.ref.slice(step), 3);
    const [hr, hz, hn] = np.split(np.matmul(weightH.ref, h.ref).add(biasH.ref), 3);
    const z = nn.sigmoid(xz.add(hz));
    const n = np.tanh(xn.add(nn.sigmoid(xr.add(hr)).mul(hn)));
    // (1 − z)·n + z·h
    h = n.ref.add(z.mul(h.sub(n)));
    outputs.push(h.ref);
  }
  for (const used of [fromX, weightH, biasH, h]) used.dispose();
  return chosen(outputs, output);
}

function chosen(outputs: readonly Tensor[], output: RecurrentSettings['output']): Tensor {
  if (output === 'all') return np.concatenate([...outputs]);
  for (const earlier of outputs.slice(0, -1)) earlier.dispose();
  return outputs[outputs.length - 1];
}

function embedding({ vocabulary }: EmbeddingSettings, [weight]: readonly Tensor[], x: Tensor): Tensor {
  // [steps, vocabulary] of zeros and a one, times the table: derivatives by plain products.
  const tokens = np.arange(vocabulary).astype(x.dtype);
  const chosenToken = np.expandDims(x, 1).equal(tokens).astype(weight.dtype);
  return np.matmul(chosenToken, weight).flatten();
}

function layerNorm(layer: LayerNormSettings, [gamma, beta]: readonly Tensor[], x: Tensor): Tensor {
  const { positions, width, activation } = layer;
  const y = normalised(x.reshape([positions, width]))
    .mul(gamma)
    .add(beta);
  return activate(activation, y).flatten();
}

function groupNorm(layer: GroupNormSettings, [gamma, beta]: readonly Tensor[], x: Tensor): Tensor {
  const { channels, positions, groups, activation } = layer;
  const y = normalised(x.reshape([groups, (channels / groups) * positions])).reshape([channels, positions]);
  return activate(activation, y.mul(np.expandDims(gamma, 1)).add(np.expandDims(beta, 1))).flatten();
}

/** Each row of a matrix less its mean, over its standard deviation. */
function normalised(x: Tensor): Tensor {
  const centred = x.ref.sub(x.mean(1, { keepdims: true }));
  const variance = np.square(centred.ref).mean(1, { keepdims: true });
  return centred.div(np.sqrt(variance.add(epsilon)));
}
