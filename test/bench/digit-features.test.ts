import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digitFeatures, featureNorm } from '../../bench/digit-features.ts';
import { penStrokes } from '../../bench/pen-strokes.ts';
import type { Dataset, SiteData } from '../../src/core/data/dataset.ts';

/** Strokes as if they were digits. */
function site(images: readonly Float64Array[]): SiteData {
  const data: Dataset = {
    rows: images.length,
    width: 784,
    features: Float32Array.from(images.flatMap(image => [...image])),
    labelWidth: 1,
    labels: new Float32Array(images.length),
  };
  return { train: data, test: data, featureNames: [], classes: 10, scaler: null, droppedRows: 0 };
}

test('pen strokes are the same images every time, from 0 to 1, none of them empty', () => {
  const strokes = penStrokes(20);
  assert.deepEqual(penStrokes(20), strokes);
  for (const image of strokes) {
    assert.ok(image.every(value => value >= 0 && value <= 1));
    assert.ok(image.some(value => value === 1));
  }
});

test('features of a digit have one norm and do not depend on the digits beside it', () => {
  const [first, second, third] = penStrokes(3);
  const together = digitFeatures(site([first, second, third])).train;
  const alone = digitFeatures(site([third])).train;
  assert.ok(together.features instanceof Float32Array && alone.features instanceof Float32Array);
  assert.deepEqual(together.features.slice(2 * 784), alone.features);
  const norm = Math.hypot(...alone.features);
  assert.ok(Math.abs(norm - featureNorm) < 1e-5, `${norm}`);
});
