/** Events and entries that nobody honest makes: they neither hide what others cost nor break a ledger in an unnamed way. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeCbor } from '../../../src/core/bytes/cbor.ts';
import { toHex } from '../../../src/core/bytes/floats.ts';
import type { PrivacyEvent } from '../../../src/core/privacy/event.ts';
import { Ledger, replay } from '../../../src/core/privacy/ledger.ts';
import { LedgerBroken, type StoredEntry } from '../../../src/core/privacy/ledger-entry.ts';
import { settings, sha256, spend, taskA } from './ledger-samples.ts';

const slips = (slip: number, count: number): PrivacyEvent => ({
  kind: 'discrete-gaussian',
  noiseSteps: 1024,
  sensitivitySteps: 16,
  slip,
  count,
});

for (const isFixed of [true, false])
  test(`a release that always slips and never happened hides no later slips, noise ${isFixed ? '' : 'not '}fixed`, () => {
    const ledger = new Ledger(settings());
    const spent = (round: number, event: PrivacyEvent): number => {
      const draft = ledger.reserve(spend(round, { event, isFixed }));
      for (const entry of draft.entries) ledger.append(entry);
      return draft.epsilon;
    };
    assert.ok(spent(1, slips(1, 0)) < 0.01);
    assert.throws(() => spent(2, slips(1e-4, 1)), /budget-spent/);
    assert.ok(spent(2, slips(1e-9, 1)) < 2);
  });

test('a line whose filter counts at an order that no curve has is no entry of a ledger', () => {
  const open = {
    kind: 'open',
    task: taskA,
    purpose: 'train',
    units: 'records',
    unit: 'record',
    relation: 'add-remove',
    epsilon: 2,
    delta: 1e-5,
    accountant: 'rdp-1',
    build: 'test',
  } as const;
  const chain = (order: number): StoredEntry[] => {
    const bytes = encodeCbor({ ...open, order, index: 0, previous: '0'.repeat(64) });
    return [{ bytes, digest: toHex(sha256(bytes)) }];
  };
  assert.equal(replay(chain(8), settings()).length, 1);
  assert.throws(() => replay(chain(8.25), settings()), LedgerBroken);
});
