/** What every outbox does, whatever it is made of. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Outbox, Outgoing } from '../../src/client/outbox.ts';
import { taskA, taskB } from './samples.ts';

/** An outbox, and the same one as the next process finds it after this one was killed. */
export interface OutboxUnderTest {
  readonly outbox: Outbox;
  reopen(): OutboxUnderTest;
}

export function testOutbox(name: string, open: (t: TestContext) => OutboxUnderTest): void {
  const it = (sentence: string, check: (opened: OutboxUnderTest) => Promise<void>): void =>
    void test(`${name}: ${sentence}`, t => check(open(t)));

  it('what was put is found, also in the next process', async opened => {
    const update = outgoing(1);
    const evaluation = outgoing(1, { label: 'evaluation', tensor: null, envelope: Uint8Array.of(7) });
    await opened.outbox.put(update);
    await opened.outbox.put(evaluation);
    for (const life of ['this', 'next']) {
      const { outbox } = life === 'this' ? opened : opened.reopen();
      assert.deepEqual(await outbox.find(taskA, 1, 'update'), update);
      assert.deepEqual(await outbox.find(taskA, 1, 'evaluation'), evaluation);
      assert.equal(await outbox.find(taskA, 2, 'update'), null);
      assert.equal(await outbox.find(taskB, 1, 'update'), null);
    }
  });

  it('another envelope for the same task, round and label is refused; the same one is not', async opened => {
    await opened.outbox.put(outgoing(1));
    for (const life of ['this', 'next']) {
      const { outbox } = life === 'this' ? opened : opened.reopen();
      await assert.rejects(outbox.put(outgoing(1, { envelope: Uint8Array.of(9) })), { code: 'equivocation' });
      await outbox.put(outgoing(1));
      assert.deepEqual(await outbox.find(taskA, 1, 'update'), outgoing(1));
    }
  });

  it('of rounds before the newest only the fact remains, and it still refuses a second answer', async opened => {
    for (const round of [1, 2, 3]) await opened.outbox.put(outgoing(round));
    await opened.outbox.put(outgoing(1, { task: taskB }));
    for (const life of ['this', 'next']) {
      const { outbox } = life === 'this' ? opened : opened.reopen();
      assert.deepEqual(await outbox.find(taskA, 3, 'update'), outgoing(3));
      assert.deepEqual(await outbox.find(taskB, 1, 'update'), outgoing(1, { task: taskB }));
      for (const round of [1, 2]) {
        await assert.rejects(outbox.find(taskA, round, 'update'), { code: 'replayed' });
        await assert.rejects(outbox.put(outgoing(round, { envelope: Uint8Array.of(9) })), { code: 'equivocation' });
        await outbox.put(outgoing(round));
        await assert.rejects(outbox.find(taskA, round, 'update'), { code: 'replayed' });
      }
    }
  });

  it('the newest round of a label is known, also where only the fact remains', async opened => {
    assert.equal(await opened.outbox.newest(taskA, 'update'), null);
    for (const round of [1, 2]) await opened.outbox.put(outgoing(round));
    await opened.outbox.put(outgoing(3, { label: 'evaluation', tensor: null }));
    for (const life of ['this', 'next']) {
      const { outbox } = life === 'this' ? opened : opened.reopen();
      assert.equal(await outbox.newest(taskA, 'update'), 2);
      assert.equal(await outbox.newest(taskA, 'evaluation'), 3);
      assert.equal(await outbox.newest(taskA, 'other'), null);
      assert.equal(await outbox.newest(taskB, 'update'), null);
    }
  });

  it('rounds do not go backwards: one before the newest is refused, also when it was never answered', async opened => {
    await opened.outbox.put(outgoing(3));
    for (const life of ['this', 'next']) {
      const { outbox } = life === 'this' ? opened : opened.reopen();
      await assert.rejects(outbox.find(taskA, 2, 'update'), { code: 'replayed' });
      assert.equal(await outbox.find(taskA, 4, 'update'), null);
      assert.deepEqual(await outbox.find(taskA, 3, 'update'), outgoing(3));
    }
  });

  it('what callers do to bytes they put or got changes nothing that is stored', async ({ outbox }) => {
    const envelope = Uint8Array.of(1);
    await outbox.put(outgoing(1, { envelope }));
    envelope[0] = 9;
    (await outbox.find(taskA, 1, 'update'))?.envelope.fill(9);
    assert.deepEqual((await outbox.find(taskA, 1, 'update'))?.envelope, Uint8Array.of(1));
  });
}

export function outgoing(round: number, change: Partial<Outgoing> = {}): Outgoing {
  return {
    task: taskA,
    round,
    label: 'update',
    model: '33'.repeat(32),
    envelope: Uint8Array.of(1, 2, round),
    tensor: `outbox/${taskA}/${round}`,
    ...change,
  };
}
