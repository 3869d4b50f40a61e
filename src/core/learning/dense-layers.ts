/** Dense layers of a model, with their norm and dropout. */
import type { Activation } from '../math/kernels/kernels.ts';
import type { LayerSettings } from './layer-settings.ts';

/** Dense hidden layers, each with its norm and dropout. */
export function hiddenLayers(
  inputs: number,
  {
    hidden,
    activation,
    norm = 'none',
    dropout,
  }: { hidden: readonly number[]; activation: Activation; norm?: 'none' | 'layer'; dropout: number },
): LayerSettings[] {
  const widths = [inputs, ...hidden];
  return hidden.flatMap((outputs, i): LayerSettings[] => [
    denseLayer(widths[i], outputs, norm === 'layer' ? 'none' : activation),
    ...(norm === 'layer' ? [{ type: 'layer-norm', positions: 1, width: outputs, activation } as const] : []),
    ...dropoutLayers(outputs, dropout),
  ]);
}

export function denseLayer(inputs: number, outputs: number, activation: Activation, positions = 1): LayerSettings {
  return { type: 'dense', inputs, outputs, positions, activation };
}

export function dropoutLayers(width: number, rate: number): LayerSettings[] {
  return rate > 0 ? [{ type: 'dropout', width, rate }] : [];
}
