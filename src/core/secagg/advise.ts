/** What a group size buys and costs: privacy, drop-outs, tolerated liars, the risk of an unlucky deal, bytes. */
import { pipelineRange } from '../aggregation/pipeline-range.ts';
import { aggregationSchema, type RuleName } from '../protocol/aggregation-settings.ts';
import { type GroupsAlike, leakProbability } from './leak-probability.ts';
import { groupCount, groupThresholds, leastHonest, mostColluders, type Thresholds } from './thresholds.ts';
import { uploadBeyond } from './upload-bytes.ts';

export interface GroupQuestion {
  /** Clients of a cohort (n). */
  readonly clients: number;
  /** Group sizes to compare (g). */
  readonly sizes: readonly number[];
  /** Honest inputs in every sum (nMin); null: 5, or 3 for a size that could not lose a member otherwise. */
  readonly honest: number | null;
  /** Colluders that every group has to bear (c_max); null: as many as it can. */
  readonly bear: number | null;
  /** Numbers of clients that may work with the coordinator, to say how likely a deal leaves a group open to them. */
  readonly colluders: readonly number[];
  /** Values of an update (d). */
  readonly parameters: number;
}

export interface GroupChoice {
  /** As asked for (g). */
  readonly size: number;
  /** Groups of a cohort (G), and their sizes: within one of each other, and never below `size` unless there is one group. */
  readonly groups: number;
  readonly smallest: number;
  readonly largest: number;
  /** Of the smallest groups. */
  readonly thresholds: Thresholds;
  /** Members that any group can lose and still open its sum. */
  readonly dropouts: number;
  /** Honest inputs that hide each other in every sum: least − colluders. */
  readonly privacySet: number;
  /** Liars that each rule bears over the group means: one liar spoils the mean of its group. 0 also where there are too few groups for it. */
  readonly liars: Readonly<Record<GroupRule, number>>;
  /** For each number of colluders: P[a group holds more than it bears] in one deal. */
  readonly leaks: readonly { readonly colluders: number; readonly probability: number }[];
  /** Bytes that a client sends beyond the update itself at 4 bytes per value, as a share of those. */
  readonly uploadShare: number;
}

/** A size that no group of this cohort can have. */
export interface GroupBreach {
  readonly size: number;
  readonly message: string;
  readonly remedy: string;
}

export interface GroupAdvice {
  readonly question: GroupQuestion;
  readonly choices: readonly GroupChoice[];
  readonly breaches: readonly GroupBreach[];
}

/** The largest that a task may ask for: protection.size. */
export const mostSize = 256;

/** Rules that take means of several clients and need nobody whom all trust. */
export const groupRules = [
  'median',
  'trimmed-mean',
  'geometric-median',
  'krum',
  'multi-krum',
] as const satisfies RuleName[];
export type GroupRule = (typeof groupRules)[number];

/** What a client asks for by default: it refuses a manifest with less. */
export const defaultHonest = 5;

/** Compares group sizes for a cohort. Throws RangeError for numbers that are no cohort's. */
export function adviseGroups(question: GroupQuestion): GroupAdvice {
  const { clients, honest, bear, colluders, parameters } = question;
  if (!Number.isSafeInteger(clients) || clients < 1) throw new RangeError(`groups: ${clients} clients`);
  if (!Number.isSafeInteger(parameters) || parameters < 1) throw new RangeError(`groups: ${parameters} parameters`);
  if (honest !== null && (!Number.isSafeInteger(honest) || honest < leastHonest))
    throw new RangeError(`groups: honest is at least ${leastHonest}, got ${honest}`);
  if (bear !== null && (!Number.isSafeInteger(bear) || bear < 0)) throw new RangeError(`groups: to bear ${bear}`);
  for (const count of colluders)
    if (!Number.isSafeInteger(count) || count < 0 || count > clients)
      throw new RangeError(`groups: ${count} colluders among ${clients} clients`);
  const choices: GroupChoice[] = [];
  const breaches: GroupBreach[] = [];
  for (const size of question.sizes) {
    const breach = breachOf(size, question);
    if (breach === null) choices.push(choiceOf(size, question));
    else breaches.push(breach);
  }
  return { question, choices, breaches };
}

/** The sizes of the design's table that deal the cohort differently, and all as one group where it is smaller than 50. */
export function usualSizes(clients: number): number[] {
  const sizes = [5, 8, 10, 20, 50].filter(size => size <= clients);
  const all = clients < 50 ? [...sizes, clients] : sizes;
  const counts = all.map(size => groupCount(clients, size));
  return all.filter((_, i) => counts.indexOf(counts[i]) === i);
}

function breachOf(size: number, { clients, honest, bear }: GroupQuestion): GroupBreach | null {
  const least = honest ?? leastHonest;
  const breach = (message: string, remedy: string): GroupBreach => ({ size, message, remedy });
  if (clients < least) {
    const fewer = least > leastHonest ? `, or a smaller honest (${leastHonest} at least)` : '';
    return breach(`a cohort of ${clients} holds no ${least} honest members`, `use ${least} clients or more${fewer}`);
  }
  if (size > clients) return breach(`a cohort of ${clients} makes no group of ${size}`, `use ${clients} or less`);
  if (size > mostSize) return breach(`groups of ${size} are not taken`, `use ${mostSize} or less`);
  if (size < least) return breach(`a group of ${size} holds no ${least} honest members`, `use ${least} or more`);
  const members = smallestGroup(clients, size);
  const most = Math.min(mostColluders(members), members - least);
  if (bear !== null && bear > most)
    return breach(
      `a group of ${members} with ${least} honest members bears ${most} that collude, not ${bear}`,
      `use groups of ${Math.max(3 * bear + 1, least + bear)} or more, or bear ${most}`,
    );
  return null;
}

function smallestGroup(clients: number, size: number): number {
  return Math.floor(clients / groupCount(clients, size));
}

function choiceOf(size: number, question: GroupQuestion): GroupChoice {
  const { clients, colluders, parameters } = question;
  const groups = groupCount(clients, size);
  const smallest = smallestGroup(clients, size);
  const larger = clients % groups;
  const settings = { honest: question.honest ?? usualHonest(smallest, question.bear), colluders: question.bear };
  const thresholds = groupThresholds(smallest, settings);
  const ofLarger = groupThresholds(smallest + 1, settings);
  const all = larger === 0 ? [thresholds] : [thresholds, ofLarger];
  const alike: GroupsAlike[] = [
    { count: groups - larger, members: smallest, colluders: thresholds.colluders },
    { count: larger, members: smallest + 1, colluders: ofLarger.colluders },
  ];
  const largest = larger === 0 ? smallest : smallest + 1;
  return {
    size,
    groups,
    smallest,
    largest,
    thresholds,
    dropouts: Math.min(...all.map(({ members, least }) => members - least)),
    privacySet: Math.min(...all.map(one => one.least - one.colluders)),
    liars: mostLiars(groups),
    leaks: colluders.map(count => ({ colluders: count, probability: leakProbability(alike, count) })),
    uploadShare: uploadBeyond(largest) / (4 * parameters),
  };
}

/** Five, unless the group could then lose nobody, or could not bear what it has to. */
function usualHonest(members: number, bear: number | null): number {
  const most = Math.min(mostColluders(members), members - defaultHonest);
  if (most < (bear ?? 0)) return leastHonest;
  const { least } = groupThresholds(members, { honest: defaultHonest, colluders: bear });
  return least < members ? defaultHonest : leastHonest;
}

/** The greatest f for which each rule holds over so many group means, 0 where it holds for none. */
function mostLiars(groups: number): Record<GroupRule, number> {
  const most = (rule: GroupRule): number => {
    let liars = 0;
    while (isInRange(rule, groups, liars + 1)) liars++;
    return liars;
  };
  // One entry for each of them.
  return Object.fromEntries(groupRules.map(rule => [rule, most(rule)])) as Record<GroupRule, number>;
}

function isInRange(rule: GroupRule, clients: number, byzantine: number): boolean {
  return pipelineRange({ clients, byzantine }, aggregationSchema.parse({ rule, byzantine })) === null;
}
