/** How many values of an update a round sends: the same in every round of a task, whichever they are. */
import type { ModelSettings } from '../protocol/model-settings.ts';
import type { CompressionSettings } from '../protocol/protection-settings.ts';
import { keptCount } from './random-mask.ts';
import { smallerModel } from './smaller-model.ts';

/** The model that a round trains. Throws RangeError where federated dropout has no hidden units to leave out. */
export function trainedModel(model: ModelSettings, compression: CompressionSettings): ModelSettings {
  return compression !== 'none' && compression.kind === 'federated-dropout'
    ? smallerModel(model, compression.keep)
    : model;
}

/** @param parameters of the model that a round trains. */
export function sentCount(parameters: number, compression: CompressionSettings): number {
  return compression !== 'none' && compression.kind === 'random-mask'
    ? keptCount(parameters, compression.keep)
    : parameters;
}
