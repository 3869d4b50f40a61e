/** The parameters of a network: the tensors of its layers and their first values. */
import { RandomStream } from '../math/random.ts';
import type { LayerSettings } from './layer-settings.ts';
import { layerKind } from './layers/table.ts';
import { type Manifest, parameterCount } from './parameters.ts';

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
