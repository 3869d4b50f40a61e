/** What stands against combining the updates of an open round, whatever its deadline says. */
import { pipelineRange } from '../core/aggregation/pipeline-range.ts';
import { bearsNoLiar, trustedClient } from '../core/protocol/aggregation-settings.ts';
import type { Task } from '../core/protocol/task.ts';
import { contributors } from './group-record.ts';
import type { Run } from './store.ts';

/**
 * Null when a training round can be combined with what it has: enough updates, that of the trusted client among them, no more
 * offenders than the task's f, and the rule holds for the rest. Otherwise why not, in words that follow "waits" or "extended".
 */
export function obstacle(run: Run, { aggregation, cohort }: Task): string | null {
  const { received, groups } = run;
  const clients = groups === null ? received.length : contributors(groups).length;
  if (clients < cohort.minimum) return 'below its quorum';
  const trusted = trustedClient(aggregation);
  if (trusted !== null && !received.some(({ client }) => client === trusted))
    return `for the update of ${trusted}, the trusted client`;
  if (hasTooManyOffenders(run, aggregation)) {
    const who = run.offenders.join(', ');
    const count = run.offenders.length === 1 ? 'an update was refused' : `${run.offenders.length} updates were refused`;
    const remedy = 'parley revoke NAME, or parley stop and a task that bears more';
    return `because ${count} (${who}) and aggregation.byzantine is ${aggregation.byzantine}: ${remedy}`;
  }
  if (bearsNoLiar(aggregation)) return null;
  // Of groups each is one row of the rule, and a liar spoils one.
  const size = { clients: received.length, byzantine: remainingByzantine(run, aggregation) };
  const breach = pipelineRange(size, aggregation);
  return breach === null ? null : `because ${breach.message}`;
}

/** More clients than the task's f have sent what is no update: nothing says that the rest is fit to be combined. */
export function hasTooManyOffenders({ offenders }: Pick<Run, 'offenders'>, aggregation: Task['aggregation']): boolean {
  return !bearsNoLiar(aggregation) && offenders.length > aggregation.byzantine;
}

/** How many liars may still be among the updates: f, less those that were caught in this round. Dropouts are not. */
export function remainingByzantine({ offenders }: Pick<Run, 'offenders'>, { byzantine }: Task['aggregation']): number {
  return Math.max(0, byzantine - offenders.length);
}
