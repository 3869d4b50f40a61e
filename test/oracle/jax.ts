/**
 * Second oracle: gradients by jax-js's automatic differentiation, in float64 on its interpreted device. That is slow but
 * exact: the WebAssembly device computes exp to about 1e-6 and log to 1e-5 of it, in float64 too.
 */
import { defaultDevice, grad, init, nn, numpy as np, valueAndGrad, vmap } from '@jax-js/jax';
import type { LossSettings } from '../../src/core/learning/loss-settings.ts';
import { jaxLayer } from './jax-layers.ts';
import { labelsPerRow, type Model, sizeOf, tensorShapes, type Values } from './model.ts';

type Tensor = np.Array;

export interface Gradients {
  /** Mean over rows. */
  readonly loss: number;
  readonly gradient: Float64Array;
  /** The gradient of each row's own loss. */
  readonly perExample: readonly Float64Array[];
}

/** Loss and gradient of a batch, and by vmap(grad) the gradient of each of its rows. */
export async function jaxGradients(model: Model, values: Values): Promise<Gradients> {
  await init('cpu');
  defaultDevice('cpu');
  const { rows } = values;
  const matrix = (flat: ArrayLike<number>) =>
    np.array(Float64Array.from(flat), { dtype: np.float64, shape: [rows, flat.length / rows] });
  const parameters = np.array(Float64Array.from(values.parameters), { dtype: np.float64 });
  const inputs = matrix(values.inputs);
  const labels = matrix(values.labels);
  const masks = values.masks.map(matrix);
  const used = [parameters, inputs, labels, ...masks];

  const rowLoss = jaxRowLoss(model);
  const mapped = [null, 0, 0, ...masks.map(() => 0)];
  const ofRows = vmap(rowLoss, mapped);
  const ofBatch = (p: Tensor, ...batch: Tensor[]) => ofRows(p, batch[0], batch[1], ...batch.slice(2)).mean();
  const references = () => used.map(array => array.ref) as [Tensor, Tensor, Tensor];
  const [loss, gradient] = valueAndGrad(ofBatch)(...references());
  const each = vmap(grad(rowLoss), mapped)(...references());
  for (const array of used) array.dispose();

  const flat = Float64Array.from(await each.data());
  const count = values.parameters.length;
  return {
    loss: Number(await loss.item()),
    gradient: Float64Array.from(await gradient.data()),
    perExample: Array.from({ length: rows }, (_, row) => flat.slice(row * count, (row + 1) * count)),
  };
}

/** The loss of one row as a function of all parameters, the row, its labels and the masks of its layers of dropout. */
export function jaxRowLoss(model: Model): (p: Tensor, x: Tensor, labels: Tensor, ...masks: Tensor[]) => Tensor {
  const sizes = model.layers.flatMap(tensorShapes).map(sizeOf);
  const ends = sizes.map((_, i) => sizes.slice(0, i + 1).reduce((sum, size) => sum + size, 0));
  return (parameters, x, labels, ...masks) => {
    const flat = np.split(parameters, ends.slice(0, -1));
    const outputs = model.layers.reduce((values, layer) => {
      const tensors = tensorShapes(layer).map(shape => flat.shift()!.reshape([...shape]));
      return jaxLayer(layer, tensors, values, layer.type === 'dropout' ? masks.shift() : undefined);
    }, x);
    return meanLoss(model.loss, outputs.reshape([labelsPerRow(model), -1]), labels);
  };
}

/** @param outputs [labels, outputs of each]. */
function meanLoss(loss: LossSettings, outputs: Tensor, labels: Tensor): Tensor {
  const column = () => np.expandDims(labels, 1);
  switch (loss.name) {
    case 'cross-entropy': {
      const classes = np.arange(outputs.shape[1]).astype(outputs.dtype);
      const isLabel = column().equal(classes).astype(outputs.dtype);
      return nn.logSoftmax(outputs, 1).mul(isLabel).sum(1).mean().neg();
    }
    case 'binary': {
      // log(1 + exp z) = max(z, 0) + log(1 + exp −|z|).
      const softplus = np.maximum(outputs.ref, 0).add(np.log(np.exp(np.absolute(outputs.ref).neg()).add(1)));
      return softplus.sub(outputs.mul(column())).mean();
    }
    case 'mse':
      return np.square(outputs.sub(column())).mean();
    case 'huber': {
      const distance = np.absolute(outputs.sub(column()));
      const near = np.square(distance.ref).mul(0.5);
      const far = distance.ref.sub(loss.delta / 2).mul(loss.delta);
      return np.where(distance.lessEqual(loss.delta), near, far).mean();
    }
    case 'quantile': {
      const levels = np.array(Float64Array.from(loss.levels), { dtype: np.float64 }).astype(outputs.dtype);
      const under = column().sub(outputs);
      return np.maximum(under.ref.mul(levels.ref), under.mul(levels.sub(1))).mean();
    }
  }
}
