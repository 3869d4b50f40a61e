/** What an operator sees of the groups of a run under way. */

import type { GroupStage, GroupState } from '../core/secagg/group-state.ts';
import { isGrouped } from '../core/secagg/make-manifest.ts';
import type { Book, Loaded } from './book.ts';
import { tossWaiting } from './group-coin.ts';
import { kindOf, readiness } from './group-opening.ts';
import type { GroupStatus, RunStatus } from './status.ts';
import type { GroupRecord } from './store.ts';

/** The groups of the open round as they stand, and what a round that is not open waits for. */
export function groupsNow(book: Book, loaded: Loaded, waiting: string | null): Partial<RunStatus> | null {
  const { run, task, sessions } = loaded;
  if (!isGrouped(task, kindOf(run))) return null;
  if (run.groups === null) {
    if (run.cohort !== null) return null;
    const ready = readiness(book, loaded, run);
    return { waiting: tossWaiting(run, task) ?? ready.waiting ?? waiting, minimum: ready.least, answered: [] };
  }
  const states = sessions?.round === run.round ? sessions.states : [];
  const groups = run.groups.map((group, i) => groupNow(group, states[i]));
  return { groups, waiting, answered: groups.flatMap(({ answered }) => answered).sort() };
}

function groupNow(group: GroupRecord, state: GroupState | undefined): GroupStatus {
  const { name, members, outcome, why, survivors, gone } = group;
  const stage = outcome ?? state?.stage ?? 'keys';
  const places = state === undefined || outcome !== null ? [] : [...sentIn(state, state.stage)];
  return {
    name,
    members: members.length,
    stage,
    answered: places.map(at => members[at]),
    gone: gone.map(({ at }) => members[at]),
    survivors: survivors.length,
    why,
  };
}

/** Who has answered in the open step. */
function sentIn(state: GroupState, stage: GroupStage): Iterable<number> {
  switch (stage) {
    case 'keys':
      return state.keys.keys();
    case 'shares':
      return state.shares.keys();
    case 'input':
      return state.inputs.keys();
    case 'agree':
      return state.agreed.keys();
    case 'unmask':
      return state.unmasked.keys();
    default:
      return [];
  }
}
