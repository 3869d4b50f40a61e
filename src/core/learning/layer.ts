/** What a layer is to the network: tensors, first values, and its passes over rows in kernel memory. */
import type { Kernels, Layout } from '../math/kernels/kernels.ts';
import type { RandomStream } from '../math/random.ts';
import type { LayerSettings } from './layer-settings.ts';
import type { Manifest } from './parameters.ts';

/** Where a layer is laid out. All offsets in bytes. */
export interface Place {
  readonly layout: Layout;
  /** Rows of one pass at most. */
  readonly rows: number;
  /** Values of the layer below, rows × its output size. */
  readonly input: number;
  /** Where to write the gradient by that input; 0 where nobody wants it. */
  readonly inputGradient: number;
  /** Offset of this layer's first tensor from the start of all parameters, and so of the gradient. */
  readonly parameters: number;
  readonly purpose: 'training' | 'prediction';
  /** Whether a row's gradient has to be one vector before it is added to that of others: then rounding of the sum is bounded. */
  readonly isPrivate?: boolean;
  /** Number of the layer, from 0: tells the random masks of layers apart. */
  readonly index: number;
}

/** What fixes the random masks of a pass: the same for a row whatever part of its minibatch goes through together. */
export interface Masks {
  /** Two words of 32 bits, from the seed of the round. */
  readonly key: readonly [number, number];
  /** Optimiser step, from 1. */
  readonly step: number;
  /** Place in the minibatch of the first row of this pass. */
  readonly firstRow: number;
  /**
   * Private training: the number of each row of the minibatch among the rows of the site, which tells masks apart instead. Then a row has the
   * same mask whichever others are in its batch: with or without one row, the gradients of the others are the same, mask by mask. The
   * masks themselves need not be secret.
   */
  readonly numbers?: ArrayLike<number>;
}

/** One pass over rows that lie in memory. */
export interface Pass {
  readonly kernels: Kernels;
  readonly rows: number;
  /** Byte offset of all parameters. */
  readonly parameters: number;
  /** Byte offset of the gradient that layers add to. */
  readonly gradient: number;
  /** Null in prediction. */
  readonly masks: Masks | null;
}

/** A layer in memory. */
export interface Layer {
  /** Byte offset of rows × output size. */
  readonly output: number;
  /** Byte offset of the gradient by the output, 0 in prediction. Whoever is above writes it; `backward` may overwrite it. */
  readonly outputGradient: number;
  forward(pass: Pass): void;
  /** After `forward` of the same rows: from the gradient by the output to that by the input, where one is wanted. Adds no parameter gradient. */
  backward(pass: Pass): void;
  /** Gradients of the parameters, after `backward`; null where there are none. */
  readonly gradient: LayerGradient | null;
}

/**
 * Gradients of a layer's parameters over the rows of a pass. Either `add`, or both others in this order: what
 * `addSquaredNorms` computes on the way `addWeighted` may use.
 */
export interface LayerGradient {
  /** gradient += Σ over rows of the row's gradient. */
  add(pass: Pass): void;
  /** norms[row] += ‖the row's gradient‖², exactly (up to rounding), float64. */
  addSquaredNorms(pass: Pass, norms: number): void;
  /** gradient += Σ over rows of weights[row] × the row's gradient; weights float32. May overwrite what `backward` left. */
  addWeighted(pass: Pass, weights: number): void;
}

/** A kind of layer. */
export interface LayerKind<S extends LayerSettings> {
  /** Tensors in order, names without the layer's own prefix. */
  tensors(settings: S): Manifest;
  /** Values per row of the output. */
  outputSize(settings: S): number;
  /** Writes first values into `values` (all tensors, one after the other, zeroed). */
  initialise(settings: S, stream: RandomStream, values: Float32Array): void;
  /** Multiply–adds of a forward pass per row. */
  work(settings: S): number;
  /**
   * Rows that go through together in training: the unit of work shared among workers, so part of what fixes the bits.
   * The least of the network's layers counts.
   */
  readonly partRows: number;
  plan(settings: S, place: Place): Layer;
}
