import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type ImageSchema, imageSchema } from '../../../src/core/data/image-schema.ts';
import { imageRows, imageSite, type LabelledImages } from '../../../src/core/data/image-site.ts';
import { copyRows } from '../../../src/core/data/rows.ts';
import { stratifiedSplit } from '../../../src/core/data/stratified-split.ts';
import { UserError } from '../../../src/core/protocol/problem.ts';

const stratified = { type: 'stratified', trainFraction: 0.75, seed: 3 };

function schema(changes: object = {}): ImageSchema {
  const target = { type: 'classes', classes: ['cat', 'dog', 'owl'] };
  return imageSchema.parse({ format: 'images', height: 2, width: 3, target, split: stratified, ...changes });
}

/** So many images of 2 × 3 bytes, in turn of the three classes; the first byte counts them. */
function images(count: number, shape: readonly number[] = [count, 2, 3]): LabelledImages {
  const values = Uint8Array.from({ length: count * 6 }, (_, i) => (i % 6 === 0 ? i / 6 : 255 - i));
  const labels = { shape: [count], values: Uint8Array.from({ length: count }, (_, i) => i % 3) };
  return { images: { shape, values }, labels, name: 'pets.idx' };
}

const refused = (message: RegExp) => (error: unknown) => error instanceof UserError && message.test(error.message);

test('bytes and the same pixels as floats make the same rows, scaled by the public constants', () => {
  const bytes = images(5);
  const floats = { ...bytes, images: { shape: [5, 1, 2, 3], values: Float32Array.from(bytes.images.values) } };
  for (const scaling of [{}, { center: 128, spread: 64 }]) {
    const [packed, wide] = [bytes, floats].map(arrays => {
      const rows = imageRows(schema(scaling), arrays);
      const values = new Float32Array(30);
      copyRows(rows, 0, 5, values, 0);
      return { ...rows, features: values };
    });
    assert.deepEqual(packed, wide);
    assert.deepEqual([packed.rows, packed.width, packed.labelWidth], [5, 6, 1]);
    const { center = 0, spread = 255 } = scaling as { center?: number; spread?: number };
    assert.equal(packed.features[7], Math.fround((248 - center) / spread));
  }
});

test('several channels are kept apart; images without the channel axis have one', () => {
  const values = new Uint8Array(12);
  const arrays = { ...images(1), images: { shape: [1, 2, 2, 3], values } };
  assert.equal(imageRows(schema({ channels: 2 }), arrays).width, 12);
  assert.throws(
    () => imageRows(schema(), arrays),
    refused(/^pets\.idx: holds images of 2 × 2 × 3, the task says 1 × 2 × 3/),
  );
  assert.throws(
    () => imageRows(schema({ channels: 2 }), images(1)),
    refused(/images of 2 × 3, the task says 2 × 2 × 3/),
  );
});

test('what does not fit is refused by name', () => {
  const good = images(4);
  for (const [wrong, message] of [
    [{ images: { shape: [4, 3, 2], values: good.images.values } }, /holds images of 3 × 2, the task says 2 × 3/],
    [{ images: { shape: [24], values: good.images.values } }, /holds one number each/],
    [{ images: { shape: [4, 2, 3], values: new Uint8Array(23) } }, /holds 23 pixels for 4 images of 2 × 3/],
    [{ labels: { shape: [3], values: [0, 1, 2] } }, /holds 4 images and labels of shape 3/],
    [{ labels: { shape: [4, 1], values: [0, 1, 2, 0] } }, /holds 4 images and labels of shape 4 × 1/],
    [{ labels: { shape: [4], values: [0, 1, 3, 0] } }, /image 3 has a label that is no class/],
    [{ labels: { shape: [4], values: [0, 0.5, 1, 0] } }, /image 2 has a label/],
    [{ labels: { shape: [4], values: [-1, 0, 1, 0] } }, /image 1 has a label/],
    [{ images: { shape: [4, 2, 3], values: new Float32Array(24).fill(NaN) } }, /not a finite number/],
  ] as const) {
    assert.throws(() => imageRows(schema(), { ...good, ...wrong }), refused(message));
  }
});

test('a stratified split takes the rows that the split of tables takes, in the order of the file', () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 60 }), count => {
      const rows = imageRows(schema(), images(count));
      const site = imageSite(schema(), rows, null, 'pets');
      const { train, test: tests } = stratifiedSplit(rows.labels, 0.75, 3);
      for (const [side, indices] of [
        [site.train, train],
        [site.test, tests],
      ] as const) {
        const first = Array.from({ length: side.rows }, (_, row) => {
          const pixels = new Float32Array(6);
          copyRows(side, row, 1, pixels, 0);
          return Math.round(pixels[0] * 255);
        });
        const expected = [...indices].sort((a, b) => a - b);
        assert.deepEqual(first, expected);
        assert.deepEqual(
          [...side.labels],
          expected.map(row => row % 3),
        );
      }
      assert.deepEqual([site.classes, site.scaler], [3, null]);
    }),
  );
});

test('a split by files tests on the test files and trains on all the others; without them there is no site', () => {
  const byFiles = schema({ split: { type: 'files' } });
  const rows = imageRows(byFiles, images(6));
  const tests = imageRows(byFiles, images(2));
  const site = imageSite(byFiles, rows, tests, 'pets');
  assert.deepEqual([site.train, site.test], [rows, tests]);
  assert.throws(() => imageSite(byFiles, rows, null, 'pets'), refused(/^pets: has no test images/));
  const none = imageRows(byFiles, images(0));
  assert.throws(() => imageSite(byFiles, none, tests, 'pets'), refused(/has no training image/));
  assert.throws(() => imageSite(byFiles, rows, none, 'pets'), refused(/has no test image/));
  assert.throws(() => imageSite(schema(), imageRows(schema(), images(1)), null, 'pets'), refused(/one side would be/));
});
