/**
 * Whom a round without privacy may ask: two sums over nearly the same members differ by the inputs of a few, so members refuse sets that
 * change freely (`core/secagg/set-memory.ts`). A coordinator that asked a returning client too early would only lose the round.
 *
 * The memory is over all groups of a round. Groups that are dealt anew while it binds need one of each.
 */

import { mostMembers } from '../core/protocol/protection-settings.ts';
import type { Task } from '../core/protocol/task.ts';
import { mostColluders } from '../core/secagg/thresholds.ts';
import { settingsOf } from './group-record.ts';
import type { LastSet, Run } from './store.ts';

/** Of the clients that are there: whom the next round may ask, whom it leaves out, and who has to be there. */
export interface Eligible {
  readonly clients: readonly string[];
  /** Whether these are all that may be asked, rather than clients to draw from. */
  readonly isBound: boolean;
  /** There, and left out until `until`. */
  readonly leftOut: readonly string[];
  /** Round from which others may be asked again. */
  readonly until: number;
  /** Not there, and nothing may be opened without them. */
  readonly awaited: readonly string[];
}

/** The memory after a set was shown to its members. */
export function remembering(run: Run, survivors: readonly string[]): LastSet {
  const { lastSet, round, model } = run;
  const names = [...survivors].sort();
  const isSame = lastSet !== null && lastSet.survivors.join() === names.join();
  return { survivors: names, model, round, changed: isSame ? lastSet.changed : round };
}

/** @param free clients that are there and may be asked, as far as anything else goes; sorted. */
export function eligible(run: Run, task: Task, free: readonly string[]): Eligible {
  const { lastSet, round } = run;
  const all: Eligible = { clients: free, isBound: false, leftOut: [], until: round, awaited: [] };
  // The final evaluation is a sum of its own, and asked once.
  if (lastSet === null || run.phase === 'evaluating' || task.privacy !== 'none') return all;
  const { survivors, model, changed } = lastSet;
  const settings = settingsOf(task);
  const { redrawRounds, honest } = settings;
  // Members count those that may collude in their group: no group bears more.
  const hiding = honest + (settings.colluders ?? mostColluders(mostMembers(settings)));
  const there = free.filter(client => survivors.includes(client));
  const missing = survivors.filter(client => !free.includes(client));
  const leftOut = free.filter(client => !survivors.includes(client));
  // One model has one set, for a while.
  const later = lastSet.round + redrawRounds;
  if (model === run.model && round < later)
    return { clients: there, isBound: true, leftOut, until: later, awaited: missing };
  // So many that go hide each other, and whoever comes.
  if (round - changed >= redrawRounds || missing.length >= hiding) return all;
  return { clients: there, isBound: true, leftOut, until: changed + redrawRounds, awaited: [] };
}
