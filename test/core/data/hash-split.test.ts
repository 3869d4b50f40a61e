import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type CsvSchema, csvSchema } from '../../../src/core/data/csv-schema.ts';
import { trainsByHash } from '../../../src/core/data/hash-split.ts';
import { imageSchema } from '../../../src/core/data/image-schema.ts';
import { imageRows, imageSite } from '../../../src/core/data/image-site.ts';
import { loadSite } from '../../../src/core/data/table.ts';

const values = fc.array(fc.double({ noNaN: true }), { minLength: 1, maxLength: 8 });
const seeds = fc.integer({ min: 0, max: 2 ** 32 - 1 });

test('about the share of different rows trains, for any seed and share', () => {
  for (const seed of [0, 1, 4_294_967_295]) {
    for (const share of [0.1, 0.5, 0.66, 0.9]) {
      const rows = 20_000;
      let count = 0;
      for (let i = 0; i < rows; i++) if (trainsByHash([i, i % 7, i / 3], share, seed)) count++;
      // Five standard errors.
      assert.ok(
        Math.abs(count / rows - share) < 5 * Math.sqrt((share * (1 - share)) / rows),
        `${seed} ${share} ${count}`,
      );
    }
  }
});

test('a row that trains at a share trains at every greater one, and −0 is 0', () => {
  fc.assert(
    fc.property(values, seeds, fc.double({ min: 0.01, max: 0.98, noNaN: true }), (row, seed, share) => {
      const zeros = row.map(value => (value === 0 ? -0 : value));
      assert.equal(trainsByHash(zeros, share, seed), trainsByHash(row, share, seed));
      if (trainsByHash(row, share, seed)) assert.ok(trainsByHash(row, Math.min(0.99, share + 0.01), seed));
    }),
    { seed: 1 },
  );
});

test('seeds deal the same rows out differently', () => {
  const dealt = (seed: number) => Array.from({ length: 64 }, (_, i) => trainsByHash([i], 0.5, seed));
  assert.notDeepEqual(dealt(1), dealt(2));
});

const table = csvSchema.parse({
  format: 'csv',
  header: false,
  onMissing: 'drop-row',
  columns: [
    { name: 'x', type: 'number' },
    { name: 'c', type: 'category', levels: ['a', 'b'] },
    { name: 'y', type: 'target' },
  ],
  target: { type: 'above', value: 0 },
  standardise: 'none',
  split: { type: 'hash', trainFraction: 0.5, seed: 7 },
});

async function trainingRows(schema: CsvSchema, lines: readonly string[]): Promise<string[]> {
  const chunks = (async function* () {
    yield new TextEncoder().encode(`${lines.join('\n')}\n`);
  })();
  const { train } = await loadSite(schema, { name: 'rows.csv', chunks });
  return Array.from({ length: train.rows }, (_, row) => train.features.slice(3 * row, 3 * row + 3).join());
}

/** Rows of a table that train with one row more, and without it: of those of both. */
async function sides(schema: CsvSchema): Promise<[string[], string[]]> {
  const lines = Array.from({ length: 40 }, (_, i) => `${i},${i % 2 === 0 ? 'a' : 'b'},${i % 3}`);
  const fewer = lines.filter((_, i) => i !== 11);
  const removed = '11,0,1';
  return [(await trainingRows(schema, lines)).filter(row => row !== removed), await trainingRows(schema, fewer)];
}

test('one row less of a table changes the side of no other row, as it does in a stratified split', async () => {
  const [withIt, without] = await sides(table);
  assert.deepEqual(withIt, without);
  assert.ok(without.length > 5 && without.length < 34);
  const stratified = { ...table, split: { type: 'stratified', trainFraction: 0.5, seed: 7 } } as const;
  assert.notDeepEqual(...(await sides(stratified)));
});

test('a table of which no row trains is refused', async () => {
  const never = { ...table, split: { type: 'hash', trainFraction: 1e-9, seed: 7 } } as const;
  await assert.rejects(trainingRows(never, ['1,a,1']), /leaves no training row when split by hash/);
});

test('images are split by their pixels and label, each by itself', () => {
  const schema = imageSchema.parse({
    format: 'images',
    height: 2,
    width: 2,
    target: { type: 'classes', classes: ['a', 'b'] },
    split: { type: 'hash', trainFraction: 0.5, seed: 3 },
  });
  const site = (from: number) => {
    const count = 30 - from;
    const images = { shape: [count, 2, 2], values: Uint8Array.from({ length: 4 * count }, (_, i) => 4 * from + i) };
    const labels = { shape: [count], values: new Uint8Array(count).fill(1) };
    const rows = imageRows(schema, { images, labels, name: 'images' });
    const { features } = imageSite(schema, rows, null, 'images').train;
    assert.ok(!(features instanceof Float32Array));
    return [...features.bytes].filter((_, i) => i % 4 === 0).filter(byte => byte >= 4);
  };
  assert.ok(site(0).length > 3 && site(0).length < 27);
  assert.deepEqual(site(0), site(1));
});
