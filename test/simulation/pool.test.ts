import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { csvSchema } from '../../src/core/data/csv-schema.ts';
import type { SiteData } from '../../src/core/data/dataset.ts';
import { imageSchema } from '../../src/core/data/image-schema.ts';
import { imageRows } from '../../src/core/data/image-site.ts';
import { copyRows } from '../../src/core/data/rows.ts';
import { encodeTable, loadSite } from '../../src/core/data/table.ts';
import { UserError } from '../../src/core/protocol/problem.ts';
import type { NamedSite } from '../../src/simulation/deal-sites.ts';
import { imagePool } from '../../src/simulation/image-pool.ts';
import { type Dealing, dealGroups, dealRows, type Pool, siteNames } from '../../src/simulation/pool.ts';
import { tablePool } from '../../src/simulation/table-pool.ts';

const target = { type: 'classes', classes: ['a', 'b', 'c'] };

/** Images of 1 × 2 pixels that count them; classes in turn. */
function images(count: number, split: object, tests = 0): Pool {
  const schema = imageSchema.parse({ format: 'images', height: 1, width: 2, spread: 1, target, split });
  const rows = (many: number, first: number) =>
    imageRows(schema, {
      images: {
        shape: [many, 1, 2],
        values: Uint8Array.from({ length: 2 * many }, (_, i) => (i % 2) * first + (i >> 1)),
      },
      labels: { shape: [many], values: Uint8Array.from({ length: many }, (_, i) => i % 3) },
      name: 'images',
    });
  return imagePool(schema, rows(count, 0), tests === 0 ? null : rows(tests, 1), 'images');
}

const own = { type: 'stratified', trainFraction: 0.5, seed: 1 };

function rowsOf(side: SiteData['train']): number[] {
  return Array.from({ length: side.rows }, (_, row) => {
    const pixels = new Float32Array(2);
    copyRows(side, row, 1, pixels, 0);
    return pixels[0];
  });
}

const both = ({ data }: NamedSite): number[] => [...rowsOf(data.train), ...rowsOf(data.test)].sort((a, b) => a - b);
const counting = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const refused = (message: RegExp) => (error: unknown) => error instanceof UserError && message.test(error.message);

const dealings: Dealing[] = [{ kind: 'iid' }, { kind: 'dirichlet', alpha: 0.3 }, { kind: 'labels', shards: 2 }];

test('every image goes to one client, to train or to test on, and the same seed deals the same', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...dealings),
      fc.integer({ min: 1, max: 12 }),
      fc.integer({ min: 60, max: 200 }),
      fc.nat({ max: 2 ** 40 }),
      (dealing, clients, count, seed) => {
        const sites = dealRows(images(count, own), dealing, clients, seed);
        assert.equal(new Set(sites.map(({ name }) => name)).size, clients);
        assert.deepEqual(
          sites.flatMap(both).sort((a, b) => a - b),
          counting(count),
        );
        assert.deepEqual(dealRows(images(count, own), dealing, clients, seed), sites);
      },
    ),
    { numRuns: 40 },
  );
});

test('with test files the clients share these alike, each once, whatever they train on', () => {
  const sites = dealRows(images(90, { type: 'files' }, 20), { kind: 'labels', shards: 1 }, 3, 5);
  assert.deepEqual(
    sites.map(({ data }) => [data.train.rows, data.test.rows]),
    [
      [30, 7],
      [30, 7],
      [30, 6],
    ],
  );
  for (const { data } of sites) {
    assert.equal(new Set(data.train.labels).size, 1);
    assert.ok(new Set(data.test.labels).size > 1);
  }
  assert.deepEqual(
    sites.flatMap(({ data }) => rowsOf(data.test)).sort((a, b) => a - b),
    counting(20),
  );
  assert.throws(
    () => dealRows(images(90, { type: 'files' }, 2), { kind: 'iid' }, 3, 5),
    refused(/has 2 test images for 3 clients/),
  );
});

test('groups become clients named by their key; of too many the largest', () => {
  const keys = counting(40).map(i => (i < 20 ? 'Ann' : i < 32 ? 'Bob!' : 'Cy'));
  const sites = dealGroups(images(40, own), keys, null, 0);
  assert.deepEqual(
    sites.map(site => `${site.name} ${both(site).length}`),
    ['ann 20', 'bob 12', 'cy 8'],
  );
  assert.deepEqual(both(sites[2]), counting(40).slice(32));
  assert.deepEqual(
    dealGroups(images(40, own), keys, 2, 0).map(({ name }) => name),
    ['ann', 'bob'],
  );
  assert.throws(() => dealGroups(images(40, own), keys, 4, 0), refused(/has 3 groups for 4 clients/));
});

test('names of sites are names whatever the keys, and each is once', () => {
  assert.deepEqual(siteNames(['First Lord', 'first-lord', 'FIRST LORD', 'É', '', '-.-', 'x'.repeat(99)]), [
    'first-lord',
    'first-lord-2',
    'first-lord-3',
    'site',
    'site-2',
    'site-3',
    'x'.repeat(50),
  ]);
});

const schema = csvSchema.parse({
  format: 'csv',
  header: false,
  onMissing: 'drop-row',
  columns: [
    { name: 'x', type: 'number' },
    { name: 'y', type: 'target' },
  ],
  target: { type: 'above', value: 0 },
  standardise: 'local',
  split: { type: 'stratified', trainFraction: 0.7, seed: 2 },
});
const lines = counting(60).map(i => (i === 7 ? ',1' : `${i * i},${i % 2}`));
const source = (rows: readonly string[]) => ({
  name: 'x.csv',
  chunks: (async function* () {
    yield new TextEncoder().encode(`${rows.join('\n')}\n`);
  })(),
});

test('a client of a table has what a file of its rows would have: its own split and its own scaling', async () => {
  const { rows } = await encodeTable(schema, source(lines));
  const complete = lines.filter((_, i) => i !== 7);
  const pool = tablePool(schema, rows, 'x.csv');
  assert.equal(pool.rows, 59);
  const keys = complete.map((_, i) => (i % 3 === 0 ? 'third' : 'others'));
  for (const { name, data } of dealGroups(pool, keys, null, 0)) {
    const file = complete.filter((_, i) => keys[i] === name);
    assert.deepEqual(data, await loadSite(schema, source(file)));
  }
});

test('what cannot be dealt is refused: too few rows, rows without classes', async () => {
  assert.throws(() => dealRows(images(5, own), { kind: 'iid' }, 6, 0), refused(/has 5 rows, fewer than the 6 needed/));
  assert.throws(
    () => dealRows(images(5, own), { kind: 'labels', shards: 2 }, 3, 0),
    refused(/fewer than the 6 needed/),
  );
  assert.throws(
    () => dealRows(images(5, own), { kind: 'iid' }, 5, 0),
    refused(/^client-\d: has 1 images; split at 0.5/),
  );
  const numbers = csvSchema.parse({ ...schema, target: { type: 'number' } });
  const { rows } = await encodeTable(numbers, source(lines));
  const pool = tablePool(numbers, rows, 'x.csv');
  assert.throws(() => dealRows(pool, { kind: 'dirichlet', alpha: 1 }, 2, 0), refused(/rows without a class/));
  assert.equal(dealRows(pool, { kind: 'iid' }, 2, 0).length, 2);
});
