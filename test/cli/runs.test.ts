import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runRow, runSummary } from '../../src/cli/runs.ts';
import type { Run } from '../../src/coordinator/store.ts';

/** What lists look at. */
function run(phase: Run['phase'], round: number): Run {
  const listed = {
    task: 'a'.repeat(64),
    name: 'heart',
    phase,
    round,
    rounds: 25,
    parameters: 14,
    submittedAt: 0,
    finishedAt: null,
  };
  return listed as unknown as Run;
}

test('a list counts the rounds that were combined, whatever ended the run', () => {
  const cases = [
    ['training', 3, '2/25', 3],
    ['evaluating', 26, '25/25', 25],
    ['finished', 26, '25/25', 25],
    ['finished', 13, '12/25', 12],
    ['stopped', 1, '0/25', 1],
  ] as const;
  for (const [phase, round, row, at] of cases) {
    assert.deepEqual(runRow(run(phase, round)).slice(1, 4), ['heart', phase, row]);
    assert.equal(runSummary(run(phase, round)).round, at);
  }
});
