import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseIdx, parseIdxHeader } from '../../../src/core/data/idx.ts';

const matrix = [0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 255];

test('an IDX file of bytes gives its shape and values', () => {
  const { shape, values } = parseIdx(Uint8Array.from(matrix));
  assert.deepEqual(shape, [2, 3]);
  assert.deepEqual([...values], [1, 2, 3, 4, 5, 255]);
});

test('an IDX file that is cut, too long, of another type or not IDX is refused', () => {
  for (const bytes of [
    [],
    matrix.slice(0, 3),
    matrix.slice(0, 10),
    matrix.slice(0, -1),
    [...matrix, 0],
    [1, ...matrix.slice(1)],
    [0, 0, 13, ...matrix.slice(3)],
    [0, 0, 8, 0, 1],
    [0, 0, 8, 4, ...new Array(12).fill(255), 0, 0, 0, 0, 1],
  ]) {
    assert.throws(() => parseIdx(Uint8Array.from(bytes)), RangeError);
  }
});

test('a header of sizes beyond any number declares a length that is one', () => {
  const sizes = (count: number) => new Array(4 * count).fill(255);
  assert.equal(parseIdxHeader(Uint8Array.from([0, 0, 8, 200, ...sizes(200)])).fileBytes, Number.POSITIVE_INFINITY);
  assert.equal(parseIdxHeader(Uint8Array.from([0, 0, 8, 201, ...sizes(200), 0, 0, 0, 0])).fileBytes, 4 + 4 * 201);
});
