import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MeasurePass } from '../../../src/core/aggregation/passes.ts';
import type { Asked, CohortRequest } from '../../../src/node/aggregation/cohort-worker.ts';
import { dealChunks } from '../../../src/node/aggregation/deal-chunks.ts';

const pass: MeasurePass = {
  kind: 'measure',
  transform: [],
  updates: 1,
  distances: false,
  signs: false,
  coordinates: null,
};
const sumsOf = (chunk: number) => ({
  distances: new Float64Array(0),
  squaredNorms: Float64Array.of(chunk),
  signs: new Uint32Array(0),
});
const chunks = Array.from({ length: 60 }, (_, i) => 3 * i);

/** A worker that answers after so many turns, and fails at the chunks named. */
function worker(turns: number, bad: readonly number[] = []) {
  const heard: CohortRequest[] = [];
  const asked: Asked = {
    async ask(request) {
      heard.push(request);
      for (let i = 0; i < turns; i++) await null;
      if (request.kind !== 'chunk') return null;
      if (bad.includes(request.chunk)) throw new Error(`chunk ${request.chunk}`);
      return sumsOf(request.chunk);
    },
  };
  return { ...asked, heard };
}

const chunksOf = ({ heard }: { readonly heard: readonly CohortRequest[] }): number =>
  heard.filter(({ kind }) => kind === 'chunk').length;

test('every chunk is taken once, and a fast worker does more of them', async () => {
  const [fast, slow] = [worker(1), worker(20)];
  const taken: number[] = [];
  await dealChunks([fast, slow], 1, pass, chunks, (chunk, sums) => {
    assert.deepStrictEqual(sums, sumsOf(chunk));
    taken.push(chunk);
  });
  assert.deepStrictEqual(
    taken.sort((a, b) => a - b),
    chunks,
  );
  assert.ok(chunksOf(fast) > chunksOf(slow));
  for (const { heard } of [fast, slow]) {
    assert.equal(heard[0].kind, 'begin');
    assert.equal(heard.at(-1)?.kind, 'end');
  }
});

test('after a failure no further chunk is dealt, the pass ends everywhere, and the first failure is told', async () => {
  const workers = [worker(3, [6]), worker(3, [6])];
  await assert.rejects(
    dealChunks(workers, 1, pass, chunks, () => undefined),
    /^Error: chunk 6$/,
  );
  assert.ok(workers.reduce((sum, one) => sum + chunksOf(one), 0) < 12);
  for (const { heard } of workers) assert.equal(heard.at(-1)?.kind, 'end');
});

test('a worker that hangs back holds up the others: what waits for it is bounded', async () => {
  const [fast, stuck] = [worker(1), worker(5000)];
  let ahead = 0;
  const taken = new Set<number>();
  await dealChunks([fast, stuck], 1, pass, chunks, chunk => {
    taken.add(chunk);
    const oldest = chunks.findIndex(other => !taken.has(other));
    ahead = Math.max(ahead, chunks.indexOf(chunk) - (oldest < 0 ? chunks.length : oldest));
  });
  assert.equal(taken.size, chunks.length);
  assert.ok(ahead <= 18, `${ahead} chunks ahead`);
});
