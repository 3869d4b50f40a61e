/** The result of a run as a table: the federated model beside the honest lines. */
import type { RunStatus } from '../coordinator/status.ts';
import { type Cell, table } from './output.ts';

const share = (value: number | null): string => (value === null ? '–' : value.toFixed(3));

/** Per client and over all: accuracy and AUC of the federated model, majority class, and each client alone where known. */
export function resultTable(status: RunStatus, pooledTraining?: { accuracy: number; auc: number | null }): string {
  if (status.clients.length === 0) return 'No client has evaluated the model.';
  const rows: Cell[][] = [['client', 'test rows', 'accuracy', 'AUC', 'log loss', 'majority class', 'alone']];
  for (const c of status.clients) {
    rows.push([
      c.client,
      c.examples,
      share(c.accuracy),
      share(c.auc),
      share(c.logLoss),
      share(c.majority),
      share(c.alone?.accuracy ?? null),
    ]);
  }
  const { clients, pooled } = status;
  const mean = (pick: (c: (typeof clients)[number]) => number): number =>
    clients.reduce((sum, c) => sum + pick(c), 0) / clients.length;
  const alone = clients.every(c => c.alone !== null) ? mean(c => c.alone?.accuracy ?? 0) : null;
  rows.push([
    'mean of clients',
    '',
    share(mean(c => c.accuracy)),
    '',
    share(mean(c => c.logLoss)),
    share(mean(c => c.majority)),
    share(alone),
  ]);
  if (pooled !== null) {
    rows.push([
      'all test rows',
      pooled.examples,
      share(pooled.accuracy),
      share(pooled.auc),
      share(pooled.logLoss),
      share(pooled.majority),
      '',
    ]);
  }
  if (pooledTraining !== undefined) {
    rows.push([
      '  pooled training (simulation only)',
      '',
      share(pooledTraining.accuracy),
      share(pooledTraining.auc),
      '',
      '',
      '',
    ]);
  }
  const { missing } = status;
  const asked = clients.length + missing.length;
  const gap =
    missing.length === 0 ? '' : `\n${clients.length} of ${asked} clients evaluated; missing: ${missing.join(', ')}`;
  return table(rows) + gap;
}
