import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { processTree, showsProcesses } from '../../../src/node/trainer/process-tree.ts';

test('a process that has the number of one that has ended is left alone, unless it bears the mark', {
  skip: !showsProcesses && 'not on this platform',
}, async t => {
  const env = { ...process.env, PARLEY_TEST_MARK: 'mine' };
  const child = spawn(process.execPath, ['-e', 'setInterval(() => undefined, 1000)'], { env, detached: true });
  t.after(() => child.kill('SIGKILL'));
  await once(child, 'spawn');
  const { pid = 0 } = child;
  const found = (hasEnded: boolean, mark: string) => processTree(pid, hasEnded, mark).map(one => one.pid);
  assert.deepEqual(found(false, 'PARLEY_TEST_MARK=other'), [pid]);
  assert.deepEqual(found(true, 'PARLEY_TEST_MARK=other'), []);
  assert.deepEqual(found(true, 'PARLEY_TEST_MARK=mine'), [pid]);
});
