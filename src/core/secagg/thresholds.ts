/** How many members of a group must stay, may collude and can open it; and how many groups a cohort makes. */

/** What holds of a group of `members`. Of any `least` members that stay, `least − colluders ≥ honest` are honest if no more than `colluders` are not. */
export interface Thresholds {
  /** g: members that the manifest names. */
  readonly members: number;
  /** Shares that open a secret: ⌊2g/3⌋ + 1. Two sets of so many have more than `colluders` members in common, so an honest one. */
  readonly t: number;
  /** Members that may work with the coordinator, from 0 to ⌈g/3⌉ − 1. With more in the group its sum protects nobody. */
  readonly colluders: number;
  /** Honest inputs that every opened sum holds at least (nMin), 3 or more. */
  readonly honest: number;
  /** max(t, honest + colluders): with fewer members left the group's round ends without a sum. */
  readonly least: number;
}

export interface ThresholdSettings {
  /** Honest inputs in every sum, an integer of 3 or more. */
  readonly honest: number;
  /** Null: the most that ⌈g/3⌉ − 1 and g − honest allow. */
  readonly colluders: number | null;
}

/** With two honest inputs each of both would learn the other's from the sum. */
export const leastHonest = 3;

/**
 * The thresholds of a group. Not protected: members beyond `colluders`, and that somebody took part at all.
 *
 * @param members g, an integer. Throws RangeError where no group of so many can hold the settings: honest < 3, honest + colluders > g,
 * colluders > ⌈g/3⌉ − 1.
 */
export function groupThresholds(members: number, { honest, colluders }: ThresholdSettings): Thresholds {
  if (!Number.isSafeInteger(members) || members < 1) throw new RangeError(`group: ${members} members`);
  if (!Number.isSafeInteger(honest) || honest < leastHonest)
    throw new RangeError(`group: honest is at least ${leastHonest}, got ${honest}`);
  if (honest > members) throw new RangeError(`group: ${members} members cannot hold ${honest} honest ones`);
  const most = Math.min(mostColluders(members), members - honest);
  const borne = colluders ?? most;
  if (!Number.isSafeInteger(borne) || borne < 0 || borne > most)
    throw new RangeError(`group: ${members} members with ${honest} honest bear 0 to ${most} colluders, got ${borne}`);
  const t = Math.floor((2 * members) / 3) + 1;
  return { members, t, colluders: borne, honest, least: Math.max(t, honest + borne) };
}

/** ⌈g/3⌉ − 1: the most colluders that any group of g bears, whatever else is asked of it. */
export function mostColluders(members: number): number {
  return Math.ceil(members / 3) - 1;
}

/** Groups of a cohort: dealt into so many, all have `size` members or more and differ by one at most; one group where the cohort is smaller. */
export function groupCount(clients: number, size: number): number {
  if (!Number.isSafeInteger(clients) || clients < 1) throw new RangeError(`groupCount: ${clients} clients`);
  if (!Number.isSafeInteger(size) || size < 1) throw new RangeError(`groupCount: groups of ${size}`);
  return Math.max(1, Math.floor(clients / size));
}
