import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { assertSame } from './same-kernels.ts';

const seeds = fc.nat(255);
const side = fc.integer({ min: 1, max: 13 });
const images = fc
  .record({
    count: fc.integer({ min: 1, max: 3 }),
    channels: fc.integer({ min: 1, max: 6 }),
    height: side,
    width: side,
    kernel: fc.integer({ min: 1, max: 5 }),
    stride: fc.integer({ min: 1, max: 4 }),
    padding: fc.nat(4),
  })
  .filter(({ height, width, kernel, padding }) => Math.min(height, width) + 2 * padding >= kernel);

const pools = fc
  .record({
    count: fc.integer({ min: 1, max: 3 }),
    height: side,
    width: side,
    size: fc.integer({ min: 1, max: 4 }),
    stride: fc.integer({ min: 1, max: 4 }),
  })
  .filter(({ height, width, size }) => Math.min(height, width) >= size);

const positions = (length: number, kernel: number, stride: number, padding = 0) =>
  Math.floor((length + 2 * padding - kernel) / stride) + 1;

test('transpose agrees with the twin to the bit and is what it says', () => {
  const sizes = fc.integer({ min: 1, max: 23 });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 3 }), sizes, sizes, seeds, (count, rows, columns, seed) => {
      const size = rows * columns;
      const [from, to] = assertSame(
        [count * size, count * size],
        (k, [a, b]) => k.transpose(a, b, count, rows, columns) as undefined,
        { seed },
      );
      for (let i = 0; i < count * size; i++) {
        const at = i % size;
        assert.equal(to[i - at + (at % columns) * rows + Math.floor(at / columns)], from[i]);
      }
    }),
    { numRuns: 200 },
  );
});

test('im2col agrees with the twin to the bit and is what it says, from any line on', () => {
  fc.assert(
    fc.property(images, seeds, fc.nat(40), fc.nat(40), (image, seed, from, many) => {
      const { count, channels, height, width, kernel, stride, padding } = image;
      const outHeight = positions(height, kernel, stride, padding);
      const outWidth = positions(width, kernel, stride, padding);
      const first = from % (count * outHeight);
      const lines = 1 + (many % (count * outHeight - first));
      const size = lines * outWidth * kernel * kernel * channels;
      const [pixels, columns] = assertSame(
        [count * channels * height * width, size],
        (k, [x, c]) => k.im2col(x, c, channels, height, width, kernel, stride, padding, first, lines) as undefined,
        { seed },
      );
      let at = 0;
      for (let line = first; line < first + lines; line++) {
        for (let x = 0; x < outWidth; x++) {
          for (let ky = 0; ky < kernel; ky++) {
            for (let kx = 0; kx < kernel; kx++) {
              const row = (line % outHeight) * stride + ky - padding;
              const column = x * stride + kx - padding;
              const isInside = row >= 0 && row < height && column >= 0 && column < width;
              const pixel = (Math.floor(line / outHeight) * height + row) * width + column;
              for (let c = 0; c < channels; c++) {
                assert.equal(columns[at++], isInside ? pixels[pixel * channels + c] : 0);
              }
            }
          }
        }
      }
      assert.equal(at, size);
    }),
    { numRuns: 300 },
  );
});

test('addCol2im agrees with the twin to the bit and is the adjoint of im2col, at once or a line at a time', () => {
  fc.assert(
    fc.property(images, seeds, (image, seed) => {
      const { count, channels, height, width, kernel, stride, padding } = image;
      const lines = count * positions(height, kernel, stride, padding);
      const lineSize = positions(width, kernel, stride, padding) * kernel * kernel * channels;
      const pixels = count * channels * height * width;
      const size = lines * lineSize;
      const [x, columns, y, atOnce, byLine] = assertSame(
        [pixels, size, size, pixels, pixels],
        (k, [x, c, y, atOnce, byLine]) => {
          const settings = [channels, height, width, kernel, stride, padding] as const;
          k.im2col(x, c, ...settings, 0, lines);
          k.addCol2im(y, atOnce, ...settings, 0, lines);
          for (let line = 0; line < lines; line++) {
            k.addCol2im(y + 4 * line * lineSize, byLine, ...settings, line, 1);
          }
          return undefined;
        },
        { seed, prepare: values => values[4].set(values[3].fill(1)) },
      );
      assert.deepEqual(byLine, atOnce);
      const dot = (a: Float32Array, b: (i: number) => number) => a.reduce((sum, value, i) => sum + value * b(i), 0);
      const difference = dot(columns, i => y[i]) - dot(x, i => atOnce[i] - 1);
      assert.ok(Math.abs(difference) < 1e-5 * (10 + size), `${difference}`);
    }),
    { numRuns: 300 },
  );
});

test('both pools and their gradients agree with the twin to the bit, windows overlapping or apart', () => {
  fc.assert(
    fc.property(pools, fc.boolean(), seeds, ({ count, height, width, size, stride }, hasPlaces, seed) => {
      const area = height * width;
      const outputs = positions(height, size, stride) * positions(width, size, stride);
      assertSame(
        [count * area, count * outputs, count * outputs, count * outputs, count * area],
        (k, [planes, output, places, gradient, input]) => {
          k.maxPool(planes, output, hasPlaces ? places : 0, count, height, width, size, stride);
          if (hasPlaces) k.maxPoolGradient(gradient, places, input, count, outputs, area);
          return undefined;
        },
        { seed },
      );
      assertSame(
        [count * area, count * outputs, count * outputs, count * area],
        (k, [planes, output, gradient, input]) => {
          k.averagePool(planes, output, count, height, width, size, stride);
          k.averagePoolGradient(gradient, input, count, height, width, size, stride);
          return undefined;
        },
        { seed },
      );
    }),
    { numRuns: 300 },
  );
});

test('of equal values the first in the window is chosen, row by row; a value that is not a number wins', () => {
  const at = (values: number[]) => {
    for (const width of [3, 12]) {
      // Beyond four windows in a row the SIMD kernel takes another path.
      const rows = [values.slice(0, 3), values.slice(3, 6), values.slice(6)];
      const plane = rows.flatMap(row => Array.from({ length: width }, (_, i) => row[i % 3]));
      const [, output, places] = assertSame(
        [3 * width, width / 3, width / 3],
        (k, [x, y, p]) => k.maxPool(x, y, p, 1, 3, width, 3, 3) as undefined,
        { prepare: ([x]) => x.set(plane) },
      );
      const indices = new Int32Array(places.buffer);
      for (let window = 0; window < width / 3; window++) {
        const index = indices[window] - 3 * window;
        const chosen = Math.floor(index / width) * 3 + (index % width);
        assert.ok(Object.is(output[window], values[chosen]));
        assert.equal(indices[window], indices[0] + 3 * window);
      }
    }
    const [, , places] = assertSame([9, 1, 1], (k, [x, y, p]) => k.maxPool(x, y, p, 1, 3, 3, 3, 3) as undefined, {
      prepare: ([x]) => x.set(values),
    });
    return new Int32Array(places.buffer)[0];
  };
  assert.equal(at([1, 5, 2, 5, 5, 0, 5, 1, 5]), 1);
  assert.equal(at([0, -0, 0, -0, 0, 0, 0, 0, 0]), 0);
  assert.equal(at([-3, -3, -3, -3, -3, -2, -3, -2, -2]), 5);
  assert.equal(at([-Infinity, -Infinity, -Infinity, -Infinity, -Infinity, -Infinity, -1, -Infinity, -Infinity]), 6);
  assert.equal(at([1, 5, NaN, 5, NaN, 0, 9, 1, Infinity]), 4);
});
