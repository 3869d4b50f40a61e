/** What an operator sees of a run, and what the model file says about itself. */
import { type Judged, judged, pooledEvaluation, type Quality, quality } from '../core/learning/quality.ts';
import type { Evaluation } from '../core/learning/trainer.ts';
import type { NoisyCounts } from '../core/privacy/randomizers.ts';
import type { PrivacyStatement } from '../core/privacy/statement.ts';
import type { Task } from '../core/protocol/task.ts';
import type { GroupStage } from '../core/secagg/group-state.ts';
import type { EvaluationRecord, Phase, RoundReport, Run } from './store.ts';

/** Quality of the final model on one client's test rows. */
export type ClientQuality = Judged & {
  /** Or the group that it is the sum of. */
  readonly client: string;
  /** How many sites it is the sum of; null for one client. */
  readonly sites: number | null;
  /** What this client reached training alone; null when the task did not ask. */
  readonly alone: Quality | null;
};

/** A group of the open round. */
export interface GroupStatus {
  readonly name: string;
  readonly members: number;
  /** The step that is open, or how it ended. */
  readonly stage: GroupStage;
  /** Who has answered in that step, and who never will. */
  readonly answered: readonly string[];
  readonly gone: readonly string[];
  /** Members whose inputs the sum is of; 0 before they are fixed. */
  readonly survivors: number;
  readonly why: string | null;
}

/** What may be said of a private run. */
export interface PrivacyStatus {
  /** After how many rounds the privacy budget allowed no other; null while it does. */
  readonly budgetSpentAfter: number | null;
  /**
   * Over all sites that answered: counts of test rows with noise, and their quotient within 0 and 1 (null where the noise left none). Null
   * where none were sent.
   */
  readonly noisyCounts: (NoisyCounts & { readonly clients: number; readonly accuracy: number | null }) | null;
}

export interface RunStatus {
  readonly version: number;
  readonly task: string;
  readonly name: string;
  readonly phase: Phase;
  /** The open round; the last one while the final model is evaluated, and after it. */
  readonly round: number;
  readonly rounds: number;
  /** Rounds so far that ended without a result. */
  readonly voids: number;
  /** Groups of the open round; null while none is open, and for tasks without groups. */
  readonly groups: readonly GroupStatus[] | null;
  readonly cohort: readonly string[];
  readonly answered: readonly string[];
  readonly present: readonly string[];
  /** Milliseconds until the open round closes; null while none is open. */
  readonly remainingMs: number | null;
  /** After which round the run ended early, the round whose model it kept, and the evaluations since that were no better; or null. */
  readonly stoppedEarly: { readonly round: number; readonly best: number; readonly evaluations: number } | null;
  /** Null for a task without privacy. */
  readonly privacy: PrivacyStatus | null;
  /** Estimated milliseconds until the last round closes, at the pace so far; null before the first has closed. */
  readonly leftMs: number | null;
  readonly waiting: string | null;
  /** Clients that a round of the run under way needs; null for other runs. */
  readonly minimum: number | null;
  readonly reports: readonly RoundReport[];
  readonly refusals: readonly { client: string | null; code: string; count: number }[];
  readonly clients: readonly ClientQuality[];
  /** Clients that were asked to evaluate the final model and did not; empty before the end. */
  readonly missing: readonly string[];
  /** Quality over all sites. */
  readonly pooled: Judged | null;
  /** How much of the target column 1 stands for in the reports' sums; 1 for classes. */
  readonly unit: number;
  readonly parameters: number;
  readonly model: string;
  readonly milliseconds: number;
}

export function runStatus(
  run: Run,
  reports: readonly RoundReport[],
  refusals: RunStatus['refusals'],
  present: readonly string[],
  version: number,
  nowMs: number,
  minimum: number | null,
): RunStatus {
  const closed = run.round - 1;
  const isSpent = run.privacy?.isSpent === true;
  const isTrained = closed === run.rounds || run.stopping?.over === true || isSpent;
  const pace = closed === 0 ? null : (nowMs - run.submittedAt) / closed;
  const over = run.phase === 'finished' || run.phase === 'stopped';
  const done = run.phase === 'evaluating' ? run.evaluations.map(e => e.client) : run.received.map(r => r.client);
  return {
    version,
    task: run.task,
    name: run.name,
    phase: run.phase,
    round: isTrained ? closed : run.round,
    rounds: run.rounds,
    voids: run.voids,
    groups: null,
    cohort: run.cohort ?? [],
    answered: done,
    present,
    minimum,
    remainingMs: run.deadlineAt === null ? null : Math.max(0, run.deadlineAt - nowMs),
    leftMs: over || pace === null ? null : isTrained ? 0 : pace * (run.rounds - closed),
    stoppedEarly: stoppedEarly(run),
    privacy: run.privacy && privacyStatus(run, closed),
    waiting: waiting(run),
    reports,
    refusals,
    ...finalQuality(run),
    missing: run.phase === 'finished' ? run.passedOver : [],
    unit: run.unit,
    parameters: run.parameters,
    model: run.model,
    milliseconds: (run.finishedAt ?? nowMs) - run.submittedAt,
  };
}

/** Why nothing goes on: no round is open, or the open one has a problem that answers cannot be expected to mend. */
function waiting({ phase, cohort, problem }: Run): string | null {
  if (phase === 'finished' || phase === 'stopped') return null;
  return problem ?? (cohort === null ? 'for enough clients' : null);
}

function stoppedEarly({ stopping, round }: Run): RunStatus['stoppedEarly'] {
  if (!stopping?.over) return null;
  return { round: round - 1, best: stopping.best.round, evaluations: stopping.waited };
}

function finalQuality({ evaluations, unit }: Run): Pick<RunStatus, 'clients' | 'pooled'> {
  const pooled = pooledOf(evaluations);
  if (pooled === null) return { clients: [], pooled };
  const clients = byName(evaluations).flatMap(({ client, sites, evaluation, alone }) => {
    if (evaluation === null) return [];
    const own = alone === null ? null : quality(alone, unit);
    return [{ client, sites: sites ?? null, ...judged(evaluation, pooled, unit), alone: own }];
  });
  return { clients, pooled: judged(pooled, pooled, unit) };
}

function privacyStatus({ privacy, evaluations }: Run, closed: number): PrivacyStatus {
  return { budgetSpentAfter: privacy?.isSpent ? closed : null, noisyCounts: noisyCountsOf(evaluations) };
}

function noisyCountsOf(records: readonly EvaluationRecord[]): PrivacyStatus['noisyCounts'] {
  const counts = records.flatMap(({ noisyCounts }) => noisyCounts ?? []);
  if (counts.length === 0) return null;
  const examples = counts.reduce((sum, one) => sum + one.examples, 0);
  const correct = counts.reduce((sum, one) => sum + one.correct, 0);
  const accuracy = examples > 0 ? Math.min(1, Math.max(0, correct / examples)) : null;
  return { clients: counts.length, examples, correct, accuracy };
}

/** In the order of names: a sum of floats must not depend on who answered first. */
function pooledOf(records: readonly EvaluationRecord[]): Evaluation | null {
  return pooledEvaluation(byName(records).flatMap(({ evaluation }) => (evaluation === null ? [] : [evaluation])));
}

function byName(records: readonly EvaluationRecord[]): EvaluationRecord[] {
  return [...records].sort((a, b) => (a.client < b.client ? -1 : 1));
}

/** Metadata of the model file: where it comes from and how good it is. Values are strings, as safetensors wants. */
export function runMetadata(
  federation: string,
  run: Run,
  task: Task,
  report: RoundReport,
  statement: PrivacyStatement,
): Record<string, string> {
  const pooled = pooledOf(run.evaluations);
  const noisy = noisyCountsOf(run.evaluations);
  const metrics =
    pooled === null ? (noisy === null ? {} : { noisyCounts: noisy }) : metricsOf(quality(pooled, run.unit));
  return {
    format: 'parley/1',
    federation,
    task: run.task,
    name: run.name,
    round: String(report.round),
    rounds: String(run.rounds),
    definition: JSON.stringify(task),
    parameters: run.model,
    ...(report.loss === null ? {} : { 'training-loss': String(report.loss) }),
    privacy: JSON.stringify(statement),
    metrics: JSON.stringify(metrics),
  };
}

function metricsOf({ kind: _kind, ...metrics }: Quality): object {
  return metrics;
}
