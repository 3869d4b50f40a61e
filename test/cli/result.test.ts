import assert from 'node:assert/strict';
import { test } from 'node:test';
import { roundLine, statusLine } from '../../src/cli/follow.ts';
import { resultTable, significant } from '../../src/cli/result.ts';
import { qualityDocument } from '../../src/cli/result-document.ts';
import { groupsOfRun } from '../../src/cli/round-groups.ts';
import { type RunStatus, runStatus } from '../../src/coordinator/status.ts';
import type { Run } from '../../src/coordinator/store.ts';
import type { ClassEvaluation, NumberEvaluation } from '../../src/core/learning/trainer.ts';
import { sampleReport, sampleRun, taskA } from '../storage/samples.ts';

const ofClasses = (correct: number): ClassEvaluation => ({
  kind: 'classes',
  examples: 10,
  correct,
  logLoss: 5,
  classCounts: [6, 4],
  auc: 0.75,
  scores: null,
});
/** Labels ±1 in a unit of 20. */
const ofNumbers = (error: number, covered: number | null = null): NumberEvaluation => ({
  kind: 'numbers',
  examples: 4,
  loss: 4 * error * error,
  absoluteError: 4 * error,
  squaredError: 4 * error * error,
  total: 0,
  totalSquares: 4,
  covered,
});

function finished(evaluations: Run['evaluations'], change: Partial<Run> = {}): RunStatus {
  const run = sampleRun({ phase: 'finished', round: 16, evaluations, stopping: null, ...change });
  return runStatus(run, [], [], [], 1, run.submittedAt + 1000, null);
}

const lines = (text: string): string[][] => text.split('\n').map(line => line.trim().split(/ {2,}/));

test('classes: clients, their mean and all rows, with the majority class and the client alone', () => {
  const status = finished(
    [
      { client: 'b', evaluation: ofClasses(7), alone: ofClasses(6), noisyCounts: null },
      { client: 'a', evaluation: ofClasses(9), alone: ofClasses(8), noisyCounts: null },
    ],
    { passedOver: ['c'] },
  );
  assert.deepEqual(
    lines(resultTable(status, { kind: 'classes', examples: 20, accuracy: 0.85, logLoss: 1, auc: 0.9 })),
    [
      ['client', 'test rows', 'accuracy', 'AUC', 'log loss', 'majority class', 'alone'],
      ['a', '10', '0.900', '0.750', '0.500', '0.600', '0.800'],
      ['b', '10', '0.700', '0.750', '0.500', '0.600', '0.600'],
      ['mean of clients', '0.800', '0.500', '0.600', '0.700'],
      ['all test rows', '20', '0.800', '0.500', '0.600'],
      ['pooled training (simulation only)', '0.850', '0.900'],
      ['2 of 3 clients evaluated; missing: c'],
    ],
  );
});

test('numbers: errors in units of the column beside answering the mean', () => {
  const status = finished(
    [{ client: 'a', evaluation: ofNumbers(0.5, 3), alone: ofNumbers(0.75, 3), noisyCounts: null }],
    { unit: 20 },
  );
  assert.deepEqual(lines(resultTable(status)), [
    ['client', 'test rows', 'MAE', 'RMSE', 'R²', 'loss', 'RMSE of the mean', 'alone (RMSE)'],
    ['a', '4', '10.00', '10.00', '0.7500', '0.2500', '20.00', '15.00'],
    ['mean of clients', '10.00', '10.00', '0.2500', '20.00', '15.00'],
    ['all test rows', '4', '10.00', '10.00', '0.7500', '0.2500', '20.00'],
    ['75.0 % of all test rows lie between the lowest and the highest quantile'],
  ]);
  const pooledTraining = { kind: 'numbers', examples: 4, loss: 1, mae: 3, rmse: 4, coverage: null } as const;
  assert.deepEqual(qualityDocument(status, pooledTraining), {
    clients: [
      {
        name: 'a',
        kind: 'numbers',
        examples: 4,
        loss: 0.25,
        mae: 10,
        rmse: 10,
        coverage: 0.75,
        r2: 0.75,
        baselines: {
          constantRmse: 20,
          alone: { kind: 'numbers', examples: 4, loss: 0.5625, mae: 15, rmse: 15, coverage: 0.75 },
        },
      },
    ],
    groups: [],
    meanMae: 10,
    meanRmse: 10,
    pooled: {
      kind: 'numbers',
      examples: 4,
      loss: 0.25,
      mae: 10,
      rmse: 10,
      coverage: 0.75,
      r2: 0.75,
      baselines: { constantRmse: 20, pooledTrainingMae: 3, pooledTrainingRmse: 4 },
    },
  });
});

test('of groups the sums are told: one group is all test rows, several stand beside each other, and nobody by itself', () => {
  const group = (client: string, sites: number, correct: number) => ({
    ...{ client, sites, evaluation: ofClasses(correct), alone: ofClasses(correct - 1), noisyCounts: null },
  });
  const one = finished([group('group-1', 4, 7)]);
  assert.deepEqual(lines(resultTable(one)), [
    ['sum over', 'test rows', 'accuracy', 'AUC', 'log loss', 'majority class', 'alone'],
    ['all test rows', '10', '0.700', '0.500', '0.600', '0.600'],
  ]);
  const two = finished([group('group-2', 9, 9), group('group-1', 8, 7)], { passedOver: ['c'] });
  assert.deepEqual(lines(resultTable(two)), [
    ['sum over', 'test rows', 'accuracy', 'AUC', 'log loss', 'majority class', 'alone'],
    ['group-1, 8 sites', '10', '0.700', '0.750', '0.500', '0.600', '0.600'],
    ['group-2, 9 sites', '10', '0.900', '0.750', '0.500', '0.600', '0.800'],
    ['all test rows', '20', '0.800', '0.500', '0.600'],
    ['17 of 18 clients evaluated; missing: c'],
  ]);
  const { clients, groups, meanAccuracy } = qualityDocument(two, null) as Record<string, { sites: number }[] | null>;
  assert.deepEqual([clients, meanAccuracy], [[], null]);
  assert.deepEqual(
    groups?.map(({ sites }) => sites),
    [8, 9],
  );
});

test('the groups of a run are one line: how many sums, of how many updates, and how many are void', () => {
  const group = (survivors: string[]) => ({
    ...{ members: ['a', 'b', 'c', 'd'], survivors, blamed: [], why: null },
    outcome: survivors.length > 0 ? ('opened' as const) : ('void' as const),
  });
  assert.equal(groupsOfRun([{ groups: null }]), null);
  assert.equal(groupsOfRun([{ groups: [group(['a', 'b', 'c'])] }]), 'groups: 1 sum opened, of 3 updates each');
  const many = [{ groups: [group(['a', 'b', 'c']), group(['a', 'b', 'c', 'd'])] }, { groups: [group([])] }];
  assert.equal(groupsOfRun(many), 'groups: 2 sums opened, of 3 to 4 updates each; 1 void');
  assert.equal(groupsOfRun(many.slice(1)), 'groups: 0 sums opened; 1 void');
});

test('nobody evaluated: that is said', () => {
  assert.equal(resultTable(finished([])), 'No client has evaluated the model.');
  assert.equal(
    resultTable(finished([{ client: 'a', evaluation: null, alone: null, noisyCounts: null }])),
    'No client has evaluated the model.',
  );
});

test('a round tells the quality of the model it started from', () => {
  const report = sampleReport(taskA, 3, { evaluation: ofNumbers(0.5) });
  assert.match(roundLine(report, { rounds: 15, unit: 20 }), /start: MAE 10\.00, RMSE 10\.00/);
  assert.match(roundLine(sampleReport(taskA, 3), { rounds: 15, unit: 1 }), /start: accuracy 0.750, log loss 0.544/);
});

test('a round says whose update the rule left out', () => {
  const report = { ...sampleReport(taskA, 3), combined: ['a', 'b'], weights: [1, 0] };
  assert.match(roundLine(report, { rounds: 15, unit: 1 }), / {2}left out by the rule: b {2}/);
});

test('a run that ended early says after which round, and which model it kept', () => {
  const stopping = { best: { round: 4, model: '', value: 1 }, waited: 3, over: true };
  const early = finished([], { round: 9, stopping });
  assert.deepEqual([early.round, early.leftMs], [8, null]);
  assert.equal(
    statusLine(early),
    'finished after 8 rounds; stopped early at round 8: no better than round 4 for 3 evaluations; the model is that of round 4',
  );
  assert.equal(statusLine(finished([])), 'finished after 15 rounds');
  assert.equal(finished([], { phase: 'evaluating', round: 9, stopping }).leftMs, 0);
});

test('numbers of any size are four digits or whole', () => {
  assert.deepEqual([0, 0.012345, 7.6, 999.94, 123456.7, 2.5e12, -0.5].map(significant), [
    '0.000',
    '0.01235',
    '7.600',
    '999.9',
    '123457',
    '2.500e+12',
    '-0.5000',
  ]);
});

test('a round that waits says how many clients there are only where more of them would mend it', () => {
  const line = (problem: string | null): string => {
    const run = sampleRun({ phase: 'training', round: 1, rounds: 3, cohort: null, problem });
    return statusLine(runStatus(run, [], [], ['anna', 'bert'], 1, run.submittedAt, 3));
  };
  assert.equal(line(null), 'round 1/3 waits for enough clients: needs 3, present 2: anna, bert');
  assert.equal(line('because the rule refuses: x'), 'round 1/3 waits because the rule refuses: x');
});
