/** Among how many members of a group the noise of its sum is shared, so that every sum that may be opened holds all of it. */
import { type GroupSettings, mostMembers } from '../protocol/protection-settings.ts';
import { groupThresholds, type Thresholds } from './thresholds.ts';

/** The same for all groups that a task can come to: what a round costs is known before anyone is dealt into one. */
export interface NoiseSharing {
  /** Members whose noise every opened sum holds, and no others know (n_min): each adds 1/n_min of the variance. */
  readonly noisyClients: number;
  /** No sum of fewer inputs is opened, whatever the size of the group. */
  readonly leastShares: number;
  /** No group has more members. */
  readonly mostShares: number;
}

/**
 * The worst of all sizes that a group can have where rounds have `fewestClients` or more: larger groups do not always hold more noise, as they
 * bear more colluders. Throws RangeError where the smallest cannot hold the settings.
 */
export function noiseSharing(settings: GroupSettings, fewestClients: number): NoiseSharing {
  const most = mostMembers(settings);
  // Without a coin all clients are one group; with one, groups have `size` members or more, or there is one of them.
  const fewest = settings.coin.length === 0 ? fewestClients : Math.min(fewestClients, settings.size);
  if (!(fewest <= most)) throw new RangeError(`group: ${fewest} members, where there is room for ${most}`);
  const sizes = Array.from({ length: most - fewest + 1 }, (_, i) => groupThresholds(fewest + i, settings));
  return {
    noisyClients: Math.min(...sizes.map(sureNoise)),
    leastShares: Math.min(...sizes.map(({ least }) => least)),
    mostShares: most,
  };
}

/**
 * Members of a group whose noise is in every sum that it opens, and that tell nobody: those that stay at least, less the colluders. Each member
 * knows its own noise and sees the model, so one counts as a colluder where none is expected.
 */
export function sureNoise({ least, colluders }: Thresholds): number {
  return least - Math.max(1, colluders);
}
