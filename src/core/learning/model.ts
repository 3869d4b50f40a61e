/** Models by name: their layers, the tensors of their parameters, their first values. */
import { dataShape } from '../data/data-shape.ts';
import { RandomStream } from '../math/random.ts';
import { lossOf, type ModelSettings, type Task } from '../protocol/task.ts';
import { convolutionalLayers } from './convolutional.ts';
import { denseLayer, dropoutLayers, hiddenLayers } from './dense-layers.ts';
import type { LayerSettings } from './layer-settings.ts';
import { layerKind } from './layers/table.ts';
import { type LossSettings, outputsPerPosition, positions } from './loss-settings.ts';
import type { NetworkSettings } from './network.ts';
import { type Manifest, parameterCount } from './parameters.ts';
import { type DataShape, inputWidth } from './shape.ts';

/** What a task trains, as layers. */
export function taskNetwork(task: Task): NetworkSettings {
  const shape = dataShape(task.data);
  const loss = lossOf(task);
  return { layers: modelLayers(task.model, shape, loss), shape, loss };
}

/** The layers of a model on data of a shape. Throws RangeError for a shape that the model cannot take. */
export function modelLayers(model: ModelSettings, shape: DataShape, loss: LossSettings): LayerSettings[] {
  const outputs = outputsPerPosition(shape.output, loss);
  const places = positions(shape.output);
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
  }
}

/** Tensors in order, `layers.<i>.<name>`, laid out as PyTorch's modules of the same name lay theirs. */
export function networkManifest(layers: readonly LayerSettings[]): Manifest {
  return layers.flatMap((settings, i) =>
    layerKind(settings)
      .tensors(settings)
      .map(({ name, shape }) => ({ name: `layers.${i}.${name}`, shape })),
  );
}

/**
 * First parameters, fixed by the seed: each layer's own initialiser on a stream of its own. A model of one dense layer
 * starts at 0: its loss is convex.
 *
 * @param seed 32 bytes.
 */
export function initialParameters(layers: readonly LayerSettings[], seed: Uint8Array): Float32Array<ArrayBuffer> {
  const parameters = new Float32Array(parameterCount(networkManifest(layers)));
  if (layers.length === 1 && layers[0].type === 'dense') return parameters;
  const stream = new RandomStream(seed);
  let at = 0;
  layers.forEach((settings, i) => {
    const kind = layerKind(settings);
    const count = parameterCount(kind.tensors(settings));
    kind.initialise(settings, stream.split(`layer ${i}`), parameters.subarray(at, at + count));
    at += count;
  });
  return parameters;
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
