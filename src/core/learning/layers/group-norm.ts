/** Group norm: the channels of each group normalised together over all positions, then γ·x + β per channel. */
import type { GroupNormSettings } from '../layer-settings.ts';
import { normalisation } from './normalisation.ts';

/** Throws RangeError where the channels do not make equal groups. */
export const groupNorm = normalisation<GroupNormSettings>(({ channels, positions, groups, activation }) => {
  if (channels % groups !== 0)
    throw new RangeError(`group norm: ${channels} channels do not make ${groups} equal groups`);
  return { blocks: 1, groups, channels: channels / groups, positions, activation };
});
