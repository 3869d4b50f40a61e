import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { orientedGradients } from '../../../src/core/learning/oriented-gradients.ts';

const [height, width] = [12, 12];
const map = orientedGradients(height, width, [
  { blur: 0.7, cells: 3, spread: 2 },
  { blur: 1.4, cells: 2, spread: 3 },
]);

function features(pixels: ArrayLike<number>): Float64Array {
  const target = new Float64Array(map.width);
  map.write(pixels, target, 0);
  return target;
}

/** Pixels that grow along (x, y). */
function ramp(x: number, y: number): Float64Array {
  return Float64Array.from({ length: height * width }, (_, i) => {
    const [row, column] = [Math.floor(i / width), i % width];
    return 0.5 + 0.04 * (x * (column - 5.5) + y * (row - 5.5));
  });
}

const images = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), {
  minLength: height * width,
  maxLength: height * width,
});

test('features are 8 directions for each cell of each scale', () => {
  assert.equal(map.width, 8 * (9 + 4));
});

test('features have norm 1 and none is negative', () => {
  fc.assert(
    fc.property(images, pixels => {
      fc.pre(pixels.some(value => value > 1e-3));
      const values = features(pixels);
      assert.ok(values.every(value => value >= 0));
      assert.ok(Math.abs(values.reduce((sum, value) => sum + value * value, 0) - 1) < 1e-9);
    }),
  );
});

test('an empty image has features 0', () => {
  assert.ok(features(new Float64Array(height * width)).every(value => value === 0));
});

test('brighter by a factor is the same image', () => {
  fc.assert(
    fc.property(images, fc.double({ min: 0.1, max: 10, noNaN: true }), (pixels, factor) => {
      fc.pre(pixels.some(value => value > 1e-3));
      const [plain, bright] = [features(pixels), features(pixels.map(value => value * factor))];
      plain.forEach((value, i) => {
        assert.ok(Math.abs(value - bright[i]) < 1e-6);
      });
    }),
  );
});

test('a ramp votes most in its own direction in the middle cell', () => {
  const angles = [0, 1, 2, 3, 4, 5, 6, 7].map(k => (k * Math.PI) / 4);
  angles.forEach((angle, direction) => {
    const middle = features(ramp(Math.cos(angle), Math.sin(angle))).subarray(8 * 4, 8 * 5);
    assert.equal(middle.indexOf(Math.max(...middle)), direction);
  });
});

test('mirrored left to right, cells and directions are mirrored', () => {
  fc.assert(
    fc.property(images, pixels => {
      const mirrored = pixels.map((_, i) => pixels[i - (i % width) + (width - 1 - (i % width))]);
      const [plain, other] = [features(pixels), features(mirrored)];
      for (let row = 0; row < 3; row++) {
        for (let column = 0; column < 3; column++) {
          for (let k = 0; k < 8; k++) {
            const here = plain[(row * 3 + column) * 8 + k];
            const there = other[(row * 3 + 2 - column) * 8 + ((12 - k) % 8)];
            assert.ok(Math.abs(here - there) < 1e-9);
          }
        }
      }
    }),
    { numRuns: 20 },
  );
});
