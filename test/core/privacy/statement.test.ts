import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventEpsilon } from '../../../src/core/privacy/event-rdp.ts';
import { parseStatement } from '../../../src/core/privacy/parse-statement.ts';
import { makePlan, type Plan } from '../../../src/core/privacy/plan.ts';
import { plannedRuns, runsEvent } from '../../../src/core/privacy/plan-cost.ts';
import { firstRounds, mostSiteRows, planOutlook } from '../../../src/core/privacy/plan-outlook.ts';
import { type PrivateStatement, privacyStatement, type StatementRequest } from '../../../src/core/privacy/statement.ts';
import { epsilonFigure, statementLines } from '../../../src/core/privacy/statement-text.ts';
import type { DpFedAvgSettings, DpSgdSettings } from '../../../src/core/protocol/privacy-settings.ts';
import * as samples from './sample-settings.ts';

const sgd: DpSgdSettings = { ...samples.sgd, metrics: { epsilon: 0.5 }, budget: { epsilon: 6 }, recordsPerPerson: 3 };
const fedAvg: DpFedAvgSettings = { ...samples.fedAvg, unit: 'organisation' };
const { size } = samples;
const plan = makePlan({ privacy: sgd, ...size });
const users = (changes: Partial<DpFedAvgSettings> = {}): Plan =>
  makePlan({ privacy: { ...fedAvg, ...changes }, ...size, stepsPerRound: 1 });
const planHash = 'ab'.repeat(32);

function stated(of: Plan, changes: Partial<StatementRequest> = {}): PrivateStatement {
  const noiseMultipliers = new Array<number>(of.rounds).fill(of.privacy.noiseMultiplier);
  const statement = privacyStatement({
    plan: of,
    planHash,
    noiseMultipliers,
    end: 'rounds',
    countsReleased: false,
    build: '0.0.0',
    ...changes,
  });
  assert.ok(statement.private);
  return statement;
}

const whole = (of: Plan) => eventEpsilon(runsEvent(of, plannedRuns(of)), of.privacy.delta).epsilon;

test('a run of all its rounds states what they cost, with and without amplification, and for persons of several records', () => {
  const statement = stated(plan);
  assert.deepEqual([statement.epsilon, statement.basis, statement.word], [whole(plan), 'released', 'balanced']);
  assert.ok((statement.epsilonWithoutAmplification ?? 0) > 100);
  assert.deepEqual(
    statement.persons.map(({ records }) => records),
    [2, 3, 5, 10],
  );
  const figures = statement.persons.map(({ epsilon }) => epsilon ?? Number.NaN);
  assert.ok(figures.every((epsilon, i) => epsilon > (figures[i - 1] ?? whole(plan))));
});

test('a run that its budget ended states the cost of the rounds that were released', () => {
  const noiseMultipliers = new Array<number>(7).fill(1.1);
  const statement = stated(plan, { noiseMultipliers, end: 'budget' });
  const cost = eventEpsilon(runsEvent(plan, firstRounds(plannedRuns(plan), 7)), 1e-5).epsilon;
  assert.deepEqual([statement.epsilon, statement.rounds], [cost, { planned: 30, released: 7, end: 'budget' }]);
});

test('a run that somebody stopped states what all its rounds would have cost, for whoever stopped it had seen releases', () => {
  const statement = stated(plan, { noiseMultipliers: [1.1], end: 'stopped' });
  assert.deepEqual([statement.epsilon, statement.basis], [whole(plan), 'planned']);
  // But never more than the ledger allows.
  const small = makePlan({ privacy: { ...sgd, budget: { epsilon: 2 } }, ...size });
  assert.equal(stated(small, { noiseMultipliers: [1.1], end: 'stopped' }).epsilon, 2);
});

test('where noise followed releases the limit is stated, whatever the sum', () => {
  const schedule = { kind: 'progress', factor: 0.9, least: 2, threshold: 1.2 } as const;
  for (const end of ['rounds', 'budget', 'stopped'] as const) {
    const statement = stated(users({ schedule }), { noiseMultipliers: [3.81, 3.4], end });
    assert.deepEqual([statement.epsilon, statement.basis, statement.persons], [8, 'limit', []]);
  }
});

test('who learns what follows from where the noise is added', () => {
  assert.match(stated(plan).adversary, /^everyone but the client/);
  assert.match(stated(users()).adversary, /^readers of the models\. The coordinator sees every clipped update/);
  assert.ok(stated(users()).assumptions.some(text => text.startsWith('The coordinator follows the protocol')));
  assert.ok(!stated(users({ noiseAt: 'client' })).assumptions.some(text => text.includes('coordinator follows')));
});

test('hidden sampling is assumed where there is sampling, and only there', () => {
  const all = makePlan({ privacy: { ...sgd, sampling: 'all' }, ...size });
  assert.ok(stated(plan).assumptions.some(text => text.startsWith('Each site draws its batches itself')));
  assert.ok(!stated(all).assumptions.some(text => text.startsWith('Each site draws')));
  assert.equal(stated(all).epsilonWithoutAmplification, stated(all).epsilon);
});

test('noisy counts of test rows are named when they were released', () => {
  assert.equal(stated(plan).countsEpsilon, null);
  const statement = stated(plan, { countsReleased: true });
  assert.equal(statement.countsEpsilon, 0.5);
  assert.ok(statement.released.some(text => text.includes('test rows')));
});

test('without privacy the statement says that nothing is bounded', () => {
  const statement = privacyStatement({
    plan: null,
    planHash: null,
    noiseMultipliers: [],
    end: 'rounds',
    countsReleased: false,
    build: '0.0.0',
  });
  assert.equal(statement.private, false);
  assert.match(statementLines(statement).join('\n'), /Nothing bounds what the model/);
  assert.deepEqual(parseStatement(JSON.stringify(statement)), statement);
});

test('a statement is read as it was written, and nothing else is', () => {
  const clip = { initial: 0.1, targetQuantile: 0.5, learningRate: 0.2, bitNoise: null };
  for (const each of [plan, users(), users({ clip })]) {
    const statement = stated(each);
    assert.deepEqual(parseStatement(JSON.stringify(statement)), statement);
  }
  const text = JSON.stringify(stated(plan));
  for (const wrong of [
    '',
    '{}',
    'null',
    text.replace('"record"', '"row"'),
    text.replace('"kind":"sampled"', '"kind":"x"'),
  ])
    assert.throws(() => parseStatement(wrong), RangeError, wrong);
});

test('the lines name unit, ε, δ, limits and plan, and no figure is rounded down', () => {
  const lines = statementLines(stated(plan));
  const text = lines.map(line => line.join(': ')).join('\n');
  for (const part of [
    /^hides: one record/m,
    /^epsilon: 5\.\d\d at δ = 1e-5/m,
    /^limit: How long/m,
    new RegExp(planHash),
  ])
    assert.match(text, part);
  assert.deepEqual([3, 2.991, 0.1234, 1234.5, 0, null].map(epsilonFigure), ['3', '3', '0.124', '1240', '0', '∞']);
});

test('the outlook of a plan says where its budget ends and which sites are too large', () => {
  const small = makePlan({ privacy: { ...sgd, budget: { epsilon: 3 } }, ...size });
  const outlook = planOutlook(small);
  assert.ok(outlook.roundsAllowed > 0 && outlook.roundsAllowed < 30 && outlook.epsilonAllowed <= 3);
  assert.ok(outlook.warnings.some(text => text.includes(`stop before round ${outlook.roundsAllowed + 1}`)));
  assert.deepEqual([outlook.epsilon, outlook.word, mostSiteRows(small)], [whole(small), 'balanced', 1280]);
  assert.deepEqual(planOutlook(plan).warnings, []);
  const none = planOutlook(makePlan({ privacy: { ...sgd, budget: { epsilon: 0.01 } }, ...size }));
  assert.ok(none.warnings[0].startsWith('The budget does not allow a single round'));
});

test('few organisations, a weak budget and a clip bound that few bits move are warned about', () => {
  const clip = { initial: 0.1, targetQuantile: 0.5, learningRate: 0.2, bitNoise: null };
  const { warnings } = planOutlook(users({ clip, budget: { epsilon: 50 } }));
  for (const part of ['is weak', 'With 40 organisations', 'wanders'])
    assert.ok(
      warnings.some(text => text.includes(part)),
      part,
    );
  assert.deepEqual(planOutlook(users({ expectedCohort: 400 })).warnings, []);
});

test('of noise that members of a group share a statement says whom it holds against, and that sums of groups have left', () => {
  const shared = { noisyClients: 5, leastShares: 7, mostShares: 15 };
  const privacy = { ...fedAvg, noiseAt: 'shared', budget: { epsilon: 100 } } as const;
  const groups = makePlan({ privacy, ...size, stepsPerRound: 1, shared });
  const statement = stated(groups);
  assert.match(statement.adversary, /^the coordinator together with as many members of a group as that bears/);
  assert.match(statement.released[0], /^the sum of every group in every round, with the noise of its members/);
  assert.ok(statement.assumptions.some(line => line.startsWith('Of every group no more members tell')));
  assert.ok(statement.assumptions.every(line => !line.includes('adds the noise, and keeps')));
  assert.ok(statementLines(statement).some(([, text]) => text.includes('the members of a group add a part each')));
  // Hardly more than the same noise of one party costs, on a padded grid.
  const central = stated(users({ budget: { epsilon: 100 } })).epsilon ?? Number.NaN;
  const epsilon = statement.epsilon ?? Number.NaN;
  assert.equal(epsilon, whole(groups));
  assert.ok(Math.abs(epsilon / central - 1) < 0.02, `${epsilon} ${central}`);
  assert.deepEqual(parseStatement(JSON.stringify(statement)), statement);
});
