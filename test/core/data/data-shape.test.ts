import assert from 'node:assert/strict';
import { test } from 'node:test';
import { classCount, dataShape } from '../../../src/core/data/data-shape.ts';
import { type DataSchema, dataSchema } from '../../../src/core/data/schema.ts';

const columns = [
  ...Array.from({ length: 6 }, (_, i) => ({ name: `x${i}`, type: 'number' })),
  { name: 'day', type: 'ignore' },
  { name: 'y', type: 'target' },
];

const table = (change: object): DataSchema =>
  dataSchema.parse({
    format: 'csv',
    header: true,
    onMissing: 'refuse',
    columns,
    target: { type: 'above', value: 3 },
    standardise: 'none',
    split: { type: 'stratified', trainFraction: 0.5, seed: 1 },
    ...change,
  });

test('a table is a vector per row: numbers, then the levels that are not dropped', () => {
  const category = { name: 'ward', type: 'category', levels: ['north', 'east', 'south'], dropFirst: true };
  assert.deepEqual(dataShape(table({ columns: [category, ...columns] })), {
    input: { kind: 'vector', width: 8 },
    output: { kind: 'classes', classes: 2, steps: 1 },
  });
});

test('a table of steps in time is a sequence, and a number to predict is one number', () => {
  const schema = table({ sequence: { steps: 3 }, target: { type: 'number' } });
  assert.deepEqual(dataShape(schema), {
    input: { kind: 'sequence', steps: 3, width: 2 },
    output: { kind: 'numbers', count: 1 },
  });
  assert.equal(classCount(schema), 0);
});

test('images have their size and classes', () => {
  const schema = dataSchema.parse({
    format: 'images',
    channels: 3,
    height: 8,
    width: 9,
    target: { type: 'classes', classes: ['a', 'b', 'c', 'd'] },
    split: { type: 'files' },
  });
  assert.deepEqual(dataShape(schema), {
    input: { kind: 'image', channels: 3, height: 8, width: 9 },
    output: { kind: 'classes', classes: 4, steps: 1 },
  });
});

test('text asks for one of its tokens at every step; unknown characters are one more', () => {
  const text = { format: 'text', alphabet: 'ab😀', window: 7, split: { type: 'tail', trainFraction: 0.5 } };
  assert.deepEqual(dataShape(dataSchema.parse(text)), {
    input: { kind: 'tokens', steps: 7, vocabulary: 3 },
    output: { kind: 'classes', classes: 3, steps: 7 },
  });
  assert.equal(classCount(dataSchema.parse({ ...text, unknown: 'token' })), 4);
});
