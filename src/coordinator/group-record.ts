/** What a run keeps of the groups of its open round: between two writes all that is needed to go on from the stored messages. */
import type { GroupSettings } from '../core/protocol/protection-settings.ts';
import { groupSettings } from '../core/protocol/protection-settings.ts';
import type { Task } from '../core/protocol/task.ts';
import type { GroupRecord, GroupReport, Run } from './store.ts';

/** The settings of a task with groups. */
export function settingsOf({ protection }: Pick<Task, 'protection'>): GroupSettings {
  const settings = groupSettings(protection);
  if (settings === null) throw new RangeError('coordinator: the task has no groups');
  return settings;
}

/** How long the steps after training wait, ms. */
export function stepMs(task: Task): number {
  return Math.ceil(settingsOf(task).stepSeconds * 1000);
}

/** The run with its groups as they are now; its deadline is that of the step that ends first. */
export function withGroups(run: Run, groups: readonly GroupRecord[]): Run {
  const deadlines = groups.flatMap(({ stepDeadlineAt }) => stepDeadlineAt ?? []);
  return { ...run, groups, deadlineAt: deadlines.length === 0 ? null : Math.min(...deadlines) };
}

export function withGroup(run: Run, index: number, group: GroupRecord): Run {
  return withGroups(
    run,
    groupsOf(run).map((known, i) => (i === index ? group : known)),
  );
}

/** Throws RangeError for a round without groups. */
export function groupsOf({ groups }: Run): readonly GroupRecord[] {
  if (groups === null) throw new RangeError('coordinator: the round has no groups');
  return groups;
}

/** Which member of which group a client is; null for one that is in none. */
export function placeOf(run: Run, client: string): { readonly index: number; readonly at: number } | null {
  for (const [index, { members }] of (run.groups ?? []).entries()) {
    const at = members.indexOf(client);
    if (at >= 0) return { index, at };
  }
  return null;
}

/** The run whose group waits no longer for a client; unchanged where the client is in none, was gone before, or its session is over. */
export function without(run: Run, client: string): Run {
  const place = placeOf(run, client);
  if (place === null) return run;
  const group = groupsOf(run)[place.index];
  if (group.outcome !== null || isGone(group, place.at)) return run;
  return withGroup(run, place.index, { ...group, gone: [...group.gone, { at: place.at, step: group.closed }] });
}

export function isGone({ gone }: GroupRecord, at: number): boolean {
  return gone.some(one => one.at === at);
}

/** No step lasts longer than the task says: only a clock that was set back sees a deadline further ahead. Null when nothing changes. */
export function groupsRecounted(
  groups: readonly GroupRecord[],
  nowMs: number,
  longestMs: { readonly training: number; readonly step: number },
): readonly GroupRecord[] | null {
  const recounted = groups.map(group => {
    const latest = nowMs + (group.closed === 0 ? longestMs.training : longestMs.step);
    const isAhead = group.stepDeadlineAt !== null && group.stepDeadlineAt > latest;
    return isAhead ? { ...group, stepDeadlineAt: latest } : group;
  });
  return recounted.some((group, i) => group !== groups[i]) ? recounted : null;
}

/** Names of the clients whose inputs are in the opened sums of a round, sorted. */
export function contributors(groups: readonly GroupRecord[]): string[] {
  return groups
    .flatMap(({ outcome, members, survivors }) => (outcome === 'opened' ? survivors.map(at => members[at]) : []))
    .sort();
}

/** Members of opened groups that are not in the sums: they dropped out. Of a void group nobody is missing more than the others. */
export function lost(groups: readonly GroupRecord[]): string[] {
  return groups
    .flatMap(({ outcome, members, survivors }) =>
      outcome === 'opened' ? members.filter((_, at) => !survivors.includes(at)) : [],
    )
    .sort();
}

export function groupReports(run: Run): GroupReport[] | null {
  if (run.groups === null) return null;
  return run.groups.map(({ members, survivors, outcome, why }) => ({
    members,
    survivors: outcome === 'opened' ? survivors.map(at => members[at]) : [],
    outcome: outcome ?? 'void',
    why,
    blamed: run.blamed.filter(client => members.includes(client)),
  }));
}
