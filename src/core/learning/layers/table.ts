/** The kinds of layers by name. */
import type { LayerKind } from '../layer.ts';
import type { LayerSettings } from '../layer-settings.ts';
import { conv2d } from './conv2d.ts';
import { dense } from './dense.ts';
import { dropout } from './dropout.ts';
import { embedding } from './embedding.ts';
import { groupNorm } from './group-norm.ts';
import { gru } from './gru.ts';
import { layerNorm } from './layer-norm.ts';
import { lstm } from './lstm.ts';
import { pool2d } from './pool2d.ts';

const kinds: { readonly [T in LayerSettings['type']]: LayerKind<Extract<LayerSettings, { type: T }>> } = {
  conv2d,
  dense,
  dropout,
  embedding,
  'group-norm': groupNorm,
  gru,
  'layer-norm': layerNorm,
  lstm,
  pool2d,
};

/** The kind of a layer. */
export function layerKind<S extends LayerSettings>(settings: S): LayerKind<S> {
  // The table's type ties each name to the kind of its settings.
  return kinds[settings.type] as unknown as LayerKind<S>;
}
