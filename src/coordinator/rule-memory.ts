/** What aggregation rules remember between rounds: the aggregate before, and the sum of each client's updates. */
import type { Reference } from '../core/aggregation/rule.ts';
import { ruleOf } from '../core/aggregation/rule-table.ts';
import { floatsToBytes } from '../core/bytes/floats.ts';
import type { AggregationSettings } from '../core/protocol/aggregation-settings.ts';
import { writeBlob } from '../core/protocol/ports.ts';
import { updateKey } from './admit.ts';
import type { CoordinatorPorts } from './ports.ts';
import { combinedRounds } from './run.ts';
import type { Inspected } from './stages.ts';
import type { Run } from './store.ts';

/** Where the aggregate that a round's rule measures from lies: that of the round before. */
export const aggregateKey = (task: string, round: number): string => `${task}/aggregate/${round}`;
const historiesFolder = (task: string): string => `${task}/history/`;
/** Where the sum of a client's updates up to a round lies, that round's included. */
const historyKey = (task: string, client: string, round: number): string =>
  `${historiesFolder(task)}${client}/${round}`;

/** Does the next round's rule measure from this round's aggregate? */
export function remembersAggregate(settings: AggregationSettings): boolean {
  return referencesOf(settings).includes('previous');
}

/**
 * Blobs of the rows that the rule wants behind the updates, in its order. Histories are written here, before the round is recorded:
 * each from the one of an earlier round, which stays until then, so that a crash repeats the same bytes.
 */
export async function referenceKeys(inspected: Inspected, length: number, ports: CoordinatorPorts): Promise<string[]> {
  const { run, task } = inspected;
  const keys: string[] = [];
  for (const reference of referencesOf(task.aggregation)) {
    if (reference === 'histories') keys.push(...(await extendHistories(inspected, length, ports)));
    else if (combinedRounds(run) > 0) keys.push(aggregateKey(run.task, run.round));
  }
  return keys;
}

/** Which of a run's blobs the open round's rule reads: the aggregate before it, and the newest history of each client before it. */
export function remembered(run: Run, keys: readonly string[]): string[] {
  const newest = new Map<string, number>();
  const folder = historiesFolder(run.task);
  for (const key of keys) {
    if (!key.startsWith(folder)) continue;
    const [client, round] = key.slice(folder.length).split('/');
    if (Number(round) < run.round) newest.set(client, Math.max(Number(round), newest.get(client) ?? 0));
  }
  return [
    aggregateKey(run.task, run.round),
    ...[...newest].map(([client, round]) => historyKey(run.task, client, round)),
  ];
}

function referencesOf(settings: AggregationSettings): readonly Reference[] {
  const { references } = ruleOf(settings);
  const isFixed = settings.rule === 'centered-clipping' && settings.centre === 'zero';
  return isFixed ? references.filter(reference => reference !== 'previous') : references;
}

async function extendHistories(
  { run, updates }: Inspected,
  length: number,
  ports: CoordinatorPorts,
): Promise<string[]> {
  const before = new Map<string, string>();
  const stored = await ports.blobs.list(historiesFolder(run.task));
  for (const key of remembered(run, stored)) before.set(key.split('/')[2], key);
  const keys: string[] = [];
  for (const { client, tensor } of updates) {
    const earlier = before.get(client);
    const rows = [...(earlier === undefined ? [] : [earlier]), updateKey(run.task, run.round, client, tensor)];
    const cohort = await ports.openCohort(rows, length);
    try {
      const sum = await cohort.combine(new Float64Array(rows.length).fill(1));
      const key = historyKey(run.task, client, run.round);
      await writeBlob(ports.blobs, key, floatsToBytes(sum));
      keys.push(key);
    } finally {
      await cohort.close();
    }
  }
  return keys;
}
