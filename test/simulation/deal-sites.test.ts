import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Dataset, SiteData } from '../../src/core/data/dataset.ts';
import { copyRows } from '../../src/core/data/rows.ts';
import { UserError } from '../../src/core/protocol/problem.ts';
import { dealSites, joinSites, type NamedSite } from '../../src/simulation/deal-sites.ts';

/** A site whose features name their row: site, side, row. */
function site(index: number, train: number, test: number): NamedSite {
  const rows = (side: number, count: number): Dataset<Float32Array> => ({
    rows: count,
    width: 3,
    features: Float32Array.from({ length: 3 * count }, (_, i) => [index, side, Math.floor(i / 3)][i % 3]),
    labelWidth: 1,
    labels: Float32Array.from({ length: count }, (_, i) => i % 2),
  });
  const data = {
    train: rows(0, train),
    test: rows(1, test),
    featureNames: ['a', 'b', 'c'],
    classes: 2,
    scaler: null,
    droppedRows: 1,
  };
  return { name: `table-${index}`, data };
}

/** Every row with its label, as text, sorted. */
function allRows(sites: readonly NamedSite[]): string[] {
  return sites
    .flatMap(({ data }) =>
      [data.train, data.test].flatMap(side =>
        Array.from({ length: side.rows }, (_, i) => {
          const row = new Float32Array(3);
          copyRows(side, i, 1, row, 0);
          return `${row}:${side.labels[i]}`;
        }),
      ),
    )
    .sort();
}

test('every row is dealt once, whatever the numbers of tables and clients, and every client can train and test', () => {
  const sizes = fc.array(fc.record({ train: fc.integer({ min: 1, max: 40 }), test: fc.integer({ min: 1, max: 40 }) }), {
    minLength: 1,
    maxLength: 6,
  });
  fc.assert(
    fc.property(sizes, fc.integer({ min: 1, max: 30 }), (tables, clients) => {
      const sites = tables.map(({ train, test }, i) => site(i, train, test));
      let dealt: NamedSite[];
      try {
        dealt = dealSites(sites, clients);
      } catch (error) {
        assert.ok(error instanceof UserError);
        assert.ok(clients > sites.length, 'only a division can run out of rows');
        return;
      }
      assert.equal(dealt.length, clients);
      assert.equal(new Set(dealt.map(s => s.name)).size, clients);
      assert.deepEqual(allRows(dealt), allRows(sites));
      for (const { data } of dealt) assert.ok(data.train.rows > 0 && data.test.rows > 0);
    }),
  );
});

test('with one client per table nothing is changed', () => {
  const sites = [site(0, 3, 2), site(1, 5, 4)];
  assert.deepEqual(dealSites(sites, 2), sites);
});

test('further clients share the tables with the most rows', () => {
  const dealt = dealSites([site(0, 30, 20), site(1, 12, 10)], 5);
  assert.deepEqual(
    dealt.map(s => `${s.name}: ${s.data.train.rows} + ${s.data.test.rows}`),
    ['table-0-1: 10 + 7', 'table-0-2: 10 + 7', 'table-0-3: 10 + 6', 'table-1-1: 6 + 5', 'table-1-2: 6 + 5'],
  );
});

test('sites of different width do not join', () => {
  const narrow: SiteData = {
    ...site(1, 1, 1).data,
    train: { rows: 1, width: 1, features: new Float32Array(1), labelWidth: 1, labels: new Float32Array(1) },
  };
  assert.throws(() => joinSites([site(0, 2, 2).data, narrow]), RangeError);
  assert.throws(() => joinSites([]), RangeError);
});
