/** Layer norm: the values of each position normalised, then γ·x + β per value. */
import type { LayerNormSettings } from '../layer-settings.ts';
import { normalisation } from './normalisation.ts';

export const layerNorm = normalisation<LayerNormSettings>(({ positions, width, activation }) => ({
  blocks: positions,
  groups: 1,
  channels: width,
  positions: 1,
  activation,
}));
