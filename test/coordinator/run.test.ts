import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { obstacle, remainingByzantine } from '../../src/coordinator/obstacle.ts';
import { answered, closable, deadlinePassed, finished, isActive, opened, reopened } from '../../src/coordinator/run.ts';
import type { Received, Run } from '../../src/coordinator/store.ts';
import { clientNames, smallTask } from '../simulation/federation.ts';

const names = clientNames(6);
const received = (client: string): Received => ({
  client,
  tensor: '',
  examples: 1,
  weight: 1,
  norm: 1,
  loss: 1,
  steps: 1,
  evaluation: null,
  withinClip: null,
});
const evaluation = {
  kind: 'classes' as const,
  examples: 1,
  correct: 1,
  logLoss: 0,
  classCounts: [1, 0],
  auc: null,
  scores: null,
};

/** A run in any state that an open or waiting round can have. */
const runs = fc
  .record({
    phase: fc.constantFrom('training', 'evaluating'),
    cohort: fc.option(fc.subarray(names, { minLength: 1 })),
    answers: fc.subarray(names),
    refused: fc.subarray(names),
    target: fc.integer({ min: 1, max: 6 }),
    minimum: fc.integer({ min: 1, max: 6 }),
    now: fc.integer({ min: 0, max: 200 }),
    attempt: fc.nat(3),
  })
  .map(({ phase, cohort, answers, refused, target, minimum, now, attempt }) => {
    const done = answers.filter(client => cohort?.includes(client));
    const run: Run = {
      task: 'aa',
      name: 'small',
      phase: phase as Run['phase'],
      round: 1,
      rounds: 3,
      cohort,
      attempt,
      passedOver: [],
      target,
      deadlineAt: cohort === null ? null : 100,
      received: phase === 'training' ? done.map(received) : [],
      evaluations:
        phase === 'training' ? [] : done.map(client => ({ client, evaluation, alone: null, noisyCounts: null })),
      refused: refused.filter(client => cohort?.includes(client) && !done.includes(client)),
      offenders: [],
      groups: null,
      voids: 0,
      lastSet: null,
      deal: null,
      toss: null,
      blamed: [],
      stopping: null,
      privacy: null,
      model: '',
      parameters: 1,
      unit: 1,
      order: 0,
      openedAt: null,
      submittedAt: 0,
      finishedAt: null,
      problem: null,
    };
    return { run, done, task: smallTask({ seed: 1, clients: 6, faults: [], minimum }), now };
  });

test('no training round closes below its minimum, none before target or deadline unless all have answered, every other one does', () => {
  fc.assert(
    fc.property(runs, ({ run, done, task, now }) => {
      const everyone = run.cohort?.every(client => done.includes(client) || run.refused.includes(client)) ?? false;
      const late = now >= 100;
      const expected =
        run.cohort !== null &&
        (run.phase === 'evaluating'
          ? everyone || (late && (done.length >= task.cohort.minimum || run.attempt >= 2))
          : done.length >= task.cohort.minimum && (everyone || done.length >= run.target || late));
      assert.equal(closable(run, task, now), expected);
    }),
    { numRuns: 500 },
  );
});

test('whoever answered or was refused need not be asked again', () => {
  fc.assert(fc.property(runs, ({ run, done }) => assert.deepEqual(answered(run), new Set([...done, ...run.refused]))));
});

test('an opened round asks the selection, keeps what arrived, and is as old as its first opening', () => {
  fc.assert(
    fc.property(runs, fc.subarray(names), ({ run, task, now }, cohort) => {
      const open = opened(run, { cohort, target: 2 }, task, now);
      assert.deepEqual(open.cohort, cohort);
      assert.equal(open.deadlineAt, now + 60_000);
      assert.deepEqual(open.received, run.received);
      assert.equal(
        opened(open, { cohort, target: 2 }, task, now + 5).openedAt,
        now,
        'an extended round is as old as its first opening',
      );
    }),
  );
});

test('a round that asks anew keeps what arrived and passes over exactly those who were asked and gave nothing', () => {
  fc.assert(
    fc.property(runs, fc.option(fc.nat(200)), ({ run }, spareUntilMs) => {
      const again = reopened(run, 'why', spareUntilMs);
      assert.deepEqual([again.cohort, again.refused, again.problem], [null, [], 'why']);
      assert.deepEqual([again.deadlineAt, again.attempt], [spareUntilMs, run.attempt + 1]);
      assert.deepEqual(again.received, run.received);
      const arrived = (run.phase === 'evaluating' ? run.evaluations : run.received).map(answer => answer.client);
      const silent = (run.cohort ?? []).filter(client => !arrived.includes(client));
      assert.deepEqual(again.passedOver, [...silent].sort());
    }),
  );
});

test('a finished run is no longer active and waits for nothing', () => {
  fc.assert(
    fc.property(runs, ({ run, task, now }) => {
      const over = finished(run, now);
      assert.deepEqual([isActive(run), isActive(over)], [true, false]);
      assert.deepEqual([closable(over, task, now), deadlinePassed(over, now), over.finishedAt], [false, false, now]);
    }),
  );
});

const robustTask = smallTask({
  seed: 1,
  clients: 6,
  faults: [],
  minimum: 5,
  aggregation: { rule: 'krum', byzantine: 1 },
});
const trustingTask = smallTask({
  seed: 1,
  clients: 6,
  faults: [],
  minimum: 2,
  aggregation: { rule: 'monna', trusted: 'site-2' },
});
const [anyRun] = fc.sample(runs, { numRuns: 1, seed: 1 });
const runWith = (clients: readonly string[], offenders: readonly string[] = []): Run => ({
  ...anyRun.run,
  phase: 'training',
  received: clients.map(received),
  offenders,
});

test('offenders are counted off f, and more of them than f stand against a round', () => {
  assert.equal(obstacle(runWith(names.slice(0, 5)), robustTask), null);
  assert.equal(obstacle(runWith(names.slice(0, 5), ['x']), robustTask), null);
  assert.match(obstacle(runWith(names.slice(0, 5), ['x', 'y']), robustTask) ?? '', /2 updates were refused \(x, y\)/);
  assert.equal(obstacle(runWith(names.slice(0, 4)), robustTask), 'below its quorum');
  const byzantine = [[], ['x'], ['x', 'y']].map(offenders => remainingByzantine({ offenders }, robustTask.aggregation));
  assert.deepEqual(byzantine, [1, 0, 0]);
});

test('the plain mean, which bears no liar, goes on without those that are refused', () => {
  const task = smallTask({ seed: 1, clients: 6, faults: [], minimum: 2 });
  assert.equal(obstacle(runWith(names.slice(0, 2), ['x', 'y', 'z']), task), null);
});

test('without the trusted client no round can be combined', () => {
  assert.equal(
    obstacle(runWith(['site-1', 'site-3', 'site-4']), trustingTask),
    'for the update of site-2, the trusted client',
  );
  assert.equal(obstacle(runWith(['site-1', 'site-2', 'site-4']), trustingTask), null);
});
