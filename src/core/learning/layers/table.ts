/** The kinds of layers by name. */
import type { LayerKind } from '../layer.ts';
import type { LayerSettings } from '../layer-settings.ts';
import { dense } from './dense.ts';

const kinds: { readonly [T in LayerSettings['type']]?: LayerKind<Extract<LayerSettings, { type: T }>> } = {
  dense,
};

/** The kind of a layer. Throws RangeError for one that is not there. */
export function layerKind<S extends LayerSettings>(settings: S): LayerKind<S> {
  const kind = kinds[settings.type];
  if (kind === undefined) throw new RangeError(`layers: there is no layer "${settings.type}"`);
  // The table's type ties each name to the kind of its settings.
  return kind as unknown as LayerKind<S>;
}
