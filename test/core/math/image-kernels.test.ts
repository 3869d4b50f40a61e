import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { assertSame } from './same-kernels.ts';

const seeds = fc.nat(255);
const side = fc.integer({ min: 1, max: 19 });
const images = fc
  .record({
    channels: fc.integer({ min: 1, max: 3 }),
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

test('im2col agrees with the twin to the bit and is what it says, whole or a few rows of positions at a time', () => {
  fc.assert(
    fc.property(images, seeds, fc.nat(20), fc.nat(20), (image, seed, from, count) => {
      const { channels, height, width, kernel, stride, padding } = image;
      const outHeight = positions(height, kernel, stride, padding);
      const outWidth = positions(width, kernel, stride, padding);
      const first = from % outHeight;
      const rows = 1 + (count % (outHeight - first));
      const size = channels * kernel * kernel * rows * outWidth;
      const [pixels, columns] = assertSame(
        [channels * height * width, size],
        (k, [x, c]) => k.im2col(x, c, channels, height, width, kernel, stride, padding, first, rows) as undefined,
        { seed },
      );
      let at = 0;
      for (let c = 0; c < channels; c++) {
        for (let ky = 0; ky < kernel; ky++) {
          for (let kx = 0; kx < kernel; kx++) {
            for (let y = first; y < first + rows; y++) {
              for (let x = 0; x < outWidth; x++) {
                const [row, column] = [y * stride + ky - padding, x * stride + kx - padding];
                const isInside = row >= 0 && row < height && column >= 0 && column < width;
                assert.equal(columns[at++], isInside ? pixels[(c * height + row) * width + column] : 0);
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

test('addCol2im agrees with the twin to the bit and is the adjoint of im2col', () => {
  fc.assert(
    fc.property(images, seeds, (image, seed) => {
      const { channels, height, width, kernel, stride, padding } = image;
      const rows = positions(height, kernel, stride, padding);
      const columnCount = channels * kernel * kernel * rows * positions(width, kernel, stride, padding);
      const pixelCount = channels * height * width;
      let before = new Float32Array();
      const [x, columns, y, added] = assertSame(
        [pixelCount, columnCount, columnCount, pixelCount],
        (k, [x, c, y, to]) => {
          k.im2col(x, c, channels, height, width, kernel, stride, padding, 0, rows);
          k.addCol2im(y, to, channels, height, width, kernel, stride, padding, 0, rows);
          return undefined;
        },
        {
          seed,
          prepare: values => {
            before = values[3].slice();
          },
        },
      );
      const dot = (a: Float32Array, b: (i: number) => number) => a.reduce((sum, value, i) => sum + value * b(i), 0);
      const difference = dot(columns, i => y[i]) - dot(x, i => added[i] - before[i]);
      assert.ok(Math.abs(difference) < 1e-5 * (10 + columnCount), `${difference}`);
    }),
    { numRuns: 300 },
  );
});

test('channels are filled and summed as by the twin, to the bit', () => {
  fc.assert(
    fc.property(side, fc.integer({ min: 1, max: 40 }), fc.boolean(), seeds, (channels, places, hasBias, seed) => {
      const [filled, bias] = assertSame(
        [channels * places, channels],
        (k, [v, b]) => k.fillChannels(v, hasBias ? b : 0, channels, places) as undefined,
        { seed },
      );
      filled.forEach((value, i) => {
        assert.equal(value, hasBias ? bias[Math.floor(i / places)] : 0);
      });
      let before = new Float32Array();
      const [values, sums] = assertSame(
        [channels * places, channels],
        (k, [v, s]) => k.addChannelSums(v, s, channels, places) as undefined,
        {
          seed,
          prepare: tensors => {
            before = tensors[1].slice();
          },
        },
      );
      sums.forEach((sum, c) => {
        const expected = values.subarray(c * places, (c + 1) * places).reduce((a, b) => a + b, before[c]);
        assert.ok(Math.abs(sum - expected) < 1e-4);
      });
    }),
    { numRuns: 200 },
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
