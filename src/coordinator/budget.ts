/** The end of a private run whose budget allows no other round: the coordinator's own, or that of the clients it needs. */
import { planOfTask, roundEvent } from '../core/privacy/plan.ts';
import { declineCode } from '../core/protocol/decline.ts';
import { isSummed } from './admit.ts';
import type { Book, Loaded } from './book.ts';
import { contributors } from './group-record.ts';
import { combinedRounds, spent } from './run.ts';
import type { ReleaseEvent, Write } from './store.ts';
import { sweep } from './sweep.ts';

/**
 * Have so many clients said that their own budget is spent that those left, of all that this run has ever seen, are below the quorum? Then
 * waiting is in vain. Read from the store: it holds after a restart too.
 */
export async function areBudgetsSpent({ ports, presence }: Book, { run, task }: Loaded): Promise<boolean> {
  if (run.privacy === null || run.phase !== 'training') return false;
  const [refusals, reports] = await Promise.all([ports.store.refusals(run.task), ports.store.rounds(run.task, 0)]);
  const budget = declineCode('budget');
  const without = new Set(refusals.filter(({ code }) => code === budget).map(({ client }) => client));
  if (without.size === 0) return false;
  const seen = reports.flatMap(({ combined, dropped, refused, groups }) =>
    groups === null ? [...combined, ...dropped, ...refused] : groups.flatMap(({ members }) => members),
  );
  const known = new Set([...seen, ...presence.present(), ...(run.cohort ?? []), ...run.passedOver]);
  const arrived = run.groups === null ? run.received.map(({ client }) => client) : [];
  const able = new Set([...arrived, ...[...known].filter(one => !without.has(one))]);
  return able.size < task.cohort.minimum;
}

/**
 * Ends a run that its budget allows no other round: what it has published stays valid. Where clients add the noise themselves, what arrived
 * for the open round has left them all the same, and is recorded so. A run without a round is stopped: it has no model.
 */
export async function endSpent(book: Book, loaded: Loaded, whose: string): Promise<void> {
  const { run } = loaded;
  loaded.fold = null;
  const closedRounds = combinedRounds(run);
  const over = spent(run);
  const nowMs = book.ports.clock.now();
  await book.commit(
    closedRounds > 0 ? over : { ...over, phase: 'stopped', finishedAt: nowMs },
    writesOf(seenReleases(loaded)),
  );
  const detail = `privacy budget ${whose} spent after round ${closedRounds} of ${run.rounds}`;
  book.ports.log({ event: 'budget-spent', level: 'warn', task: run.task, round: run.round, detail });
  if (closedRounds === 0) book.active = null;
  await sweep(book, book.get(run.task) ?? over);
}

/** What the coordinator has seen of an open round that it will not combine: noisy updates, where clients add the noise. */
export function seenReleases({ run, task }: Loaded): ReleaseEvent[] {
  const plan = planOfTask(task);
  if (plan === null || run.privacy === null || isSummed(task) || run.received.length === 0) return [];
  const { noiseMultiplier } = run.privacy.noise;
  const privacy = { noiseMultiplier, event: roundEvent(plan, noiseMultiplier) };
  const { task: id, round, received } = run;
  return [
    {
      task: id,
      round,
      kind: 'aggregate',
      privacy,
      clients: run.groups === null ? received.length : contributors(run.groups).length,
    },
  ];
}

export function writesOf(releases: readonly ReleaseEvent[]): Write[] {
  return releases.map(event => ({ put: 'release', event }));
}
