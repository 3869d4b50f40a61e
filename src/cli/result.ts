/** The result of a run as a table: the federated model beside the honest lines. */
import type { ClientQuality, RunStatus } from '../coordinator/status.ts';
import type { Judged, Quality } from '../core/learning/quality.ts';
import { type Cell, table } from './output.ts';

/** What one line says of a model on some rows; null where it cannot be said. */
type Values = readonly (number | null)[];

/** How a kind of quality becomes columns. */
interface Columns {
  readonly names: readonly string[];
  /** What each number looks like. */
  readonly show: (value: number) => string;
  readonly of: (quality: Judged) => Values;
  /** Of a model without a baseline beside it. */
  readonly plain: (quality: Quality) => Values;
  /** What a client alone reached, in the last column. */
  readonly alone: (quality: Quality) => number | null;
  /** Columns whose mean over clients means something. */
  readonly averaged: readonly boolean[];
}

const classColumns: Columns = {
  names: ['accuracy', 'AUC', 'log loss', 'majority class', 'alone'],
  show: value => value.toFixed(3),
  of: q => (q.kind === 'classes' ? [q.accuracy, q.auc, q.logLoss, q.majority] : []),
  plain: q => (q.kind === 'classes' ? [q.accuracy, q.auc, null, null] : []),
  alone: q => (q.kind === 'classes' ? q.accuracy : null),
  averaged: [true, false, true, true],
};

const numberColumns: Columns = {
  names: ['MAE', 'RMSE', 'R²', 'loss', 'RMSE of the mean', 'alone (RMSE)'],
  show: significant,
  of: q => (q.kind === 'numbers' ? [q.mae, q.rmse, q.r2, q.loss, q.constantRmse] : []),
  plain: q => (q.kind === 'numbers' ? [q.mae, q.rmse, null, q.loss, null] : []),
  alone: q => (q.kind === 'numbers' ? q.rmse : null),
  averaged: [true, true, false, true, true],
};

/**
 * Per client and over all: quality of the federated model, what answering without a model reaches, and each client alone where known.
 *
 * @param pooledTraining quality of a model trained on everyone's rows in one place.
 */
export function resultTable(status: RunStatus, pooledTraining?: Quality): string {
  const { clients, pooled, missing } = status;
  if (clients.length === 0 || pooled === null) return withoutEvaluations(status);
  const columns = pooled.kind === 'classes' ? classColumns : numberColumns;
  const line = (name: string, examples: Cell, values: Values, alone: number | null, none = '–'): Cell[] => [
    name,
    examples,
    ...[...values, alone].map(value => (value === null ? none : columns.show(value))),
  ];
  const alone = ({ alone: own }: ClientQuality): number | null => (own === null ? null : columns.alone(own));
  const sums = clients.filter(({ sites }) => sites !== null);
  // Of one group its sum is all there is; nobody knows the quality of its members.
  const isOneSum = sums.length === 1 && clients.length === 1;
  const ofEach = isOneSum ? [] : clients.map(c => line(nameOf(c), c.examples, columns.of(c), alone(c)));
  const rows: Cell[][] = [
    [sums.length > 0 ? 'sum over' : 'client', 'test rows', ...columns.names],
    ...ofEach,
    ...(sums.length > 0
      ? []
      : [line('mean of clients', '', meanOf(clients, columns), meanAlone(clients, columns), '')]),
    line('all test rows', pooled.examples, columns.of(pooled), isOneSum ? alone(clients[0]) : null, ''),
  ];
  if (pooledTraining !== undefined) {
    rows.push(line('  pooled training (simulation only)', '', columns.plain(pooledTraining), null, ''));
  }
  return [table(rows), ...coverageLine(pooled), ...missingLine(evaluatedIn(clients), missing)].join('\n');
}

function nameOf({ client, sites }: ClientQuality): string {
  return sites === null ? client : `${client}, ${sites} ${sites === 1 ? 'site' : 'sites'}`;
}

function evaluatedIn(clients: readonly ClientQuality[]): number {
  return clients.reduce((sum, { sites }) => sum + (sites ?? 1), 0);
}

/** Of a private task no more is known than the clients told with noise. */
function withoutEvaluations({ privacy, phase }: RunStatus): string {
  const noisy = privacy?.noisyCounts ?? null;
  if (privacy === null) return 'No client has evaluated the model.';
  if (noisy === null) {
    const when = phase === 'finished' || phase === 'stopped' ? '' : ' so far';
    return `The sites of this private task have told nothing about the quality of the model${when}.`;
  }
  const { clients, examples, correct, accuracy } = noisy;
  const share = accuracy === null ? 'no share can be told' : `accuracy about ${accuracy.toFixed(3)}`;
  return `with noise, from ${clients} clients: ${correct} of ${examples} test rows right, ${share}`;
}

/** Four significant digits, whole numbers in full. */
export function significant(value: number): string {
  const size = Math.abs(value);
  return size >= 1000 && size < 1e9 ? value.toFixed(0) : value.toPrecision(4);
}

function meanOf(clients: readonly ClientQuality[], columns: Columns): Values {
  return columns.averaged.map((isAveraged, i) => (isAveraged ? mean(clients.map(c => columns.of(c)[i])) : null));
}

function meanAlone(clients: readonly ClientQuality[], columns: Columns): number | null {
  return mean(clients.map(c => (c.alone === null ? null : columns.alone(c.alone))));
}

/** Null where a value is missing. */
function mean(values: Values): number | null {
  const known = values.filter(value => value !== null);
  return known.length < values.length ? null : known.reduce((sum, value) => sum + value, 0) / known.length;
}

function coverageLine(pooled: Judged): string[] {
  if (pooled.kind !== 'numbers' || pooled.coverage === null) return [];
  return [`${(100 * pooled.coverage).toFixed(1)} % of all test rows lie between the lowest and the highest quantile`];
}

function missingLine(evaluated: number, missing: readonly string[]): string[] {
  if (missing.length === 0) return [];
  return [`${evaluated} of ${evaluated + missing.length} clients evaluated; missing: ${missing.join(', ')}`];
}
