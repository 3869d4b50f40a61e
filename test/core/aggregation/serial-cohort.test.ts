import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ChunkPass, combineChunk, measureChunk, type RowLoader } from '../../../src/core/aggregation/chunk-pass.ts';
import type { Cohort, MeasureRequest } from '../../../src/core/aggregation/cohort.ts';
import { memoryVectors } from '../../../src/core/aggregation/memory-vectors.ts';
import { largestPassBytes, planPass } from '../../../src/core/aggregation/pass-plan.ts';
import { chunkCoordinates, chunksOf, type Pass } from '../../../src/core/aggregation/passes.ts';
import { serialCohort } from '../../../src/core/aggregation/serial-cohort.ts';
import { stretchBuffer } from '../../../src/core/aggregation/stretch-buffer.ts';
import { bestCohortKernels } from '../../../src/core/math/kernels/cohort-best.ts';
import { cohortTwin } from '../../../src/core/math/kernels/cohort-twin.ts';
import { allResults, assertResults, passes, resultOf, transforms } from './cohort-requests.ts';
import { combinedCoordinates, measured, oddRows, transformed, weightedSum } from './naive-cohort.ts';

const cohortOf = (rows: readonly Float32Array[], kernels?: typeof cohortTwin): Cohort =>
  serialCohort(memoryVectors(rows), kernels);

/** Within `relative` of the greatest absolute value of `scale`. */
function near(actual: ArrayLike<number>, expected: ArrayLike<number>, relative: number, scale: number, what: string) {
  assert.equal(actual.length, expected.length, what);
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs(actual[i] - expected[i]);
    assert.ok(
      difference <= relative * (scale + Math.abs(expected[i])),
      `${what} at ${i}: ${actual[i]}, ${expected[i]}`,
    );
  }
}

async function assertPlain(rows: readonly Float32Array[], cohort: Cohort, name: string, pass: Pass): Promise<void> {
  const result = await resultOf(cohort, pass);
  const plainRows = rows.map(row => [...row]);
  if (pass.kind === 'measure') {
    const plain = measured(transformed(plainRows, pass.transform, Math.fround), pass);
    const { distances, squaredNorms, positive, zero } = await cohort.measure(pass);
    if (pass.distances) near(distances, plain.distances, 1e-5, 0, `${name} distances`);
    near(squaredNorms, plain.squaredNorms, 1e-12, 0, `${name} norms`);
    if (pass.signs) {
      assert.deepEqual(positive, plain.positive, name);
      assert.deepEqual(zero, plain.zero, name);
    }
  } else if (pass.kind === 'combine') {
    near(result as Float32Array, weightedSum(plainRows, pass.weights), 1e-6, 1e-3, name);
  } else {
    const plain = combinedCoordinates(transformed(plainRows, pass.transform, Math.fround), pass.combination);
    near(result as Float32Array, plain, 1e-6, 1e-3, name);
  }
}

test('every pass over few coordinates agrees with plain float64 arithmetic', async () => {
  const shapes = fc.tuple(fc.integer({ min: 4, max: 12 }), fc.integer({ min: 1, max: 700 }), fc.nat(200));
  await fc.assert(
    fc.asyncProperty(shapes, async ([count, length, seed]) => {
      const rows = oddRows(count, length, seed);
      const cohort = cohortOf(rows);
      for (const [name, pass] of passes(count, length)) await assertPlain(rows, cohort, name, pass);
    }),
    { numRuns: 20, seed: 4 },
  );
});

for (const length of [1, 511, 512, 513, 1024, 1025]) {
  test(`every pass over ${length} coordinates agrees with plain float64 arithmetic`, async () => {
    const rows = oddRows(5, length, 9);
    const cohort = cohortOf(rows, bestCohortKernels());
    for (const [name, pass] of passes(5, length)) await assertPlain(rows, cohort, name, pass);
  });
}

test('passes over more than a chunk agree with plain float64 arithmetic', async () => {
  const rows = oddRows(4, chunkCoordinates + 1, 9);
  const cohort = cohortOf(rows);
  for (const [name, pass] of passes(4, rows[0].length)) {
    if (!name.includes(',')) await assertPlain(rows, cohort, name, pass);
  }
});

test('both implementations of the kernels give the same bytes', async () => {
  for (const [count, length] of [
    [4, 100],
    [11, 3001],
    [6, 66_000],
  ]) {
    const rows = oddRows(count, length, 5);
    await assertResults(
      cohortOf(rows, bestCohortKernels()),
      await allResults(cohortOf(rows, cohortTwin)),
      `${count} × ${length}`,
    );
  }
});

test('the rows are never written', async () => {
  const rows = oddRows(7, 2000, 6);
  const before = rows.map(row => row.slice());
  const cohort = cohortOf(rows);
  for (const [, pass] of passes(7, 2000)) await resultOf(cohort, pass);
  assert.deepEqual(rows, before);
});

/** Rows in the memory of the kernels, brought in stretches of any length. */
class Stretches implements RowLoader {
  readonly stretch: number;
  readonly addresses: Uint32Array;
  readonly #rows: readonly Float32Array[];
  readonly #memory: ArrayBufferLike;

  constructor(rows: readonly Float32Array[], stretch: number, memory: ArrayBufferLike, start: number) {
    this.stretch = stretch;
    this.addresses = Uint32Array.from(rows, (_, i) => start + 4 * stretch * i);
    this.#rows = rows;
    this.#memory = memory;
  }

  load(from: number, count: number): undefined {
    for (const [i, row] of this.#rows.entries()) {
      new Float32Array(this.#memory, this.addresses[i], count).set(row.subarray(from, from + count));
    }
  }
}

test('the bytes of a chunk do not depend on how much of the rows is brought at a time', async () => {
  const [count, length] = [6, chunkCoordinates + 5000];
  const rows = oddRows(count, length, 3);
  const source = bestCohortKernels();
  for (const [name, pass] of passes(count, length)) {
    const plan = planPass(pass, count, 64);
    const needed = plan.needed.map(row => rows[row]);
    const results: unknown[] = [];
    for (const blocks of [1, 3, 8]) {
      const stretch = blocks * plan.block;
      const memory = source.allocate(plan.end + 4 * stretch * needed.length);
      const work = new ChunkPass(plan, source.open(memory), memory);
      const loader = new Stretches(needed, stretch, memory.buffer, plan.end);
      const values = new Float32Array(length).fill(Number.NaN);
      const parts: unknown[] = [values];
      for (const chunk of chunksOf(pass, length)) {
        if (pass.kind === 'measure') parts.push(await measureChunk(work, loader, chunk, length));
        else await combineChunk(work, loader, chunk, values);
      }
      results.push(parts);
    }
    assert.deepStrictEqual(results[1], results[0], name);
    assert.deepStrictEqual(results[2], results[0], name);
  }
});

test('sums of a whole vector are the sums of its chunks, added in order', async () => {
  const rows = oddRows(4, 2 * chunkCoordinates + 777, 8);
  const all: MeasureRequest = { transform: [], updates: 4, distances: true, signs: true, coordinates: null };
  const whole = await cohortOf(rows).measure(all);
  const distances = new Float64Array(16);
  for (let from = 0; from < rows[0].length; from += chunkCoordinates) {
    const shard = await cohortOf(rows.map(row => row.subarray(from, from + chunkCoordinates))).measure(all);
    for (let i = 0; i < 16; i++) distances[i] += shard.distances[i];
  }
  assert.deepStrictEqual(distances, whole.distances);
});

test('rows of weight 0, and rows that a selection leaves out, are not read', async () => {
  const vectors = memoryVectors(oddRows(6, 3000, 2));
  const read = new Set<number>();
  const cohort = serialCohort({
    ...vectors,
    read: (vector, from, target) => {
      read.add(vector);
      return vectors.read(vector, from, target);
    },
  });
  await cohort.combine(Float64Array.of(0, 0.5, 0, 0, 0.5, 0));
  assert.deepEqual([...read], [1, 4]);
  read.clear();
  await cohort.combineCoordinates([{ kind: 'average', sets: [[5], [2], [3]] }], { kind: 'median' });
  assert.deepEqual([...read], [2, 3, 5]);
  read.clear();
  assert.deepEqual(await cohort.combine(new Float64Array(6)), new Float32Array(3000));
  assert.deepEqual([...read], []);
});

test('chunks without a wanted coordinate are not read', async () => {
  const vectors = memoryVectors(oddRows(3, 3 * chunkCoordinates, 2));
  const firsts = new Set<number>();
  const cohort = serialCohort({
    ...vectors,
    read: (vector, from, target) => {
      firsts.add(Math.floor(from / chunkCoordinates));
      return vectors.read(vector, from, target);
    },
  });
  const coordinates = Uint32Array.of(chunkCoordinates, 2 * chunkCoordinates - 1);
  const request = { transform: [], updates: 3, distances: true, signs: false, coordinates };
  assert.equal((await cohort.measure(request)).coordinates, 2);
  assert.deepEqual([...firsts], [1]);
});

test('vectors without a value, and a single vector, are no special case', async () => {
  const empty = cohortOf([new Float32Array(0), new Float32Array(0)]);
  const request = { transform: [], updates: 2, distances: true, signs: true, coordinates: null };
  assert.deepEqual((await empty.measure(request)).distances, new Float64Array(4));
  assert.deepEqual(await empty.combine(Float64Array.of(1, 1)), new Float32Array(0));
  const rows = oddRows(1, 5000, 1);
  const single = cohortOf(rows);
  assert.deepEqual(
    await single.combineCoordinates([], { kind: 'median' }),
    rows[0].map(x => x + 0),
  );
});

test('a pass that does not fit the cohort is refused, whatever is wrong with it', async () => {
  const cohort = cohortOf(oddRows(4, 10, 1));
  const request = { transform: [], updates: 4, distances: true, signs: true, coordinates: null };
  const refused: [() => Promise<unknown>, RegExp][] = [
    [() => cohort.measure({ ...request, updates: 5 }), /5 updates of 4 rows/],
    [() => cohort.measure({ ...request, coordinates: Uint32Array.of(10) }), /coordinate 10 of 10/],
    [() => cohort.measure({ ...request, coordinates: Uint32Array.of(3, 3) }), /do not ascend/],
    [() => cohort.measure({ ...request, transform: [{ kind: 'scale', factors: new Float64Array(3) }] }), /3 factors/],
    [() => cohort.combine(new Float64Array(5)), /5 weights for 4 rows/],
    [() => cohort.combine(Float64Array.of(1, 1, 1, Number.NaN)), /not finite/],
    [() => cohort.combineCoordinates([], { kind: 'trimmed-mean', cut: 2 }), /2 values cut/],
    [() => cohort.combineCoordinates([], { kind: 'nearest-median', keep: 0 }), /0 values kept/],
    [() => cohort.combineCoordinates([{ kind: 'average', sets: [[4]] }], { kind: 'median' }), /row 4 of 4/],
    [() => cohort.combineCoordinates([{ kind: 'average', sets: [[]] }], { kind: 'median' }), /an empty set/],
    [() => cohort.combineCoordinates([{ kind: 'average', sets: [[1, 1]] }], { kind: 'median' }), /names a row twice/],
    [() => cohort.combineCoordinates([{ kind: 'average', sets: [] }], { kind: 'median' }), /no row to combine/],
  ];
  for (const [pass, message] of refused) {
    await assert.rejects(pass(), error => error instanceof RangeError && message.test(error.message), String(message));
  }
  assert.throws(() => memoryVectors([new Float32Array(3), new Float32Array(4)]), RangeError);
});

test('a vector that cannot be read fails the pass when no read is under way any more', async () => {
  const vectors = memoryVectors(oddRows(3, 5000, 1));
  let under = 0;
  const cohort = serialCohort({
    ...vectors,
    read: async (vector, from, target) => {
      under++;
      await new Promise(setImmediate);
      under--;
      if (vector === 0) throw new Error('vector 0 is damaged');
      await new Promise(setImmediate);
      return vectors.read(vector, from, target);
    },
  });
  await assert.rejects(cohort.combineCoordinates([], { kind: 'median' }), /vector 0 is damaged/);
  assert.equal(under, 0);
});

test('two passes at once give what they give alone', async () => {
  const cohort = cohortOf(oddRows(5, 70_000, 4));
  const chosen = passes(5, 70_000).filter(([name]) => name.startsWith('scale'));
  const together = await Promise.all(chosen.map(([, pass]) => resultOf(cohort, pass)));
  for (const [i, [name, pass]] of chosen.entries())
    assert.deepStrictEqual(await resultOf(cohort, pass), together[i], name);
});

test('buffers stay below 64 MB at 100 rows of any length, also with two or three workers', () => {
  for (const workers of [1, 2, 3]) {
    for (const [name, pass] of passes(100, 1000)) {
      const bytes = workers * (planPass(pass, 100, 64).end + stretchBuffer(100, 100, 1e9, workers).bytes);
      assert.ok(bytes <= 64e6, `${name}: ${bytes} bytes`);
    }
  }
});

test('no pass exceeds the room that is set aside for the largest', () => {
  for (const count of [4, 5, 16, 33, 100]) {
    const largest = largestPassBytes(count);
    for (const [name, pass] of passes(count, 1000)) {
      assert.ok(planPass(pass, count, 64).end - 64 <= largest, `${count} rows, ${name}`);
    }
    const four = [...transforms(count).average, ...transforms(count).average];
    const twice: Pass = { kind: 'combine-coordinates', transform: [...four, ...four], combination: { kind: 'median' } };
    assert.ok(planPass(twice, count, 64).end - 64 <= largest);
  }
});
