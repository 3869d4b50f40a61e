/** Transitions of a run: pure functions from one record to the next. */
import { labelUnit } from '../core/data/label-unit.ts';
import { planOfTask } from '../core/privacy/plan.ts';
import { openingNoise, type RoundNoise } from '../core/privacy/round-noise.ts';
import type { Task } from '../core/protocol/task.ts';
import { contributors, groupsRecounted, stepMs, withGroups } from './group-record.ts';
import { hasTooManyOffenders, obstacle } from './obstacle.ts';
import type { Selection } from './select.ts';
import type { Stopping } from './stopping.ts';
import type { Run } from './store.ts';

/** How often the final evaluation asks before it ends with fewer clients than the quorum. */
const evaluationAttempts = 3;

/** A run that waits for its turn, nobody asked yet. */
export function queued(begin: {
  /** Hex SHA-256 of the task. */
  readonly id: string;
  readonly task: Task;
  /** Hex SHA-256 of the initial parameters, and their number. */
  readonly model: string;
  readonly parameters: number;
  readonly order: number;
  readonly nowMs: number;
}): Run {
  const { id, task, model, parameters, order, nowMs } = begin;
  const plan = planOfTask(task);
  return {
    task: id,
    name: task.name,
    phase: 'queued',
    round: 1,
    rounds: task.rounds,
    cohort: null,
    attempt: 0,
    passedOver: [],
    target: 0,
    deadlineAt: null,
    received: [],
    evaluations: [],
    refused: [],
    offenders: [],
    groups: null,
    voids: 0,
    lastSet: null,
    deal: null,
    toss: null,
    blamed: [],
    stopping: null,
    privacy: plan === null ? null : { noise: openingNoise(plan), isSpent: false },
    model,
    parameters,
    unit: labelUnit(task.data),
    order,
    openedAt: null,
    submittedAt: nowMs,
    finishedAt: null,
    problem: null,
  };
}

/** Under way: a round is open or about to open. */
export function isActive(run: Run): boolean {
  return run.phase === 'training' || run.phase === 'evaluating';
}

/** Clients of the current round that need not be asked any more. */
export function answered(run: Run): Set<string> {
  const done = run.phase === 'evaluating' ? run.evaluations : run.received;
  return new Set([...done.map(r => r.client), ...run.refused]);
}

/** The run with its round open for the selected clients and those who have answered already. */
export function opened(run: Run, selection: Selection, task: Task, nowMs: number): Run {
  return {
    ...run,
    // Still queued when the write that began it failed.
    phase: run.phase === 'queued' ? 'training' : run.phase,
    cohort: selection.cohort,
    target: selection.target,
    deadlineAt: nowMs + deadlineMs(task),
    openedAt: run.openedAt ?? nowMs,
    // Only the offenders themselves, or an operator, can mend it.
    problem: hasTooManyOffenders(run, task.aggregation) ? run.problem : null,
  };
}

/**
 * The run waiting for clients again, because the round cannot be combined with what it has. What arrived counts. Who was asked and gave no update
 * is passed over while others are there; until `spareUntilMs` (null: no longer) not asked at all.
 */
export function reopened(run: Run, problem: string, spareUntilMs: number | null): Run {
  return {
    ...run,
    cohort: null,
    attempt: run.attempt + 1,
    passedOver: silent(run),
    deadlineAt: spareUntilMs,
    refused: [],
    problem,
  };
}

/** Everyone who was asked in the current round, now or before, and gave no answer that counts. */
function silent(run: Run): string[] {
  const rows = run.phase === 'evaluating' ? run.evaluations : run.received;
  const answers = new Set(run.groups === null ? rows.map(({ client }) => client) : contributors(run.groups));
  return [...new Set([...run.passedOver, ...(run.cohort ?? [])])].filter(client => !answers.has(client)).sort();
}

/**
 * The run one round further, its round combined: waiting for the next one, or for the final evaluation of the model.
 *
 * @param nextNoise noise and clip bound of the next round; null without privacy.
 */
export function closed(run: Run, model: string, stopping: Stopping | null, nextNoise: RoundNoise | null): Run {
  return {
    ...run,
    ...nothingAsked,
    round: run.round + 1,
    phase: stopping?.over || run.round === run.rounds ? 'evaluating' : 'training',
    stopping,
    privacy: nextNoise === null ? null : { noise: nextNoise, isSpent: false },
    model,
  };
}

/**
 * The run one round further, its round void: the model is that of the round before, and nobody is asked before `waitUntilMs`. A task has so
 * many rounds and no more: members open no sums beyond.
 *
 * @param nextNoise as `closed`.
 */
export function voided(run: Run, why: string, nextNoise: RoundNoise | null, waitUntilMs: number): Run {
  return {
    ...run,
    ...nothingAsked,
    round: run.round + 1,
    phase: run.round === run.rounds ? 'evaluating' : 'training',
    voids: run.voids + 1,
    privacy: nextNoise === null ? run.privacy : { noise: nextNoise, isSpent: false },
    deadlineAt: waitUntilMs,
    problem: why,
  };
}

/** Rounds that the model is made of. */
export function combinedRounds({ round, voids }: Pick<Run, 'round' | 'voids'>): number {
  return round - 1 - voids;
}

/** Do the clients of the open round evaluate the model that it starts from? Private tasks let no evaluation leave in their rounds. */
export function asksEvaluation({ phase, round }: Run, { evaluation, privacy }: Task): boolean {
  return phase === 'evaluating' || (privacy === 'none' && (round - 1) % evaluation.everyRounds === 0);
}

/** The run whose budget allows no other round: what arrived for the open one is nobody's, and the model is that of the round before. */
export function spent(run: Run): Run {
  return { ...run, ...nothingAsked, phase: 'evaluating', privacy: run.privacy && { ...run.privacy, isSpent: true } };
}

/** Of a round before anybody is asked. */
const nothingAsked = {
  cohort: null,
  attempt: 0,
  passedOver: [],
  deadlineAt: null,
  openedAt: null,
  received: [],
  refused: [],
  offenders: [],
  groups: null,
  problem: null,
} satisfies Partial<Run>;

/** Does the run end with figures of the clients about the final model? Under privacy only where the task pays for them. */
export function isEvaluated({ privacy }: Task): boolean {
  return privacy === 'none' || (privacy.mechanism === 'dp-sgd' && privacy.metrics !== null);
}

/** The run at its end; who did not evaluate the final model stays named in `passedOver`. */
export function finished(run: Run, nowMs: number): Run {
  return {
    ...run,
    phase: 'finished',
    passedOver: silent(run),
    cohort: null,
    groups: null,
    deadlineAt: null,
    finishedAt: nowMs,
  };
}

/** The run with its deadline counted from now, or null: only a clock that was set back can see it further ahead than it ever is. */
export function deadlineRecounted(run: Run, task: Task, nowMs: number): Run | null {
  if (run.groups !== null) {
    const groups = groupsRecounted(run.groups, nowMs, { training: deadlineMs(task), step: stepMs(task) });
    return groups === null ? null : withGroups(run, groups);
  }
  if (run.toss?.deadlineAt != null && run.toss.deadlineAt > nowMs + stepMs(task))
    return { ...run, toss: { ...run.toss, deadlineAt: nowMs + stepMs(task) } };
  const latest = nowMs + deadlineMs(task);
  return run.deadlineAt !== null && run.deadlineAt > latest ? { ...run, deadlineAt: latest } : null;
}

export function deadlineMs(task: Task): number {
  return Math.ceil(task.cohort.deadlineSeconds * 1000);
}

export function deadlinePassed(run: Run, nowMs: number): boolean {
  return run.deadlineAt !== null && nowMs >= run.deadlineAt;
}

/** Has everyone who was asked answered, for good or ill? */
export function complete(run: Run): boolean {
  const done = answered(run);
  return run.cohort?.every(client => done.has(client)) ?? false;
}

/**
 * May the open round close? When all of the cohort has answered, when the target of an over-selected cohort has,
 * or at the deadline; a training round never while it cannot be combined (obstacle.ts), an evaluation below its minimum only after
 * asking three times.
 */
export function closable(run: Run, task: Task, nowMs: number): boolean {
  if (run.cohort === null) return false;
  if (run.phase === 'evaluating') {
    const enough = run.evaluations.length >= task.cohort.minimum || run.attempt >= evaluationAttempts - 1;
    return complete(run) || (enough && deadlinePassed(run, nowMs));
  }
  if (obstacle(run, task) !== null) return false;
  return complete(run) || run.received.length >= run.target || deadlinePassed(run, nowMs);
}
