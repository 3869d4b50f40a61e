/** What every coordinator store does, whatever it is made of. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { type CoordinatorStore, type Run, StoreConflict, type Write } from '../../src/coordinator/store.ts';
import { type DeclineReason, declineCode } from '../../src/core/protocol/decline.ts';
import {
  sampleEvaluation,
  sampleKey,
  sampleReceived,
  sampleRecord,
  sampleReport,
  sampleRun,
  taskA,
  taskB,
} from './samples.ts';

/** A store, and the same one as the next process finds it after this one was killed. */
export interface StoreUnderTest {
  readonly store: CoordinatorStore;
  reopen(): StoreUnderTest;
}

export function testCoordinatorStore(name: string, open: (t: TestContext) => StoreUnderTest): void {
  const it = (sentence: string, check: (opened: StoreUnderTest) => Promise<void>): void =>
    void test(`${name}: ${sentence}`, t => check(open(t)));

  it('a new store holds nothing', async ({ store }) => {
    assert.deepEqual(await store.runs(), []);
    assert.deepEqual(await store.rounds(taskA, 0), []);
    assert.deepEqual(await store.refusals(), []);
    assert.deepEqual(await store.releases(taskA), []);
    assert.equal(await store.message(sampleKey()), null);
    assert.equal(await store.setting('federation'), null);
  });

  it('a run comes back as it was put, also in the next process', async opened => {
    const run = sampleRun({
      cohort: ['a', 'b'],
      target: 2,
      deadlineAt: 1_700_000_300_000,
      received: [sampleReceived('a', { evaluation: sampleEvaluation }), sampleReceived('b')],
      evaluations: [sampleRecord('a')],
      refused: ['c'],
      problem: 'below its quorum',
    });
    await opened.store.commit([{ put: 'run', run }]);
    assert.deepEqual(await opened.store.runs(), [run]);
    assert.deepEqual(await opened.reopen().store.runs(), [run]);
  });

  it('runs are listed by their order', async ({ store }) => {
    const later = sampleRun({ order: 1 });
    const earlier = sampleRun({ task: taskB, order: 0 });
    await store.commit([{ put: 'run', run: later }]);
    await store.commit([{ put: 'run', run: earlier }]);
    assert.deepEqual(await store.runs(), [earlier, later]);
  });

  it('whatever becomes of a run, the last one committed is the one that is stored', async opened => {
    const received = ['a', 'b', 'c', 'd'].map(client => sampleReceived(client));
    const records = ['a', 'b'].map(sampleRecord);
    const cohorts = [['a'], ['a', 'b', 'c'], []];
    const change = fc.record({
      task: fc.constantFrom(taskA, taskB),
      cohort: fc.option(fc.constantFrom(...cohorts)),
      received: fc.subarray(received, { minLength: 0 }),
      evaluations: fc.shuffledSubarray(records),
      round: fc.integer({ min: 1, max: 20 }),
    });
    const step = fc.record({ change, next: fc.constantFrom('go on', 'fail', 'reopen') });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async steps => {
        let at = opened;
        const expected = new Map((await at.store.runs()).map(run => [run.task, run]));
        for (const { change, next } of steps) {
          const run: Run = sampleRun({ ...change, order: change.task === taskA ? 0 : 1 });
          const write: Write = { put: 'run', run };
          if (next === 'fail') await assert.rejects(at.store.commit([write, unencodable]), TypeError);
          else await at.store.commit([write]);
          if (next !== 'fail') expected.set(run.task, run);
          if (next === 'reopen') at = at.reopen();
          assert.deepEqual(
            await at.store.runs(),
            [...expected.values()].sort((a, b) => a.order - b.order),
          );
        }
        opened = at;
      }),
      { numRuns: 25, seed: 7 },
    );
  });

  it('a message is accepted once; the commit that brings it again leaves nothing at all', async opened => {
    const { store } = opened;
    const message: Write = {
      put: 'message',
      key: sampleKey(),
      payload: Uint8Array.of(1),
      envelope: Uint8Array.of(2, 3),
    };
    await store.commit([{ put: 'run', run: sampleRun() }, message]);
    const again: Write[] = [
      { put: 'run', run: sampleRun({ round: 9, received: [sampleReceived('a')] }) },
      { put: 'setting', name: 'x', value: 'y' },
      { put: 'round', report: sampleReport(taskA, 1) },
      { put: 'refusal', refusal: { task: taskA, round: 1, client: 'a', code: 'replayed', at: 1 }, evidence: null },
      { ...message, payload: Uint8Array.of(9) },
    ];
    await assert.rejects(store.commit(again), StoreConflict);
    for (const life of ['this', 'next']) {
      const now = life === 'this' ? store : opened.reopen().store;
      assert.deepEqual(await now.runs(), [sampleRun()]);
      assert.deepEqual(await now.message(sampleKey()), { payload: Uint8Array.of(1), envelope: Uint8Array.of(2, 3) });
      assert.equal(await now.setting('x'), null);
      assert.deepEqual(await now.rounds(taskA, 0), []);
      assert.deepEqual(await now.refusals(), []);
    }
  });

  it('the same message twice in one commit is a conflict too', async ({ store }) => {
    const message: Write = { put: 'message', key: sampleKey(), payload: Uint8Array.of(1), envelope: Uint8Array.of(2) };
    await assert.rejects(store.commit([message, message]), StoreConflict);
    assert.equal(await store.message(sampleKey()), null);
  });

  it('messages of another task, round, label or sender are other messages', async ({ store }) => {
    const keys = [{}, { task: taskB }, { round: 2 }, { label: 'evaluation' }, { sender: 'b' }].map(sampleKey);
    await store.commit(
      keys.map((key, i) => ({ put: 'message', key, payload: Uint8Array.of(i), envelope: Uint8Array.of(i) })),
    );
    for (const [i, key] of keys.entries()) assert.deepEqual((await store.message(key))?.payload, Uint8Array.of(i));
    assert.equal(await store.message(sampleKey({ round: 3 })), null);
  });

  it('a round is closed once and released once', async ({ store }) => {
    const round: Write = { put: 'round', report: sampleReport(taskA, 1) };
    const release: Write = {
      put: 'release',
      event: { task: taskA, round: 1, kind: 'aggregate', privacy: 'none', clients: 2 },
    };
    await store.commit([round, release]);
    await assert.rejects(store.commit([{ put: 'setting', name: 'x', value: 'y' }, round]), StoreConflict);
    await assert.rejects(store.commit([{ put: 'setting', name: 'x', value: 'y' }, release]), StoreConflict);
    assert.equal(await store.setting('x'), null);
    assert.deepEqual(await store.rounds(taskA, 0), [round.report]);
    assert.deepEqual(await store.releases(taskA), [release.event]);
  });

  it('rounds and releases come in order, those of the task beyond a round only', async opened => {
    for (const round of [2, 1, 10, 3]) {
      await opened.store.commit([
        { put: 'round', report: sampleReport(taskA, round, { evaluation: null }) },
        { put: 'round', report: sampleReport(taskB, round) },
        { put: 'release', event: { task: taskA, round, kind: 'aggregate', privacy: 'none', clients: round } },
      ]);
    }
    const { store } = opened.reopen();
    assert.deepEqual(
      (await store.rounds(taskA, 0)).map(r => r.round),
      [1, 2, 3, 10],
    );
    assert.deepEqual(
      (await store.rounds(taskA, 2)).map(r => r.round),
      [3, 10],
    );
    assert.deepEqual(await store.rounds(taskB, 9), [sampleReport(taskB, 10)]);
    assert.deepEqual(await store.rounds(taskA, 10), []);
    assert.deepEqual(
      (await store.releases(taskA)).map(e => e.clients),
      [1, 2, 3, 10],
    );
  });

  it('refusals are counted per client and code, of one task or of all', async opened => {
    const refuse = (task: string | null, client: string | null, code: 'stale' | 'malformed'): Write => ({
      put: 'refusal',
      refusal: { task, round: task === null ? null : 1, client, code, at: 5 },
      evidence: client === null ? null : Uint8Array.of(1),
    });
    for (let i = 0; i < 40; i++) await opened.store.commit([refuse(taskA, 'a', 'stale')]);
    await opened.store.commit([
      refuse(taskA, 'a', 'malformed'),
      refuse(taskB, 'a', 'stale'),
      refuse(null, 'b', 'stale'),
      refuse(null, null, 'stale'),
    ]);
    const { store } = opened.reopen();
    assert.deepEqual(await store.refusals(taskA), [
      { client: 'a', code: 'malformed', count: 1 },
      { client: 'a', code: 'stale', count: 40 },
    ]);
    assert.deepEqual(await store.refusals(), [
      { client: null, code: 'stale', count: 1 },
      { client: 'a', code: 'malformed', count: 1 },
      { client: 'a', code: 'stale', count: 41 },
      { client: 'b', code: 'stale', count: 1 },
    ]);
  });

  it('declines are counted per reason', async opened => {
    const decline = (reason: DeclineReason): Write => ({
      put: 'refusal',
      refusal: { task: taskA, round: 1, client: 'a', code: declineCode(reason), at: 5 },
      evidence: Uint8Array.of(1),
    });
    await opened.store.commit([decline('failed'), decline('diverged'), decline('failed')]);
    assert.deepEqual(await opened.reopen().store.refusals(taskA), [
      { client: 'a', code: 'declined: diverged', count: 1 },
      { client: 'a', code: 'declined: failed', count: 2 },
    ]);
  });

  it('a setting keeps its last value', async opened => {
    await opened.store.commit([{ put: 'setting', name: 'federation', value: 'one' }]);
    await opened.store.commit([{ put: 'setting', name: 'federation', value: 'zwei ♥' }]);
    assert.equal(await opened.reopen().store.setting('federation'), 'zwei ♥');
  });

  it('what callers do to values they put or got changes nothing that is stored', async ({ store }) => {
    const payload = Uint8Array.of(1);
    await store.commit([
      { put: 'run', run: sampleRun({ received: [sampleReceived('a')] }) },
      { put: 'message', key: sampleKey(), payload, envelope: payload },
      { put: 'round', report: sampleReport(taskA, 1) },
    ]);
    payload[0] = 9;
    (await store.message(sampleKey()))?.envelope.fill(9);
    const [run] = await store.runs();
    (run.received as unknown[]).length = 0;
    (run as { name: string }).name = 'changed';
    const [report] = await store.rounds(taskA, 0);
    (report.combined as string[])[0] = 'changed';
    assert.deepEqual(await store.message(sampleKey()), { payload: Uint8Array.of(1), envelope: Uint8Array.of(1) });
    assert.deepEqual(await store.runs(), [sampleRun({ received: [sampleReceived('a')] })]);
    assert.deepEqual(await store.rounds(taskA, 0), [sampleReport(taskA, 1)]);
  });

  it('an empty commit changes nothing', async ({ store }) => {
    await store.commit([]);
    assert.deepEqual(await store.runs(), []);
  });
}

/** No encoding holds a number that is not finite. */
const unencodable: Write = { put: 'round', report: sampleReport(taskB, 999, { loss: Number.NaN }) };
