/** What an operator sees of a run, and what the model file says about itself. */
import { aucFromHistograms } from '../core/learning/metrics.ts';
import type { Evaluation } from '../core/learning/trainer.ts';
import type { Task } from '../core/protocol/task.ts';
import type { EvaluationRecord, Phase, RoundReport, Run } from './store.ts';

/** Quality over several sites. */
export interface Quality {
  readonly examples: number;
  readonly accuracy: number;
  readonly logLoss: number;
  readonly auc: number | null;
}

export interface ClientQuality extends Quality {
  readonly client: string;
  /** Share of the most frequent class among the site's test rows: what guessing would score. */
  readonly majority: number;
  /** What this client reached training alone; null when the task did not ask. */
  readonly alone: Quality | null;
}

export interface RunStatus {
  readonly version: number;
  readonly task: string;
  readonly name: string;
  readonly phase: Phase;
  readonly round: number;
  readonly rounds: number;
  readonly cohort: readonly string[];
  readonly answered: readonly string[];
  readonly present: readonly string[];
  /** Milliseconds until the open round closes; null while none is open. */
  readonly remainingMs: number | null;
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
  readonly pooled: (Quality & { readonly majority: number }) | null;
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
  const closed = Math.min(run.round, run.rounds + 1) - 1;
  const pace = closed === 0 ? null : (nowMs - run.submittedAt) / closed;
  const over = run.phase === 'finished' || run.phase === 'stopped';
  const done = run.phase === 'evaluating' ? run.evaluations.map(e => e.client) : run.received.map(r => r.client);
  return {
    version,
    task: run.task,
    name: run.name,
    phase: run.phase,
    round: Math.min(run.round, run.rounds),
    rounds: run.rounds,
    cohort: run.cohort ?? [],
    answered: done,
    present,
    minimum,
    remainingMs: run.deadlineAt === null ? null : Math.max(0, run.deadlineAt - nowMs),
    leftMs: over || pace === null ? null : Math.max(0, pace * (run.rounds - closed)),
    waiting: over || run.cohort !== null ? null : (run.problem ?? 'for enough clients'),
    reports,
    refusals,
    clients: run.evaluations.flatMap(clientQuality).sort((a, b) => (a.client < b.client ? -1 : 1)),
    missing: run.phase === 'finished' ? run.passedOver : [],
    pooled: pooledQuality(run.evaluations),
    parameters: run.parameters,
    model: run.model,
    milliseconds: (run.finishedAt ?? nowMs) - run.submittedAt,
  };
}

function clientQuality({ client, evaluation, alone }: EvaluationRecord): ClientQuality[] {
  if (evaluation === null) return [];
  const { classCounts } = evaluation;
  return [
    { client, ...quality(evaluation), majority: majority(classCounts), alone: alone === null ? null : quality(alone) },
  ];
}

function quality(evaluation: Evaluation): Quality {
  const { examples, correct, logLoss, auc } = evaluation;
  return { examples, accuracy: correct / examples, logLoss: logLoss / examples, auc };
}

function majority(counts: readonly number[]): number {
  return Math.max(...counts) / counts.reduce((sum, c) => sum + c, 0);
}

/** Quality over all sites: sums add up; the AUC over all comes from score histograms where every site sent one. */
export function pooledQuality(records: readonly EvaluationRecord[]): (Quality & { majority: number }) | null {
  // In the order of names: a sum of floats must not depend on who answered first.
  const sorted = [...records].sort((a, b) => (a.client < b.client ? -1 : 1));
  const evaluations = sorted.flatMap(({ evaluation }) => (evaluation === null ? [] : [evaluation]));
  if (evaluations.length === 0) return null;
  const total = (pick: (e: Evaluation) => number): number => evaluations.reduce((sum, e) => sum + pick(e), 0);
  const examples = total(e => e.examples);
  const classes = evaluations[0].classCounts.map((_, c) => total(e => e.classCounts[c] ?? 0));
  const scores = evaluations.flatMap(e => (e.scores === null ? [] : [e.scores]));
  const bins = scores[0]?.positive.length ?? 0;
  const equal =
    scores.length === evaluations.length && scores.every(s => s.positive.length === bins && s.negative.length === bins);
  const add = (kind: 'positive' | 'negative'): number[] =>
    Array.from({ length: bins }, (_, bin) => scores.reduce((sum, s) => sum + s[kind][bin], 0));
  return {
    examples,
    accuracy: total(e => e.correct) / examples,
    logLoss: total(e => e.logLoss) / examples,
    auc: equal && bins > 0 ? aucFromHistograms(add('negative'), add('positive')) : null,
    majority: majority(classes),
  };
}

/** Metadata of the model file: where it comes from and how good it is. Values are strings, as safetensors wants. */
export function runMetadata(federation: string, run: Run, task: Task, report: RoundReport): Record<string, string> {
  const pooled = pooledQuality(run.evaluations);
  return {
    format: 'parley/1',
    federation,
    task: run.task,
    name: run.name,
    round: String(run.round - 1),
    rounds: String(run.rounds),
    definition: JSON.stringify(task),
    parameters: run.model,
    'training-loss': String(report.loss),
    privacy: 'none',
    metrics: JSON.stringify(
      pooled === null
        ? {}
        : { examples: pooled.examples, accuracy: pooled.accuracy, logLoss: pooled.logLoss, auc: pooled.auc },
    ),
  };
}
