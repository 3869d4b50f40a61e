import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { characterNumbers, characterRows } from '../../../src/core/data/characters.ts';
import { UserError } from '../../../src/core/protocol/problem.ts';

test('characters become their places in the alphabet; code points are one character', () => {
  assert.deepEqual(characterNumbers('a😀\na', ['\n', 'a', '😀'], null, 't.txt'), Uint16Array.of(1, 2, 0, 1));
  assert.deepEqual(characterNumbers('axa', ['a', '?'], 1, 't.txt'), Uint16Array.of(0, 1, 0));
});

test('a character outside of the alphabet is refused with its line and column, and is not repeated', () => {
  for (const [text, place] of [
    ['x', 'line 1, column 1'],
    ['aa\na😀x', 'line 2, column 3'],
    ['a\n\nx', 'line 3, column 1'],
  ]) {
    assert.throws(
      () => characterNumbers(text, ['a', '\n', '😀'], null, 't.txt'),
      error =>
        error instanceof UserError &&
        error.message === `t.txt:${place}: a character is not in the alphabet of the task`,
    );
  }
});

test('a line end of Windows is named as what it is', () => {
  assert.throws(
    () => characterNumbers('a\r\na', ['a', '\n'], null, 't.txt'),
    error => error instanceof UserError && /line 1, column 2: a carriage return .*/.test(error.message),
  );
});

test('the place of a stray character is found in little memory, however long the text', () => {
  const text = `x${'a'.repeat(2 ** 23)}`;
  const before = process.memoryUsage().heapUsed;
  assert.throws(() => characterNumbers(text, ['a'], null, 't.txt'), UserError);
  assert.ok(process.memoryUsage().heapUsed - before < 2 ** 25, 'a list of its characters takes 2^26 bytes');
});

test('rows are windows of the text that do not overlap, their labels the characters one further on', () => {
  const rows = characterRows(Uint16Array.of(0, 1, 2, 3, 4, 5, 6, 7), 3);
  assert.deepEqual(rows, {
    rows: 2,
    width: 3,
    features: Float32Array.of(0, 1, 2, 3, 4, 5),
    labelWidth: 3,
    labels: Float32Array.of(1, 2, 3, 4, 5, 6),
  });
  assert.equal(characterRows(Uint16Array.of(0, 1, 2, 3), 3).rows, 1);
  for (const short of [[], [1], [1, 2, 3]]) {
    const none = characterRows(Uint16Array.from(short), 3);
    assert.deepEqual([none.rows, none.features.length, none.labels.length], [0, 0, 0]);
  }
});

test('every label is the input of the step after it, whatever text and window', () => {
  fc.assert(
    fc.property(fc.uint16Array({ maxLength: 200 }), fc.integer({ min: 1, max: 30 }), (numbers, window) => {
      const { rows, features, labels } = characterRows(numbers, window);
      assert.ok(rows * window + 1 <= Math.max(1, numbers.length) && (rows + 1) * window + 1 > numbers.length);
      labels.forEach((label, i) => {
        assert.equal(features[i], numbers[i]);
        assert.equal(label, numbers[i + 1]);
      });
    }),
  );
});
