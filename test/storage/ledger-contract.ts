/** What every ledger does, whatever keeps it. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Ledger } from '../../src/core/privacy/ledger.ts';
import type { LedgerPort } from '../../src/core/privacy/ledger-port.ts';
import { spend, taskB } from '../core/privacy/ledger-samples.ts';

/** A ledger, and the same one as the next process finds it after this one was killed. */
export interface LedgerUnderTest {
  readonly port: LedgerPort;
  readonly ledger: Ledger;
  /** How often it was said that a round was spent again. */
  readonly again: readonly number[];
  reopen(): LedgerUnderTest;
}

/** @param open a ledger that lets all tasks together spend ε 2.2 at δ = 1e-4 on records. */
export function testLedger(name: string, open: (t: TestContext) => LedgerUnderTest): void {
  const it = (sentence: string, check: (opened: LedgerUnderTest) => Promise<void>): void =>
    void test(`${name}: ${sentence}`, t => check(open(t)));

  it('what was reserved is spent, also in the next process', async opened => {
    await opened.port.reserve(spend(1));
    const { spent } = opened.ledger.lines[0];
    assert.ok(spent > 0.9);
    const next = opened.reopen();
    assert.equal(next.ledger.lines[0].spent, spent);
    assert.equal(next.ledger.spent[0].state, 'reserved');
  });

  it('a round that was reserved by a process that died is charged again, and that is said', async opened => {
    await opened.port.reserve(spend(1));
    assert.deepEqual(opened.again, []);
    const next = opened.reopen();
    await next.port.reserve(spend(1));
    assert.deepEqual(next.again, [1]);
    assert.deepEqual(
      next.ledger.spent.map(({ round, isRepeated }) => [round, isRepeated]),
      [
        [1, false],
        [1, true],
      ],
    );
  });

  it('what was kept and sent is known to be, also in the next process', async opened => {
    const [first, second] = [await opened.port.reserve(spend(1)), await opened.port.reserve(spend(2))];
    await first.commit();
    await second.commit();
    await first.release();
    await assert.rejects(first.commit(), RangeError);
    await assert.rejects(first.release(), RangeError);
    const states = opened.reopen().ledger.spent.map(({ state }) => state);
    assert.deepEqual(states, ['released', 'committed']);
  });

  it('a reservation is found by the next process, and settled as far as it was not', async opened => {
    const release = { task: spend(1).task, round: 1, purpose: 'train' } as const;
    assert.equal(await opened.port.find(release), null);
    const first = await opened.port.reserve(spend(1));
    const second = await opened.port.reserve(spend(1));
    const next = opened.reopen();
    const found = await next.port.find(release);
    await found?.commit();
    await found?.commit();
    await found?.release();
    await found?.release();
    assert.deepEqual(
      next.ledger.spent.map(({ state }) => state),
      ['reserved', 'released'],
      'the newest one, and no other',
    );
    assert.equal(await next.port.find({ ...release, round: 2 }), null);
    assert.equal(await next.port.find({ ...release, purpose: 'evaluate' }), null);
    assert.ok(first !== second);
  });

  it('what is refused changes nothing, here and in the next process', async opened => {
    for (let round = 1; round <= 5; round++) await opened.port.reserve(spend(round));
    const { lines, head } = opened.ledger;
    const spent = { code: 'budget-spent' };
    await assert.rejects(opened.port.reserve(spend(6)), spent);
    const more = async (): Promise<void> => {
      for (let round = 1; ; round++) await opened.port.reserve(spend(round, { task: taskB }));
    };
    await assert.rejects(more, { ...spent, message: /all tasks on records/ });
    await assert.rejects(opened.port.reserve(spend(1, { relation: 'replace' })), spent);
    const { ledger } = opened.reopen();
    assert.deepEqual(ledger.lines[0], lines[0]);
    assert.notEqual(ledger.head, head);
    assert.ok(ledger.lines.every(line => line.epsilon === null || line.spent <= line.epsilon));
  });
}
