/** Values like those that a coordinator stores. */
import type { EvaluationRecord, MessageKey, Received, RoundReport, Run } from '../../src/coordinator/store.ts';
import type { Evaluation } from '../../src/core/learning/trainer.ts';

export const taskA = 'aa'.repeat(32);
export const taskB = 'bb'.repeat(32);

export const sampleEvaluation: Evaluation = {
  kind: 'classes',
  examples: 40,
  correct: 31,
  logLoss: 21.700000000000003,
  classCounts: [18, 22],
  auc: null,
  scores: { negative: [9, 0, 9], positive: [1, 1, 20] },
};

export function sampleReceived(client: string, change: Partial<Received> = {}): Received {
  return {
    client,
    tensor: '0f'.repeat(32),
    examples: 100_000,
    weight: 0.1 + 0.2,
    norm: 5e-324,
    loss: -0,
    steps: 2 ** 53 - 1,
    evaluation: null,
    withinClip: null,
    ...change,
  };
}

export function sampleRecord(client: string): EvaluationRecord {
  return { client, evaluation: sampleEvaluation, alone: null, noisyCounts: null };
}

export function sampleRun(change: Partial<Run> = {}): Run {
  return {
    task: taskA,
    name: 'Herzkrankheit ♥',
    phase: 'training',
    round: 1,
    rounds: 15,
    cohort: null,
    attempt: 0,
    passedOver: [],
    target: 0,
    deadlineAt: null,
    received: [],
    evaluations: [],
    refused: [],
    offenders: ['mallory'],
    groups: null,
    voids: 0,
    lastSet: null,
    deal: null,
    toss: null,
    blamed: [],
    stopping: { best: { round: 2, model: '33'.repeat(32), value: 0.1 + 0.2 }, waited: 1, over: false },
    privacy: null,
    model: '11'.repeat(32),
    parameters: 1_000_000,
    unit: 1,
    order: 0,
    openedAt: null,
    submittedAt: 1_700_000_000_000,
    finishedAt: null,
    problem: null,
    ...change,
  };
}

export function sampleReport(task: string, round: number, change: Partial<RoundReport> = {}): RoundReport {
  return {
    task,
    round,
    cohort: 4,
    combined: ['a', 'b'],
    weights: [0.1 + 0.2, 0],
    dropped: ['c'],
    refused: ['d'],
    groups: null,
    loss: Math.LN2,
    evaluation: { kind: 'classes', examples: 80, correct: 60, logLoss: 43.5, auc: null },
    model: '22'.repeat(32),
    milliseconds: 21,
    ...change,
  };
}

export function sampleKey(change: Partial<MessageKey> = {}): MessageKey {
  return { task: taskA, round: 1, label: 'update', sender: 'a', ...change };
}
