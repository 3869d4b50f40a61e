import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import type { Outbox } from '../../../src/client/outbox.ts';
import { openOutbox } from '../../../src/node/storage/sqlite-outbox.ts';
import { type OutboxUnderTest, outgoing, testOutbox } from '../../storage/outbox-contract.ts';
import { scratch } from '../../storage/scratch.ts';

testOutbox('SQLite', t => {
  const path = join(scratch(t), 'client.sqlite');
  let current: (Outbox & { close(): void }) | null = null;
  t.after(() => current?.close());
  const open = (): OutboxUnderTest => {
    current?.close();
    current = openOutbox(path);
    return { outbox: current, reopen: open };
  };
  return open();
});

test('the outbox keeps the bytes of one round per task, and a digest of every other', async t => {
  const path = join(scratch(t), 'client.sqlite');
  const outbox = openOutbox(path);
  for (let round = 1; round <= 20; round++) await outbox.put(outgoing(round));
  outbox.close();
  const raw = new DatabaseSync(path);
  t.after(() => raw.close());
  const counts = raw
    .prepare('SELECT count(*) AS rows, count(envelope) AS whole, count(digest) AS digests FROM outgoing')
    .get();
  assert.deepEqual({ ...counts }, { rows: 20, whole: 1, digests: 20 });
});
