/** What a party needs of its platform to take part in group sessions. */
import type { GroupPrimitives, Keystream } from '../crypto/group-primitives.ts';
import type { Mask } from './mask.ts';
import type { MaskSegment } from './mask-plan.ts';

export interface GroupPorts {
  readonly primitives: GroupPrimitives;
  /** Deals cohorts into groups. */
  readonly keystream: Keystream;
  /**
   * vector = vector + Σ sign·PRG(seed) modulo 2^bits, in place, as `applyMasks`: beside this thread where the platform can. `onProgress` hears
   * now and then which fraction is done, 0–1.
   */
  readonly applyMasks: (
    masks: readonly Mask[],
    segment: MaskSegment,
    vector: Int32Array,
    onProgress?: (fraction: number) => void,
  ) => Promise<void>;
}
