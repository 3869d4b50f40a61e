/** What a run must come to, whatever was killed during it: what it comes to when nothing is. */
import assert from 'node:assert/strict';
import type { Outcome } from '../federation/operator.ts';

/** Every round combined once with everyone, nobody blamed, the same bits. */
export function assertUndisturbed(outcome: Outcome, expected: Outcome): void {
  const { status } = outcome;
  const clients = expected.status.reports[0].combined;
  assert.deepEqual(
    status.reports.map(report => [report.round, report.combined, report.dropped, report.refused]),
    expected.status.reports.map(report => [report.round, clients, [], []]),
    'every round is combined once, with everyone',
  );
  assert.deepEqual(status.refusals, [], 'nobody is blamed');
  assert.deepEqual(
    status.reports.map(report => report.model),
    expected.status.reports.map(report => report.model),
    'every model is the same',
  );
  assert.equal(outcome.model, expected.model, 'the final parameters are the same');
  assert.equal(outcome.tensors, expected.tensors, 'the published tensors are the same');
}
