/** Which aggregation goes with which protection: a rule can only look at what the coordinator sees. */
import { type AggregationSettings, aggregationSchema, needsToSee } from './aggregation-settings.ts';
import type { TaskIssue } from './task-issue.ts';

/** Protections under which the coordinator sees sums over groups of clients, and those under which it sees one sum. */
const groupSums = ['group', 'homomorphic-group'];
const oneSum = ['homomorphic-committee', 'two-aggregator', 'validated'];

/**
 * What of the aggregation of a task, as plain data, does not go with its protection. That is read as the file has it: one that is not
 * built yet has an error of its own, and what would not go with it either is said at once.
 */
export function visibilityIssues(task: unknown): TaskIssue[] {
  if (!isRecord(task)) return [];
  const { success, data: aggregation } = aggregationSchema.safeParse(task.aggregation);
  if (!success) return [];
  const protection = nameOf(task.protection);
  if (groupSums.includes(protection) && needsToSee[aggregation.rule] === 'clients') {
    const message = `${aggregation.rule} looks at single clients, and protection ${protection} shows sums of groups`;
    return [{ path: 'aggregation.rule', message, remedy: 'use another rule, or protection inspect' }];
  }
  if (oneSum.includes(protection)) {
    const why = `needs more than the one sum that protection ${protection} shows`;
    return beyondSum(aggregation, why, 'protection inspect');
  }
  if (protection === 'group' && !hasCoin(task.protection)) {
    const why = 'needs several groups, and without protection.coin all clients are one';
    return beyondSum(aggregation, why, 'several groups: name coin parties in protection.coin');
  }
  return [];
}

/** A word, or the kind of a block. */
function nameOf(protection: unknown): string {
  return String(isRecord(protection) ? protection.kind : protection);
}

/** Without coin parties there is nothing to deal: all clients are one group. */
function hasCoin(protection: unknown): boolean {
  return isRecord(protection) && Array.isArray(protection.coin) && protection.coin.length > 0;
}

/** The parts of an aggregation that are not a sum of updates of bounded norm. Clipping is: it needs a proof of each norm where updates are hidden. */
function beyondSum(aggregation: AggregationSettings, why: string, otherwise: string): TaskIssue[] {
  const { rule, before } = aggregation;
  const found: TaskIssue[] = before.flatMap(({ name }, i) =>
    name === 'clip'
      ? []
      : [{ path: `aggregation.before.${i}`, message: `${name} ${why}`, remedy: `remove it, or use ${otherwise}` }],
  );
  if (needsToSee[rule] !== 'sum') {
    const remedy = `use mean, centered-clipping with iterations 1, or ${otherwise}`;
    found.push({ path: 'aggregation.rule', message: `${rule} ${why}`, remedy });
  }
  if (rule === 'centered-clipping' && aggregation.iterations > 1) {
    const message = `more than one iteration ${why}`;
    found.push({ path: 'aggregation.iterations', message, remedy: `use 1, or ${otherwise}` });
  }
  return found;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
