import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { gramCopyCount } from '../../../src/core/math/kernels/gram.ts';
import { packedCount } from '../../../src/core/math/kernels/packed-product.ts';
import { assertSame } from './same-kernels.ts';

const dimension = fc.integer({ min: 1, max: 21 });
const seeds = fc.nat(255);
const scales = fc.constantFrom(1, 50, 1e30);
const special = [0, -0, Infinity, -Infinity, NaN, 90, -90, 1e-45, 3e38];

/** Multiplies every tensor's values, and puts values that are awkward into the first tensor. */
const prepare =
  (scale: number, awkward = false) =>
  (tensors: Float32Array[]) => {
    for (const values of tensors) {
      for (let i = 0; i < values.length; i++) values[i] *= scale;
    }
    if (awkward) tensors[0].set(special.slice(0, tensors[0].length));
  };

test('recurrent cells agree with the twin to the bit, forward and back, at every width and for awkward values', () => {
  fc.assert(
    fc.property(dimension, dimension, scales, fc.boolean(), seeds, (rows, hidden, scale, awkward, seed) => {
      const n = rows * hidden;
      const options = { seed, prepare: prepare(scale, awkward) };
      assertSame(
        [4 * n, n, n, n, n, n],
        (k, [gates, before, cell, output, gradient, carried]) => {
          k.lstmForward(gates, before, cell, output, rows, hidden);
          k.lstmBackward(gates, before, cell, gradient, carried, rows, hidden);
          return undefined;
        },
        options,
      );
      assertSame([4 * n, n, n, n], (k, t) => k.lstmForward(t[0], t[1], t[2], t[3], rows, hidden) as undefined, options);
      assertSame(
        [4 * n, n, n, n, n],
        (k, [gates, before, output, gradient, gradientBefore]) => {
          k.gruForward(gates, before, output, rows, hidden);
          k.gruBackward(gates, before, gradient, gradientBefore, rows, hidden);
          return undefined;
        },
        options,
      );
      assertSame([4 * n, n, n], (k, t) => k.gruForward(t[0], t[1], t[2], rows, hidden) as undefined, options);
    }),
    { numRuns: 150 },
  );
});

test('an LSTM cell and its gradients are those of the equations, in float64', () => {
  const [rows, hidden] = [3, 5];
  const n = rows * hidden;
  let start: Float32Array[] = [];
  const [gates, , cell, output, , carried] = assertSame(
    [4 * n, n, n, n, n, n],
    (k, [g, before, c, h, gradient, dc]) => {
      k.lstmForward(g, before, c, h, rows, hidden);
      k.lstmBackward(g, before, c, gradient, dc, rows, hidden);
      return undefined;
    },
    {
      prepare: values => {
        start = values.map(tensor => tensor.slice());
      },
    },
  );
  for (let row = 0; row < rows; row++) {
    for (let j = 0; j < hidden; j++) {
      const at = row * hidden + j;
      const place = (block: number) => (4 * row + block) * hidden + j;
      const inputs = [0, 1, 2, 3].map(block => start[0][place(block)]).concat(start[1][at]);
      const near = (actual: number, expected: number) => assert.ok(Math.abs(actual - expected) < 2e-6);
      const { h, c } = lstmCell(inputs);
      near(output[at], h);
      near(cell[at], c);
      // What flows back: start[4] by the output, start[5] by the cell.
      const pulled = (x: readonly number[]) => start[4][at] * lstmCell(x).h + start[5][at] * lstmCell(x).c;
      const slope = slopes(pulled, inputs);
      for (let block = 0; block < 4; block++) near(gates[place(block)], slope[block]);
      near(carried[at], slope[4]);
    }
  }
});

test('a GRU cell and its gradients are those of the equations, in float64', () => {
  const [rows, hidden] = [3, 5];
  const n = rows * hidden;
  let start: Float32Array[] = [];
  const [gates, , output, , gradientBefore] = assertSame(
    [4 * n, n, n, n, n],
    (k, [g, before, h, gradient, dh]) => {
      k.gruForward(g, before, h, rows, hidden);
      k.gruBackward(g, before, gradient, dh, rows, hidden);
      return undefined;
    },
    {
      prepare: values => {
        start = values.map(tensor => tensor.slice());
      },
    },
  );
  for (let row = 0; row < rows; row++) {
    for (let j = 0; j < hidden; j++) {
      const at = row * hidden + j;
      const place = (block: number) => (4 * row + block) * hidden + j;
      const inputs = [0, 1, 2, 3].map(block => start[0][place(block)]).concat(start[1][at]);
      const near = (actual: number, expected: number) => assert.ok(Math.abs(actual - expected) < 2e-6);
      near(output[at], gruCell(inputs));
      const slope = slopes(x => start[3][at] * gruCell(x), inputs);
      for (let block = 0; block < 4; block++) near(gates[place(block)], slope[block]);
      near(gradientBefore[at], start[4][at] + slope[4]);
    }
  }
});

test('swapping the outer two of three dimensions agrees with the twin, and is undone by swapping them back', () => {
  fc.assert(
    fc.property(dimension, dimension, fc.integer({ min: 1, max: 9 }), seeds, (outer, inner, width, seed) => {
      const n = outer * inner * width;
      const [from, swapped, back] = assertSame(
        [n, n, n],
        (k, [a, b, c]) => {
          k.swapOuter(a, b, outer, inner, width);
          k.swapOuter(b, c, inner, outer, width);
          return undefined;
        },
        { seed },
      );
      assert.deepEqual(back, from);
      const [i, j] = [outer - 1, 0];
      assert.equal(swapped[(j * outer + i) * width], from[(i * inner + j) * width]);
    }),
  );
});

test('a product with a packed matrix has the bits of the product, in both orders of its storage', () => {
  const sizes = fc.record({
    rows: dimension,
    inner: fc.oneof(dimension, fc.constantFrom(255, 256, 300)),
    columns: dimension,
    gap: fc.nat(3),
    transposed: fc.boolean(),
    seed: seeds,
  });
  fc.assert(
    fc.property(sizes, ({ rows, inner, columns, gap, transposed, seed }) => {
      const [aStride, stride] = [4 * (inner + gap), 4 * (columns + gap)];
      const [bInner, bOuter] = transposed ? [4, 4 * inner] : [4 * columns, 4];
      const c = rows * (columns + gap);
      const [, , , once, twice] = assertSame(
        [rows * (inner + gap), inner * columns, packedCount(inner, columns), c, c],
        (k, [a, b, packed, target, other]) => {
          k.packColumns(b, bInner, bOuter, packed, inner, columns);
          k.addPackedProduct(a, aStride, packed, target, stride, rows, inner, columns);
          k.addProduct(a, aStride, 4, b, bInner, bOuter, other, stride, rows, inner, columns);
          return undefined;
        },
        { seed, prepare: values => values[4].set(values[3]) },
      );
      assert.deepEqual(once, twice);
    }),
    { numRuns: 150 },
  );
});

test('a Gram matrix agrees with the twin to the bit, is symmetric, and holds the inner products', () => {
  fc.assert(
    fc.property(dimension, dimension, fc.nat(3), fc.nat(1), seeds, (count, width, gap, start, seed) => {
      const apart = width + gap;
      const [values, , gram] = assertSame(
        [count * apart, gramCopyCount(count, width), count * count],
        (k, [x, copy, g]) => k.gram(x, 4 * apart, copy, g, count, width, start) as undefined,
        { seed },
      );
      for (let t = 0; t < count; t++) {
        for (let s = 0; s < count; s++) {
          let expected = start;
          for (let k = 0; k < width; k++) expected += values[t * apart + k] * values[s * apart + k];
          assert.ok(Math.abs(gram[t * count + s] - expected) < 1e-5);
          assert.equal(gram[t * count + s], gram[s * count + t]);
        }
      }
    }),
  );
});

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

function lstmCell([i, f, g, o, before]: readonly number[]): { h: number; c: number } {
  const c = sigmoid(f) * before + sigmoid(i) * Math.tanh(g);
  return { c, h: sigmoid(o) * Math.tanh(c) };
}

function gruCell([r, z, u, v, before]: readonly number[]): number {
  return (1 - sigmoid(z)) * Math.tanh(v + sigmoid(r) * u) + sigmoid(z) * before;
}

/** Derivatives by each argument, by central differences. */
function slopes(f: (x: readonly number[]) => number, x: readonly number[]): number[] {
  const step = 1e-5;
  return x.map((value, i) => (f(x.with(i, value + step)) - f(x.with(i, value - step))) / (2 * step));
}
