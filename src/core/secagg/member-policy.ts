/** What a member asks of every group, whatever the coordinator's manifest says. */

/** The site's own floor: no message of the coordinator lowers it. */
export interface MemberPolicy {
  /** Honest inputs in every sum, of as many organisations; 3 where it is less. */
  readonly honest: number;
  /** Members that may work with the coordinator, at least so many. */
  readonly colluders: number;
  /** How the set of survivors may change over rounds without differential privacy (`checkSet`). */
  readonly setChanges: 'shrink' | 'strict';
}
