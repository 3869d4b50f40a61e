/**
 * Early stopping: a run ends when the clients' evaluations of the global model have not improved for long enough.
 *
 * Clients evaluate the model a round starts from, so the quality of what round r made arrives with the updates of round r + 1, and
 * the decision falls when that round closes. The first model is left out: nobody has trained it.
 */
import type { Measured } from '../core/learning/quality.ts';
import type { Task } from '../core/protocol/task.ts';
import { median } from './median.ts';

type Settings = NonNullable<Task['stopping']>;

/** What a run remembers of the evaluations so far: a fold over the reports of its rounds, stored with each of them. */
export interface Stopping {
  /** The round that made the best model so far, that model (hex SHA-256), and its value of the task's metric. */
  readonly best: { readonly round: number; readonly model: string; readonly value: number };
  /** Evaluations since that were no better. */
  readonly waited: number;
  /** The run has ended early, and its model is the best one. */
  readonly over: boolean;
}

/** What is asked of a run: its open round, the model (hex SHA-256) which that started from, and what it remembers. */
interface Observer {
  readonly round: number;
  /** Rounds before it that ended without a result. */
  readonly voids?: number;
  readonly model: string;
  readonly stopping: Stopping | null;
}

/**
 * The run's memory after the evaluations that arrived with its open round; unchanged where none did, or where they lack the metric.
 * The same run and evaluations give the same decision, whoever takes it and however often. The median of several is what counts: up to
 * half of them may lie, and it lies among the honest ones all the same.
 *
 * @param evaluations of the model that the open round started from: one over all clients that are combined, or one of each of them.
 */
export function observed(settings: Settings | null, run: Observer, evaluations: readonly Measured[]): Stopping | null {
  const before = run.stopping;
  if (settings === null || run.round - (run.voids ?? 0) === 1) return before;
  const value = median(evaluations.flatMap(evaluation => metricValue(settings.metric, evaluation) ?? []));
  if (value === null) return before;
  if (before === null || isBetter(settings, value, before.best.value)) {
    return { best: { round: run.round - 1, model: run.model, value }, waited: 0, over: false };
  }
  const waited = before.waited + 1;
  return { ...before, waited, over: waited >= settings.patience };
}

function isBetter({ metric, minDelta }: Settings, value: number, best: number): boolean {
  return metric === 'loss' ? value < best - minDelta : value > best + minDelta;
}

/** Per prediction, the loss of numbers in their scaled units. Null where the clients did not report it. */
function metricValue(metric: Settings['metric'], evaluation: Measured): number | null {
  const { examples } = evaluation;
  if (evaluation.kind === 'numbers') return metric === 'loss' ? evaluation.loss / examples : null;
  switch (metric) {
    case 'loss':
      return evaluation.logLoss / examples;
    case 'accuracy':
      return evaluation.correct / examples;
    case 'auc':
      return evaluation.auc;
  }
}
