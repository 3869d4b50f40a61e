/** The groups that an epoch's coin dealt, as they stand: who of them is there, and which can open a sum. */
import { sameBytes } from '../core/bytes/floats.ts';
import { groupSettings } from '../core/protocol/protection-settings.ts';
import type { Task } from '../core/protocol/task.ts';
import { epochOf } from '../core/secagg/coin-evidence.ts';
import { thresholdsOf } from '../core/secagg/manifest.ts';
import type { Book } from './book.ts';
import { eligible, remembering } from './group-memory.ts';
import { settingsOf } from './group-record.ts';
import type { Deal, Run, Toss } from './store.ts';

/** A dealt group before a round. */
export interface DealtGroup {
  /** Everybody that was dealt into it, in the order of the manifest. */
  readonly members: Deal['cohort'];
  /** Names of those that the round asks, sorted. */
  readonly there: readonly string[];
  /** Members that a whole set has: all, or those of the set that was agreed on last. */
  readonly whole: number;
  /** Why it gives no sum in this round, in words; null where it may. */
  readonly why: string | null;
}

/** Where blobs of an epoch's cohort lie: the certificates that its members show each other in every round. */
export const dealKey = (task: string, { epoch, draw }: Pick<Deal, 'epoch' | 'draw'>): string =>
  `${task}/deal/${epoch}-${draw}`;

/** The epoch of the run's current round; null for a task without coin parties. */
export function currentEpoch({ round }: Pick<Run, 'round'>, { protection }: Pick<Task, 'protection'>): number | null {
  const settings = groupSettings(protection);
  return settings === null || settings.coin.length === 0 ? null : epochOf(round, settings);
}

/** What the coin of the current epoch has dealt; null before, and elsewhere. */
export function currentDeal(run: Run, task: Pick<Task, 'protection'>): Deal | null {
  const { deal } = run;
  return deal !== null && deal.epoch === currentEpoch(run, task) ? deal : null;
}

/** The draws of the current epoch; null where nobody has been asked yet. */
export function currentToss(run: Run, task: Pick<Task, 'protection'>): Toss | null {
  return run.toss !== null && run.toss.epoch === currentEpoch(run, task) ? run.toss : null;
}

/** Whether coin parties have been asked, and the coin is not there yet: no round opens without it then. */
export function isTossing(run: Run, task: Pick<Task, 'protection'>): boolean {
  const stage = currentToss(run, task)?.stage;
  return stage === 'commit' || stage === 'reveal';
}

/**
 * The groups of a deal before a round. A member is there under the certificate that it was dealt with: whoever has another one waits for the
 * next epoch, as who is new does.
 *
 * @param free clients that are there and may be asked, as far as anything else goes.
 */
export function dealtGroups(book: Book, run: Run, task: Task, deal: Deal, free: readonly string[]): DealtGroup[] {
  const settings = settingsOf(task);
  return deal.groups.map((places, i) => {
    const members = places.map(place => deal.cohort[place]);
    const here = members.filter(({ name, certificate }) => {
      const known = book.members.get(name);
      return free.includes(name) && known !== undefined && sameBytes(known.certificate, certificate);
    });
    const names = here.map(({ name }) => name).sort();
    const { clients, awaited } = eligible({ ...run, lastSet: deal.sets[i] }, task, names);
    const { least } = thresholdsOf(members.length, settings);
    const isShort = clients.length < least || awaited.length > 0;
    const why = isShort ? `${clients.length} of ${members.length} are there` : null;
    return { members, there: clients, whole: deal.sets[i]?.survivors.length ?? members.length, why };
  });
}

/** The run after a set of one of its groups was shown to the members. */
export function withShownSet(run: Run, task: Task, index: number, survivors: readonly string[]): Run {
  const deal = currentDeal(run, task);
  if (deal === null) return { ...run, lastSet: remembering(run, survivors) };
  const set = remembering({ ...run, lastSet: deal.sets[index] }, survivors);
  return { ...run, deal: { ...deal, sets: deal.sets.map((known, i) => (i === index ? set : known)) } };
}
