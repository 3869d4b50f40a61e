import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Turns } from '../../../src/core/learning/turns.ts';

/** Whether each of so many equal pieces of work makes a pause due; pauses where it does. */
async function pieces(kernels: 'simd' | 'twin', work: number, count: number): Promise<boolean[]> {
  const turns = new Turns(kernels, {});
  const due: boolean[] = [];
  for (let i = 0; i < count; i++) {
    due.push(turns.due(work));
    if (due[i]) await turns.pause();
  }
  return due;
}

test('a pause is due whenever so much work was done, and counting begins anew after it', async () => {
  assert.deepEqual(await pieces('twin', 4e6, 6), [false, false, true, false, false, true]);
  assert.deepEqual(await pieces('simd', 8e7, 6), [false, false, true, false, false, true]);
});

test('steps of hardly any work make a pause due in the end', async () => {
  assert.ok((await pieces('twin', 0, 501)).includes(true));
});

test('an abort is seen before the start, and after a pause let others run', async () => {
  const controller = new AbortController();
  const turns = new Turns('twin', {
    signal: controller.signal,
    yieldNow: async () => controller.abort(new Error('stopped')),
  });
  await assert.rejects(turns.pause(), /stopped/);
  assert.throws(() => new Turns('twin', { signal: controller.signal }), /stopped/);
});
