/** Models by name: their layers on data of a shape. */
import type { ModelSettings } from '../protocol/model-settings.ts';
import { convolutionalLayers } from './convolutional.ts';
import { denseLayer, dropoutLayers, hiddenLayers } from './dense-layers.ts';
import type { LayerSettings } from './layer-settings.ts';
import { type LossSettings, outputsPerPosition, positions } from './loss-settings.ts';
import { type DataShape, inputWidth } from './shape.ts';

/** The layers of a model on data of a shape. Throws RangeError for a shape that the model cannot take. */
export function modelLayers(model: ModelSettings, shape: DataShape, loss: LossSettings): LayerSettings[] {
  const outputs = outputsPerPosition(shape.output, loss);
  const places = positions(shape.output);
  if (!(inputWidth(shape.input) >= 1 && outputs >= 1)) {
    throw new RangeError(`model: ${inputWidth(shape.input)} inputs and ${outputs} outputs`);
  }
  switch (model.name) {
    case 'logistic':
    case 'linear':
      return [denseLayer(inputWidth(shape.input), outputs, 'none')];
    case 'mlp':
      return [...hiddenLayers(inputWidth(shape.input), model), denseLayer(lastWidth(shape, model), outputs, 'none')];
    case 'cnn':
      return convolutionalLayers(model, shape, outputs);
    case 'lstm':
    case 'gru':
      return recurrentLayers(model, shape, outputs, places);
    case 'moments':
      throw new RangeError('model: moments is no network');
  }
}

function lastWidth(shape: DataShape, { hidden }: { hidden: readonly number[] }): number {
  return hidden[hidden.length - 1] ?? inputWidth(shape.input);
}

function recurrentLayers(
  { name, hidden, layers, embedding, dropout }: Extract<ModelSettings, { name: 'lstm' | 'gru' }>,
  { input }: DataShape,
  outputs: number,
  places: number,
): LayerSettings[] {
  if (input.kind !== 'tokens' && input.kind !== 'sequence')
    throw new RangeError(`model: ${name} needs steps in time, the input is a ${input.kind}`);
  const { steps } = input;
  const isText = input.kind === 'tokens';
  const width = isText ? (embedding ?? 0) : input.width;
  const embedded: LayerSettings[] = isText ? [{ type: 'embedding', vocabulary: input.vocabulary, width, steps }] : [];
  const recurrent = Array.from({ length: layers }, (_, i): LayerSettings[] => {
    const output = i < layers - 1 || places > 1 ? 'all' : 'last';
    return [
      { type: name, inputs: i === 0 ? width : hidden, hidden, steps, output },
      ...dropoutLayers(output === 'all' ? steps * hidden : hidden, dropout),
    ];
  });
  return [...embedded, ...recurrent.flat(), denseLayer(hidden, outputs, 'none', places)];
}
