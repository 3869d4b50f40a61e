import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Dataset } from '../../../src/core/data/dataset.ts';
import { heartFiles, heartSchema } from '../../../src/core/data/heart.ts';
import {
  addMoments,
  type ColumnScaling,
  type Moments,
  momentsOf,
  type NumberColumn,
  numberColumns,
  scalingOf,
} from '../../../src/core/data/moments.ts';
import { joinRows, pickRows } from '../../../src/core/data/rows.ts';
import { fitScaler } from '../../../src/core/data/scaling.ts';
import { loadSite } from '../../../src/core/data/table.ts';
import { Problem } from '../../../src/core/protocol/problem.ts';
import { bytesSource } from '../../../src/node/data/read-file.ts';
import { heartFolder } from '../../learning/heart.ts';

function dataset(rows: readonly (readonly number[])[]): Dataset<Float32Array> {
  return {
    rows: rows.length,
    width: rows[0].length,
    features: Float32Array.from(rows.flat()),
    labelWidth: 1,
    labels: new Float32Array(rows.length),
  };
}

function column(name: string, center = 0, spread = 1): NumberColumn {
  return { name, type: 'number', center, spread };
}

/** Mean and deviation by the definition, in two passes over what the declared constants have encoded. */
function twoPasses({ rows, width, features }: Dataset<Float32Array>, columns: readonly NumberColumn[]) {
  const scaler = fitScaler(
    Array.from({ length: rows }, (_, row) => row),
    width,
    (row, out) => out.set(features.subarray(row * width, (row + 1) * width)),
  );
  return columns.map(({ center, spread }, i) => ({
    center: center + spread * scaler.center[i],
    spread: spread * scaler.spread[i],
  }));
}

function assertClose(found: readonly ColumnScaling[], expected: readonly { center: number; spread: number }[]): void {
  assert.equal(found.length, expected.length);
  found.forEach(({ name, center, spread }, i) => {
    const unit = expected[i].spread;
    assert.ok(Math.abs(center - expected[i].center) <= 1e-5 * unit, `${name}: ${center} for ${expected[i].center}`);
    assert.ok(Math.abs(spread - expected[i].spread) <= 1e-5 * unit, `${name}: ${spread} for ${expected[i].spread}`);
  });
}

const two = [column('a'), column('b', 100, 10)];
const table = fc.array(
  fc.tuple(
    fc.double({ min: -1000, max: 1000, noNaN: true }),
    fc.double({ min: -(2 ** 20), max: 2 ** 20, noNaN: true }),
    fc.constant(1),
  ),
  { minLength: 2, maxLength: 40 },
);

test('sums are those of every value rounded to a step of 2^-20 and clipped at 2^20', () => {
  const { rows, columns } = momentsOf(dataset([[0.5], [-3e-6], [2 ** 21], [-(2 ** 30)]]), 1);
  const half = 2n ** 19n;
  const end = 2n ** 40n;
  assert.equal(rows, 4n);
  assert.deepEqual(columns, [{ sum: half - 3n, squares: half * half + 9n + 2n * end * end }]);
});

test('sums over more rows than a block are exact at the ends of the range', () => {
  for (const value of [2 ** 20, -(2 ** 20), 2 ** 20 - 2 ** -4, -1 + 2 ** -20]) {
    const count = 10_000;
    const k = BigInt(value * 2 ** 20);
    const { columns } = momentsOf(dataset(Array.from({ length: count }, () => [value])), 1);
    assert.deepEqual(columns, [{ sum: BigInt(count) * k, squares: BigInt(count) * k * k }]);
  }
});

test('the scaling is mean and sample standard deviation in the units of the column, whatever the declared hint', () => {
  fc.assert(
    fc.property(table, rows => {
      const data = dataset(rows.map(([a, b]) => [a, b]));
      const expected = twoPasses(data, two);
      fc.pre(expected.every(({ spread }, i) => spread > 0.5 * two[i].spread));
      assertClose(scalingOf(momentsOf(data, 2), two), expected);
    }),
    { seed: 1, numRuns: 300 },
  );
});

test('the example of textbooks: the deviations of 2, 4, 4, 4, 5, 5, 7, 9 from their mean 5 square to 32', () => {
  const [found] = scalingOf(momentsOf(dataset([2, 4, 4, 4, 5, 5, 7, 9].map(x => [x])), 1), [column('a')]);
  assert.deepEqual(found, { name: 'a', center: 5, spread: Math.sqrt(32 / 7), doubt: null });
});

test('however the rows are dealt to sites, and in whatever order, the scaling is the same bits', () => {
  fc.assert(
    fc.property(table, fc.array(fc.nat({ max: 4 }), { minLength: 40, maxLength: 40 }), (rows, dealt) => {
      const data = dataset(rows.map(([a, b]) => [a, b]));
      const whole = scalingOf(momentsOf(data, 2), two);
      for (const sites of [1, 2, 5]) {
        const parts = Array.from({ length: sites }, (_, site) =>
          rows.flatMap((_, row) => (dealt[row] % sites === site ? [row] : [])).reverse(),
        ).map(own => momentsOf(pickRows(data, own), 2));
        const sum = parts.reduceRight(addMoments);
        assert.deepEqual(scalingOf(sum, two), whole, `${sites} sites`);
      }
    }),
    { seed: 2, numRuns: 200 },
  );
});

test('a constant column keeps its declared spread and is named', () => {
  const columns = [column('same', 3, 4), column('other')];
  const data = dataset([
    [0.25, 1],
    [0.25, 2],
    [0.25, 4],
  ]);
  assert.deepEqual(scalingOf(momentsOf(data, 2), columns)[0], {
    name: 'same',
    center: 4,
    spread: 4,
    doubt: 'constant',
  });
});

test('a column that the steps are too coarse for, or whose values may lie beyond the range, is named', () => {
  const doubts = (...values: number[]) =>
    scalingOf(momentsOf(dataset(values.map(value => [value])), 1), [column('a')])[0].doubt;
  assert.equal(doubts(1, 1.001, 1.002), 'coarse');
  assert.equal(doubts(1, 1.1, 1.2), null);
  assert.equal(doubts(1, 2 ** 21), 'clipped');
  assert.equal(doubts(1, 2 ** 19), null);
});

test('sums that no rows have are refused, and sums of fewer than two rows', () => {
  const refused = (moments: Moments, what: RegExp) =>
    assert.throws(
      () => scalingOf(moments, [column('a')]),
      (error: unknown) => error instanceof Problem && error.code === 'malformed' && what.test(error.message),
    );
  refused({ rows: 2n, columns: [{ sum: 10n, squares: 49n }] }, /no rows have the sums of column "a"/);
  refused({ rows: 2n, columns: [{ sum: 0n, squares: 1n << 82n }] }, /no rows have the sums/);
  refused({ rows: 1n, columns: [{ sum: 1n, squares: 1n }] }, /needs two rows, there are 1/);
  refused({ rows: 0n, columns: [{ sum: 0n, squares: 0n }] }, /needs two rows, there are 0/);
  assert.equal(scalingOf({ rows: 2n, columns: [{ sum: 10n, squares: 50n }] }, [column('a')])[0].doubt, 'constant');
});

test('on the four hospitals the scaling is that of all their training rows in one table', {
  skip: heartFolder === null && 'PARLEY_DATA_DIR is not set',
}, async () => {
  const schema = { ...heartSchema, standardise: 'none' } as const;
  const columns = numberColumns(schema);
  const sites = await Promise.all(
    heartFiles.map(({ file }) => loadSite(schema, bytesSource(file, readFileSync(join(heartFolder ?? '', file))))),
  );
  const moments = sites.map(({ train }) => momentsOf(train, columns.length)).reduce(addMoments);
  const pooled = joinRows(sites.map(({ train }) => train)) as Dataset<Float32Array>;
  assert.equal(moments.rows, BigInt(pooled.rows));
  assertClose(scalingOf(moments, columns), twoPasses(pooled, columns));
});
