import assert from 'node:assert/strict';
import { availableParallelism } from 'node:os';
import { test } from 'node:test';
import type { Mask } from '../../src/core/secagg/mask.ts';
import type { MaskSegment } from '../../src/core/secagg/mask-plan.ts';
import { maskingThreads, nodeGroupPorts } from '../../src/node/group-ports.ts';

const masks: Mask[] = Array.from({ length: 12 }, (_, i) => ({
  seed: new Uint8Array(32).fill(i + 1),
  sign: i % 3 === 0 ? -1 : 1,
}));
const segment = (length: number): MaskSegment => ({ label: 'update', length, bits: 32 });
const inputOf = (length: number): Int32Array => Int32Array.from({ length }, (_, i) => Math.imul(i, 2654435761));

test('masks on large and on small vectors are the same with threads beside this one and without', async () => {
  const [alone, beside] = [await nodeGroupPorts(), await nodeGroupPorts(2)];
  try {
    for (const length of [5, 300_001]) {
      const [one, other] = [inputOf(length), inputOf(length)];
      await alone.applyMasks(masks, segment(length), one);
      await beside.applyMasks(masks, segment(length), other);
      assert.notDeepEqual(one, inputOf(length));
      assert.ok(
        one.every((word, i) => word === other[i]),
        `${length} words`,
      );
    }
  } finally {
    await Promise.all([alone.close(), beside.close()]);
  }
});

test('while threads mask a large vector this thread goes on, and hears how far they are', async () => {
  const ports = await nodeGroupPorts(1);
  try {
    // The thread has started.
    await ports.applyMasks(masks, segment(100_000), inputOf(100_000));
    const heard: number[] = [];
    let isOver = false;
    let turns = 0;
    const masking = ports.applyMasks(masks, segment(4_000_000), inputOf(4_000_000), done => void heard.push(done));
    masking.then(
      () => {
        isOver = true;
      },
      () => undefined,
    );
    for (; !isOver; turns++) await new Promise(resolve => setImmediate(resolve));
    await masking;
    // Without the thread the whole of it is one turn.
    assert.ok(turns > 3, `${turns} turns`);
    assert.ok(heard.length > 3 && heard.at(-1) === 1, `${heard}`);
    assert.ok(
      heard.every((done, i) => i === 0 || done >= heard[i - 1]),
      'never less',
    );
  } finally {
    await ports.close();
  }
});

test('a process adds masks with at least one thread, and no more than it has processors', () => {
  assert.ok(maskingThreads() >= 1 && maskingThreads() <= availableParallelism());
});
