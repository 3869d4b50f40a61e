/** Fills the disk it is given with reservations and checks what stays. Exits 0 when all of it holds. */
import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Problem } from '../../../src/core/protocol/problem.ts';
import { openLedger } from '../../../src/node/storage/sqlite-ledger.ts';
import { spend } from '../../core/privacy/ledger-samples.ts';

const disk = process.argv[2];
const path = join(disk, 'ledger.sqlite');
const limit = { epsilon: 1e5, delta: 1e-5 };
const ballast = join(disk, 'ballast');
writeFileSync(ballast, new Uint8Array(200_000));
const first = openLedger(path, { build: 'test' });
let round = 0;
const fill = async (): Promise<void> => {
  for (;;) {
    await first.reserve(spend(round + 1, { limit }));
    round++;
  }
};
const isFull = (error: unknown): true => {
  assert.ok(error instanceof Problem && error.code === 'storage-full', String(error));
  return true;
};
await assert.rejects(fill, isFull);
assert.ok(round > 10, `only ${round} rounds`);
assert.equal(first.ledger.spent.length, round);
await assert.rejects(first.reserve(spend(round + 1, { limit })), isFull);
assert.equal(first.ledger.spent.length, round);
rmSync(ballast);
await first.reserve(spend(round + 1, { limit }));
const { lines, head } = first.ledger;
first.close();
const second = openLedger(path, { build: 'test' });
assert.equal(second.ledger.head, head);
assert.deepEqual(second.ledger.lines, lines);
