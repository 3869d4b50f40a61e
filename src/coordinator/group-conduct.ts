/** Conducting groups: closes steps that are due, opens sums that can be opened, and ends rounds that have none. */
import { encodeCbor } from '../core/bytes/cbor.ts';
import { planOfTask } from '../core/privacy/plan.ts';
import { nextNoise } from '../core/privacy/round-noise.ts';
import { writeBlob } from '../core/protocol/ports.ts';
import type { Blame } from '../core/secagg/blame.ts';
import { isAnswered, stepGroup } from '../core/secagg/group-machine.ts';
import type { GroupState } from '../core/secagg/group-state.ts';
import type { Book, Loaded } from './book.ts';
import { seenReleases, writesOf } from './budget.ts';
import { stateKey } from './combine.ts';
import { withShownSet } from './group-deal.ts';
import { groupReports, groupsOf, lost, stepMs, withGroup } from './group-record.ts';
import { endSessions, groupPorts, sessionsOf } from './group-session.ts';
import { openSum } from './group-sum.ts';
import { serialSetting } from './inbox.ts';
import { modelKey } from './round.ts';
import { aggregateKey } from './rule-memory.ts';
import { combinedRounds, voided } from './run.ts';
import type { GroupRecord, RoundReport, Run, Write } from './store.ts';
import { sweep } from './sweep.ts';

/** `over`: every group of the round has its outcome. */
export type Progress = 'idle' | 'changed' | 'over';

/** Takes one transition of one group if one is due. */
export async function advanceGroups(book: Book, loaded: Loaded): Promise<Progress> {
  const groups = groupsOf(loaded.run);
  if (groups.every(({ outcome }) => outcome !== null)) return 'over';
  const { states } = await sessionsOf(book, loaded);
  const nowMs = book.ports.clock.now();
  for (const [index, group] of groups.entries()) {
    if (group.outcome !== null) continue;
    const state = states[index];
    const isLate = group.stepDeadlineAt !== null && nowMs >= group.stepDeadlineAt;
    if (state.stage === 'opened') await open(book, loaded, index, state);
    else if (isLate || isAnswered(state)) await closeStep(book, loaded, index, state);
    else continue;
    return 'changed';
  }
  return 'idle';
}

/**
 * Ends a round without a result: its number is used up, and the next one starts from the same model. What was opened of it, and is too
 * little to be combined, is nobody's. A run all of whose rounds were void is stopped: it has no model.
 */
export async function voidRound(book: Book, loaded: Loaded, why: string): Promise<void> {
  const { ports } = book;
  const { run, task } = loaded;
  const keys = [modelKey, stateKey, aggregateKey];
  for (const key of keys) await copyBlob(book, key(run.task, run.round), key(run.task, run.round + 1));
  const nowMs = ports.clock.now();
  const report: RoundReport = {
    task: run.task,
    round: run.round,
    cohort: run.cohort?.length ?? 0,
    combined: [],
    weights: null,
    dropped: lost(run.groups ?? []),
    refused: [...new Set([...run.refused, ...run.offenders])],
    loss: null,
    evaluation: null,
    model: run.model,
    milliseconds: Math.max(0, nowMs - (run.openedAt ?? nowMs)),
    groups: groupReports(run) ?? [],
  };
  const plan = planOfTask(task);
  const noise = plan === null || run.privacy === null ? null : nextNoise(plan, run.round, run.privacy.noise, null);
  const over = voided(run, why, noise, nowMs + stepMs(task));
  const isWithoutModel = over.phase === 'evaluating' && combinedRounds(over) === 0;
  const after: Run = isWithoutModel ? { ...over, phase: 'stopped', deadlineAt: null, finishedAt: nowMs } : over;
  await ports.store.commit([{ put: 'round', report }, ...writesOf(seenReleases(loaded)), { put: 'run', run: after }]);
  loaded.fold = null;
  loaded.givesUpAt = null;
  loaded.partiesUntil = null;
  endSessions(book, loaded);
  book.remember(after);
  if (isWithoutModel) book.active = null;
  ports.log({ event: 'round-void', level: 'warn', task: run.task, round: run.round, detail: why });
  await ports.step('group-round-void');
  // Whoever could not take part may be able to now.
  book.forgive(run.task);
  await sweep(book, after);
}

/** Why a round of groups has nothing to combine, in words. */
export function voidReason(run: Run, why: string): string {
  const reasons = groupsOf(run).flatMap(({ name, why: own }) => (own === null ? [] : [`${name}: ${own}`]));
  return [why, ...reasons].join('; ');
}

/** Ends the open step of a group with what it has. The closing is durable before anybody is told of what follows. */
async function closeStep(book: Book, loaded: Loaded, index: number, state: GroupState): Promise<void> {
  const { ports } = book;
  const { run, task } = loaded;
  const next = stepGroup(state, { kind: 'close' }, groupPorts(ports).primitives);
  const group = groupsOf(run)[index];
  const tooFew = next.stage === 'agree' ? belowQuorum(loaded, index, next) : null;
  const isVoid = next.stage === 'void' || tooFew !== null;
  const isOpen = !isVoid && next.stage !== 'opened';
  const closed: GroupRecord = {
    ...group,
    closed: group.closed + 1,
    stepDeadlineAt: isOpen ? ports.clock.now() + stepMs(task) : null,
    outcome: isVoid ? 'void' : null,
    survivors: next.survivors,
    why: tooFew ?? next.why,
  };
  const fresh = next.blamed.filter(({ at }) => !state.blamed.some(known => known.at === at));
  const changed = withBlame(withGroup(run, index, closed), closed, fresh);
  const isShown = run.phase === 'training' && next.stage === 'agree' && !isVoid;
  const survivors = next.survivors.map(at => group.members[at]);
  const after = isShown ? withShownSet(changed, task, index, survivors) : changed;
  await book.commit(
    after,
    fresh.flatMap(blame => refusalOf(book, run, group, blame)),
  );
  if (loaded.sessions !== null) loaded.sessions.states[index] = next;
  // Members ask the machine, and it has moved only now.
  book.touch();
  await ports.step('group-step-closed');
  if (isVoid) logVoid(book, run, closed);
}

/**
 * Before the members are shown whose sum they would open: a sum that the round can do nothing with is better not opened, as a second one of
 * the same model never is.
 */
function belowQuorum({ run, task, sessions }: Loaded, index: number, next: GroupState): string | null {
  if (run.phase === 'evaluating') return null;
  const left = groupsOf(run).reduce((sum, group, i) => {
    if (group.outcome === 'void') return sum;
    const state = i === index ? next : sessions?.states[i];
    return sum + (group.outcome === 'opened' || state === undefined ? group.survivors.length : stillIn(state));
  }, 0);
  const { minimum } = task.cohort;
  return left < minimum ? `${left} clients are left, and a round needs ${minimum}` : null;
}

/** Members that may still be in the sum. */
function stillIn({ stage, members, present, sharers, survivors, gone }: GroupState): number {
  if (stage === 'void') return 0;
  if (stage === 'keys') return members.length - gone.size;
  if (stage === 'shares') return present.length;
  return stage === 'input' ? sharers.length : survivors.length;
}

async function open(book: Book, loaded: Loaded, index: number, { opening }: GroupState): Promise<void> {
  if (opening === null) throw new RangeError('coordinator: a group is opened without what opens it');
  const group = groupsOf(loaded.run)[index];
  const opened = await openSum(book, loaded, group, opening);
  // A transition takes its time, and nobody else takes one meanwhile.
  const { run } = loaded;
  if ('refused' in opened) {
    const over: GroupRecord = { ...group, outcome: 'void', why: opened.refused };
    await book.commit(withGroup(run, index, over));
    logVoid(book, run, over);
    return;
  }
  const over: GroupRecord = { ...group, outcome: 'opened', survivors: opening.survivors };
  const rows =
    'received' in opened
      ? { received: [...run.received, opened.received] }
      : { evaluations: [...run.evaluations, opened.evaluation] };
  await book.commit({ ...withGroup(run, index, over), ...rows });
  await book.ports.step('group-recorded');
  const detail = `${group.name}: the sum of ${opening.survivors.length} of ${group.members.length} clients`;
  book.ports.log({ event: 'group-opened', task: run.task, round: run.round, detail });
}

/** Who broke the protocol counts as a liar of this round, and is not asked again in this run. */
function withBlame(run: Run, { members }: GroupRecord, blamed: readonly Blame[]): Run {
  const names = blamed.map(({ at }) => members[at]);
  const also = (list: readonly string[]): string[] => [...new Set([...list, ...names])].sort();
  return names.length === 0 ? run : { ...run, offenders: also(run.offenders), blamed: also(run.blamed) };
}

function refusalOf(book: Book, run: Run, { members }: GroupRecord, { at, why, evidence }: Blame): Write[] {
  const { task, round } = run;
  const client = members[at];
  const code = 'bad-share';
  book.ports.log({ event: 'refused', level: 'warn', client, task, round, code, detail: why });
  const refusal = { task, round, client, code, at: book.ports.clock.now() } as const;
  const serial = book.members.get(client)?.serial;
  const write: Write = { put: 'refusal', refusal, evidence: encodeCbor(evidence) };
  return serial === undefined ? [write] : [write, { put: 'setting', name: serialSetting(client), value: serial }];
}

function logVoid(book: Book, { task, round }: Run, { name, why }: GroupRecord): void {
  book.ports.log({ event: 'group-void', level: 'warn', task, round, detail: `${name}: ${why ?? 'without a sum'}` });
}

async function copyBlob({ ports: { blobs } }: Book, from: string, to: string): Promise<void> {
  const bytes = await blobs.read(from);
  if (bytes !== null) await writeBlob(blobs, to, bytes);
}
