import assert from 'node:assert/strict';
import { test } from 'node:test';
import { declineReasons, newDeclines } from '../../src/cli/declines.ts';
import { follow } from '../../src/cli/follow.ts';
import { runStatus } from '../../src/coordinator/status.ts';
import { sampleRun, taskA } from '../storage/samples.ts';

const refusal = (client: string | null, code: string, count = 1) => ({ client, code, count });

test('each reason is explained once, with what to do; other refusals are not declines', () => {
  const found = declineReasons([
    refusal('a', 'declined: diverged'),
    refusal('b', 'declined: diverged', 3),
    refusal('b', 'declined: failed'),
    refusal('c', 'stale'),
    refusal('d', 'declined'),
    refusal('e', 'declined: toString'),
  ]);
  assert.equal(found.length, 2);
  assert.match(found[0], /^diverged: .*\n→ Lower training\.optimizer\.learningRate, or set training\.clip\.$/);
  assert.match(found[1], /^failed: .*\n→ .*log of that client/);
});

test('a decline is told with the names of its clients, once per client and reason', () => {
  const told = new Set<string>();
  const first = newDeclines([refusal('a', 'declined: diverged'), refusal('b', 'declined: diverged')], told);
  assert.equal(first.length, 1);
  assert.match(first[0], /^declined by a, b: diverged: /);
  const then = [refusal('a', 'declined: diverged', 9), refusal('a', 'declined: failed'), refusal('c', 'stale')];
  const second = newDeclines(then, told);
  assert.equal(second.length, 1);
  assert.match(second[0], /^declined by a: failed: /);
  assert.deepEqual(newDeclines(then, told), []);
});

test('who follows a run hears why clients decline, while it goes on', async () => {
  const training = sampleRun({ stopping: null });
  const finished = sampleRun({ phase: 'finished', round: 16, stopping: null });
  const declined = [refusal('a', 'declined: cannot-train')];
  const answers = [
    runStatus(training, [], [], [], 1, training.submittedAt, null),
    runStatus(training, [], declined, [], 2, training.submittedAt, null),
    runStatus(finished, [], declined, [], 3, training.submittedAt, null),
  ];
  const lines: string[] = [];
  const channel = {
    // As the coordinator answers: a status of the run asked for.
    get: async <T>() => (answers.shift() ?? assert.fail('asked after the end')) as T,
    post: async () => assert.fail('following changes nothing'),
    bytes: async () => assert.fail('following loads nothing'),
    close: () => undefined,
  };
  const progress = { status: () => undefined, line: (text: string) => void lines.push(text), end: () => undefined };
  await follow(channel, taskA, progress, new AbortController().signal);
  assert.equal(lines.length, 1);
  assert.match(lines[0], /^declined by a: cannot-train: .*\n→ /);
});
