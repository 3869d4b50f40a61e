/** What must hold between the aggregation of a task and its cohort: the rule's range, its trusted client, the length of histories. */
import { pipelineRange } from '../aggregation/pipeline-range.ts';
import type { CohortSize, RangeBreach } from '../aggregation/rule.ts';
import { groupCount } from '../secagg/thresholds.ts';
import { type AggregationSettings, bearsNoLiar, needsToSee, trustedClient } from './aggregation-settings.ts';
import { groupSettings, type ProtectionSettings } from './protection-settings.ts';

/** The parts of a task that the rules look at. */
export interface AggregationParts {
  readonly aggregation: AggregationSettings;
  readonly cohort: { readonly minimum: number; readonly fraction: number };
  readonly rounds: number;
  readonly protection: ProtectionSettings;
}

interface Breach {
  readonly path: (string | number)[];
  readonly message: string;
}

/** Distances of longer vectors would overflow float32. */
const largestNorm = 2 ** 60;

/** Breaches, each with "what; remedy". */
export function aggregationBreaches({ aggregation, cohort, rounds, protection }: AggregationParts): Breach[] {
  const found: Breach[] = [];
  const size: CohortSize = { clients: rowsOf(protection, cohort.minimum), byzantine: aggregation.byzantine };
  const isRefused = isOneSum(protection) && needsToSee[aggregation.rule] !== 'sum';
  const breach = bearsNoLiar(aggregation) || isRefused ? null : pipelineRange(size, aggregation);
  if (breach !== null) {
    // Where a breach is about the number of clients, it is that setting.
    const rows = protection === 'inspect' ? 'cohort.minimum' : 'groups of protection.size in cohort.minimum';
    const source = /\bn\b|there (is|are) \d/.test(breach.message) ? ` (${rows})` : '';
    const message = `${breach.message}${source}; ${breach.remedy}`;
    found.push({ path: ['aggregation', ...placeOf(breach, size, aggregation)], message });
  }
  if (trustedClient(aggregation) !== null && cohort.fraction < 1) {
    const message = `is ${cohort.fraction}, and ${aggregation.rule} needs its trusted client in every round; use 1`;
    found.push({ path: ['cohort', 'fraction'], message });
  }
  if (aggregation.rule === 'foolsgold' && aggregation.clipNorm * rounds > largestNorm) {
    const message = `lets the sum of a client's updates grow beyond 2^60; use less than ${largestNorm / rounds}`;
    found.push({ path: ['aggregation', 'clipNorm'], message });
  }
  return found;
}

/** What the rule combines at least: a row for each client, or for each group. */
function rowsOf(protection: ProtectionSettings, clients: number): number {
  const groups = groupSettings(protection);
  if (groups === null) return clients;
  return isOneSum(protection) ? 1 : groupCount(clients, groups.size);
}

/** All clients are one group: what a rule needs more than a sum for is said by visibility-rules. */
function isOneSum(protection: ProtectionSettings): boolean {
  return groupSettings(protection)?.coin.length === 0;
}

/** The setting that a breach is about: a step before the rule that it names, f where none is in range without it, or the rule. */
function placeOf(
  { message }: RangeBreach,
  { clients }: CohortSize,
  settings: AggregationSettings,
): (string | number)[] {
  const step = settings.before.findIndex(({ name }) => message.startsWith(`${name} `));
  if (step >= 0) return ['before', step];
  const withoutLiars = pipelineRange({ clients, byzantine: 0 }, settings);
  return withoutLiars === null ? ['byzantine'] : ['rule'];
}
