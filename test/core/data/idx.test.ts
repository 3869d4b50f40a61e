import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseIdx } from '../../../src/core/data/idx.ts';

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
  ]) {
    assert.throws(() => parseIdx(Uint8Array.from(bytes)), RangeError);
  }
});
