import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Problem } from '../../src/core/protocol/problem.ts';
import { Crashed } from '../../src/simulation/crashed.ts';
import { MemoryLedger } from '../../src/simulation/memory-ledger.ts';
import { settings, spend } from '../core/privacy/ledger-samples.ts';
import { type LedgerUnderTest, testLedger } from '../storage/ledger-contract.ts';

testLedger('memory', () => {
  const again: number[] = [];
  const limits = { records: { epsilon: 2.2, delta: 1e-4 } };
  const port = new MemoryLedger({ ...settings(limits), onSpentAgain: (_spend, repeats) => again.push(repeats) });
  const under = (memory: MemoryLedger): LedgerUnderTest => ({
    port: memory,
    ledger: memory.ledger,
    again,
    reopen: () => under(memory.crash()),
  });
  return under(port);
});

test('the ledger of a crashed process neither reserves nor settles', async () => {
  const ledger = new MemoryLedger(settings());
  const reservation = await ledger.reserve(spend(1));
  const next = ledger.crash();
  await assert.rejects(ledger.reserve(spend(2)), Crashed);
  await assert.rejects(reservation.commit(), Crashed);
  assert.throws(() => ledger.crash(), Crashed);
  assert.equal(next.ledger.spent.length, 1);
});

test('a reservation that an injected fault ends has spent nothing, and the next one succeeds', async () => {
  let commits = 0;
  const beforeCommit = (): void => {
    if (++commits % 2 === 1) throw new Problem('storage-full');
  };
  const ledger = new MemoryLedger({ ...settings(), faults: { beforeCommit } });
  await assert.rejects(ledger.reserve(spend(1)), { code: 'storage-full' });
  assert.deepEqual([ledger.entries.length, ledger.ledger.lines], [0, []]);
  const reservation = await ledger.reserve(spend(1));
  await assert.rejects(reservation.commit(), { code: 'storage-full' });
  assert.equal(ledger.ledger.spent[0].state, 'reserved');
  await reservation.commit();
  assert.equal(ledger.ledger.spent[0].state, 'committed');
});
