import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Dataset } from '../../../src/core/data/dataset.ts';
import { copyRows, joinRows, pickRows } from '../../../src/core/data/rows.ts';

const values = Float32Array.from({ length: 256 }, (_, byte) => byte / 255 - 0.5);

/** Rows of bytes, and the same rows as the values that the bytes stand for. */
function both(rows: number, width: number, labelWidth: number, first = 0): [bytes: Dataset, floats: Dataset] {
  const bytes = Uint8Array.from({ length: rows * width }, (_, i) => first + i * 5);
  const shape = { rows, width, labelWidth };
  const labels = Float32Array.from({ length: rows * labelWidth }, (_, i) => first + i);
  return [
    { ...shape, features: { bytes, values }, labels },
    { ...shape, features: Float32Array.from(bytes, byte => values[byte]), labels },
  ];
}

/** Every row with its labels. */
function contents(data: Dataset): { features: Float32Array; labels: Float32Array } {
  const features = new Float32Array(data.rows * data.width);
  copyRows(data, 0, data.rows, features, 0);
  return { features, labels: data.labels };
}

const size = fc.integer({ min: 1, max: 8 });

test('rows held as bytes are copied, picked and joined like the values they stand for', () => {
  fc.assert(
    fc.property(size, size, size, fc.array(fc.nat({ max: 7 })), (rows, width, labelWidth, picked) => {
      const indices = picked.map(row => row % rows);
      const [bytes, floats] = both(rows, width, labelWidth);
      const [more, moreFloats] = both(3, width, labelWidth, 90);
      assert.deepEqual(contents(bytes), contents(floats));
      assert.deepEqual(contents(pickRows(bytes, indices)), contents(pickRows(floats, indices)));
      const joined = contents(joinRows([floats, moreFloats]));
      for (const parts of [
        [bytes, more],
        [bytes, moreFloats],
        [floats, more],
      ]) {
        assert.deepEqual(contents(joinRows(parts)), joined);
      }
      assert.ok(!(joinRows([bytes, more]).features instanceof Float32Array), 'bytes stay bytes');
    }),
  );
});

test('picked rows come in the order asked for, with all their labels', () => {
  const [data] = both(3, 1, 2);
  assert.deepEqual(pickRows(data, [2, 0, 2]).labels, Float32Array.of(4, 5, 0, 1, 4, 5));
});

test('some rows are copied to the place that is named, and no other place is written', () => {
  for (const data of both(4, 2, 1)) {
    const target = new Float32Array(7).fill(9);
    copyRows(data, 1, 2, target, 2);
    assert.deepEqual(target, Float32Array.of(9, 9, values[10], values[15], values[20], values[25], 9));
  }
});

test('rows that are not there, do not fit or do not go together are refused', () => {
  for (const data of both(4, 2, 1)) {
    const target = new Float32Array(4);
    for (const [row, count] of [
      [4, 1],
      [3, 2],
      [-1, 1],
      [NaN, 1],
      [0, 3],
    ]) {
      assert.throws(() => copyRows(data, row, count, target, 0), RangeError);
    }
    for (const row of [4, -1, NaN]) assert.throws(() => pickRows(data, [row]), RangeError);
  }
  assert.throws(() => joinRows([]), RangeError);
  assert.throws(() => joinRows([both(1, 2, 1)[0], both(1, 3, 1)[0]]), RangeError);
  assert.throws(() => joinRows([both(1, 2, 1)[0], both(1, 2, 2)[0]]), RangeError);
});
