import assert from 'node:assert/strict';
import { closeSync, openSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { chunkCoordinates } from '../../../src/core/aggregation/passes.ts';
import { floatsToBytes } from '../../../src/core/bytes/floats.ts';
import { CohortWorker } from '../../../src/node/aggregation/cohort-worker.ts';
import { scratch } from '../../storage/scratch.ts';

const chunks = 5;
const length = (chunks - 1) * chunkCoordinates + 10;

test('workers combine the chunks that others leave, and none after one that failed', async t => {
  const path = join(scratch(t), 'row');
  const row = Float32Array.from({ length }, (_, i) => i);
  writeFileSync(path, floatsToBytes(row));
  const file = openSync(path, 'r');
  t.after(() => closeSync(file));
  const worker = new CohortWorker();
  const rows = { kind: 'files', rows: [{ path, file }], length, workers: 1 } as const;
  await worker.answer({ kind: 'open', cohort: 1, rows });
  const pass = { kind: 'combine', weights: Float64Array.of(2) } as const;

  // Another worker has taken the first two.
  const [values, next] = [new Float32Array(length).fill(-1), Int32Array.of(2)];
  await worker.answer({ kind: 'combine', cohort: 1, pass, result: { values, next } });
  const left = 2 * chunkCoordinates;
  assert.deepStrictEqual(values.subarray(0, left), new Float32Array(left).fill(-1));
  assert.deepStrictEqual(
    values.subarray(left),
    row.subarray(left).map(value => 2 * value),
  );

  truncateSync(path, 4 * chunkCoordinates + 4);
  next[0] = 0;
  await assert.rejects(worker.answer({ kind: 'combine', cohort: 1, pass, result: { values, next } }), /became shorter/);
  assert.equal(next[0], chunks);
  await worker.answer({ kind: 'close', cohort: 1 });
});
