/** Layers as data: what a model is made of. Sizes are explicit; `modelLayers` derives them from the task. */
import type { Activation } from '../math/kernels/kernels.ts';

/** outputs = activation(inputs·Wᵀ + b) at each position of a row: one, or every step of a sequence with the same weights. */
export interface DenseSettings {
  readonly type: 'dense';
  readonly inputs: number;
  readonly outputs: number;
  readonly positions: number;
  readonly activation: Activation;
}

/** Cross-correlation of an image [channels, height, width] with `filters` square kernels, as PyTorch's Conv2d. */
export interface ConvolutionSettings {
  readonly type: 'conv2d';
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly filters: number;
  readonly kernel: number;
  readonly stride: number;
  /** Zeros around the image on every side. */
  readonly padding: number;
  readonly activation: Activation;
}

/** Greatest or mean value of windows of size × size, `stride` apart, without padding; what does not fill a window is left out. */
export interface PoolSettings {
  readonly type: 'pool2d';
  readonly kind: 'max' | 'average';
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly size: number;
  readonly stride: number;
}

/** A recurrent layer over [steps, inputs] from a zero state, gates as PyTorch's LSTM and GRU; gives every step's output, or the last one's. */
export interface RecurrentSettings {
  readonly type: 'lstm' | 'gru';
  readonly inputs: number;
  readonly hidden: number;
  readonly steps: number;
  readonly output: 'all' | 'last';
}

/** A vector per token: [steps] numbers to [steps, width]. */
export interface EmbeddingSettings {
  readonly type: 'embedding';
  readonly vocabulary: number;
  readonly width: number;
  readonly steps: number;
}

/** Layer norm over the `width` values of each position (Ba et al. 2016), ε = 1e-5, then γ·x + β, then the activation. */
export interface LayerNormSettings {
  readonly type: 'layer-norm';
  readonly positions: number;
  readonly width: number;
  readonly activation: Activation;
}

/** Group norm over [channels, positions] (Wu and He 2018): channels in `groups` equal groups, ε = 1e-5, γ and β per channel, then the activation. */
export interface GroupNormSettings {
  readonly type: 'group-norm';
  readonly channels: number;
  readonly positions: number;
  readonly groups: number;
  readonly activation: Activation;
}

/** Zeroes each value with probability `rate` in training and scales the others by 1 / (1 − rate); passes all in prediction. */
export interface DropoutSettings {
  readonly type: 'dropout';
  readonly width: number;
  readonly rate: number;
}

export type LayerSettings =
  | DenseSettings
  | ConvolutionSettings
  | PoolSettings
  | RecurrentSettings
  | EmbeddingSettings
  | LayerNormSettings
  | GroupNormSettings
  | DropoutSettings;
