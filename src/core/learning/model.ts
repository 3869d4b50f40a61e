/** Models by name: their layers, the tensors of their parameters, their first values. */
import type { Activation } from '../math/kernels/kernels.ts';
import { RandomStream } from '../math/random.ts';
import type { ModelSettings } from '../protocol/task.ts';
import { type Manifest, parameterCount } from './parameters.ts';

/** One dense layer: outputs = activation(inputs·Wᵀ + bias). */
export interface DenseLayer {
  readonly inputs: number;
  readonly outputs: number;
  /** `none` for the last layer: it gives logits. */
  readonly activation: Activation;
}

/** The layers of a model. Two classes make one logit (that of class 1), more make one logit per class. */
export function modelLayers(model: ModelSettings, inputWidth: number, classes: number): DenseLayer[] {
  if (!Number.isInteger(inputWidth) || inputWidth < 1) throw new RangeError(`model: the input width is ${inputWidth}`);
  if (!Number.isInteger(classes) || classes < 2) throw new RangeError(`model: the number of classes is ${classes}`);
  const hidden = model.name === 'mlp' ? model.hidden : [];
  const widths = [inputWidth, ...hidden, classes === 2 ? 1 : classes];
  return widths.slice(1).map((outputs, i) => ({
    inputs: widths[i],
    outputs,
    activation: model.name === 'mlp' && i < hidden.length ? model.activation : 'none',
  }));
}

/** Tensors in order: per layer `layers.<i>.weight` [outputs, inputs] and `layers.<i>.bias` [outputs], as PyTorch's Linear lays them out. */
export function modelManifest(model: ModelSettings, inputWidth: number, classes: number): Manifest {
  return modelLayers(model, inputWidth, classes).flatMap(({ inputs, outputs }, i) => [
    { name: `layers.${i}.weight`, shape: [outputs, inputs] },
    { name: `layers.${i}.bias`, shape: [outputs] },
  ]);
}

/**
 * First parameters, fixed by the seed. Logistic and softmax regression start at 0: their loss is convex. An MLP draws
 * its weights uniformly from ±√(6 / inputs) before relu (He et al. 2015) and from ±√(6 / (inputs + outputs)) otherwise
 * (Glorot and Bengio 2010), one stream per layer; biases are 0.
 *
 * @param seed 32 bytes.
 */
export function initialParameters(
  model: ModelSettings,
  inputWidth: number,
  classes: number,
  seed: Uint8Array,
): Float32Array<ArrayBuffer> {
  const parameters = new Float32Array(parameterCount(modelManifest(model, inputWidth, classes)));
  if (model.name === 'logistic') return parameters;
  const stream = new RandomStream(seed);
  let at = 0;
  modelLayers(model, inputWidth, classes).forEach(({ inputs, outputs, activation }, i) => {
    const layer = stream.split(`layer ${i}`);
    const bound = Math.sqrt(6 / (activation === 'relu' ? inputs : inputs + outputs));
    for (const end = at + inputs * outputs; at < end; at++) parameters[at] = bound * (2 * layer.float32() - 1);
    at += outputs;
  });
  return parameters;
}
