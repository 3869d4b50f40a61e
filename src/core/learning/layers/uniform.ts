/** First weights drawn uniformly. */
import type { Activation } from '../../math/kernels/kernels.ts';
import type { RandomStream } from '../../math/random.ts';

/**
 * Uniform from ±√(6 / inputs) before relu (He et al. 2015) and from ±√(6 / (inputs + outputs)) otherwise (Glorot and Bengio 2010).
 *
 * @param fan values that one output sums over, and outputs that one input reaches.
 */
export function fillUniform(
  values: Float32Array,
  stream: RandomStream,
  fan: { readonly inputs: number; readonly outputs: number; readonly activation: Activation },
): void {
  const bound = Math.sqrt(6 / (fan.activation === 'relu' ? fan.inputs : fan.inputs + fan.outputs));
  fillWithin(values, stream, bound);
}

/** Uniform from ±bound. */
export function fillWithin(values: Float32Array, stream: RandomStream, bound: number): void {
  for (let i = 0; i < values.length; i++) values[i] = bound * (2 * stream.float32() - 1);
}
