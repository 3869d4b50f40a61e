import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventReport, privacyReport } from '../../../src/core/privacy/report.ts';
import { startAccountantThread } from '../../../src/node/privacy/start-accountant-thread.ts';

const event = { kind: 'sampled', q: 0.1, of: { kind: 'gaussian', noiseMultiplier: 1 }, count: 100 } as const;

test('a thread answers what the functions answer, and the caller is not blocked meanwhile', async () => {
  const accountant = await startAccountantThread();
  const plan = { noiseMultiplier: 1.1, rounds: 100, samplingRate: 0.3, delta: 1e-5 };
  let turns = 0;
  const turning = setInterval(() => turns++, 1);
  const [report, epsilon] = await Promise.all([
    accountant.ask('report', plan),
    accountant.ask('eventReport', { event, delta: 1e-5 }),
  ]);
  clearInterval(turning);
  assert.ok(turns > 0);
  assert.deepEqual(report, privacyReport(plan));
  assert.deepEqual(epsilon, eventReport(event, 1e-5));
  await accountant.close();
});

test('a refusal keeps its kind on the way between threads', async () => {
  const accountant = await startAccountantThread();
  await assert.rejects(accountant.ask('eventReport', { event, delta: 2 }), RangeError);
  await accountant.close();
});

test('once the thread has ended questions are answered where they are asked', async () => {
  const accountant = await startAccountantThread();
  await accountant.close();
  assert.deepEqual(await accountant.ask('eventReport', { event, delta: 1e-5 }), eventReport(event, 1e-5));
});
