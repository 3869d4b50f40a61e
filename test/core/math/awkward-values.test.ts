import assert from 'node:assert/strict';
import { test } from 'node:test';
import { storeTable, tableBytes } from '../../../src/core/math/kernels/gaussian-table.ts';
import { gramCopyCount } from '../../../src/core/math/kernels/gram.ts';
import type { Kernels } from '../../../src/core/math/kernels/kernels.ts';
import { packedCount } from '../../../src/core/math/kernels/packed-product.ts';
import { twinKernels } from '../../../src/core/math/kernels/twin.ts';
import { RandomStream } from '../../../src/core/math/random.ts';
import { assertSame } from './same-kernels.ts';

/** Signed zeros, subnormal numbers, the ends of float32, what is no number; the others are ordinary. */
const awkward = [0, -0, 1e-45, -1e-45, 1e-40, 1.1754944e-38, 3.4028235e38, -3.4028235e38, Infinity, -Infinity, NaN];

/** A kernel's call: values of its tensors, and the call on their byte offsets. */
interface Call {
  readonly sizes: readonly number[];
  readonly run: (kernels: Kernels, tensors: readonly number[]) => unknown;
  /** Tensors of whole numbers below so many, where values are places. */
  readonly places?: Readonly<Record<number, number>>;
}

const [n, k, m] = [7, 9, 13];
const flat = { sizes: [m, m, m, m] };
const image = [2, 5, 7, 3, 1, 1] as const;
const columns = { lines: 5, count: 5 * 7 * 9 * 2 };

const calls: Record<Exclude<keyof Kernels, 'name' | 'buffer'>, Call> = {
  product: { sizes: [n * k, k * m, n * m], run: (f, [a, b, c]) => f.product(a, b, c, n, k, m) },
  productTransposed: {
    sizes: [n * k, m * k, m, n * m],
    run: (f, [a, b, v, c]) => f.productTransposed(a, b, v, c, n, k, m, 2),
  },
  addTransposedProduct: {
    sizes: [k * n, k * m, n * m],
    run: (f, [a, b, c]) => f.addTransposedProduct(a, b, c, n, k, m),
  },
  addProduct: {
    sizes: [n * k, m * k, n * m],
    run: (f, [a, b, c]) => f.addProduct(a, 4 * k, 4, b, 4, 4 * k, c, 4 * m, n, k, m),
  },
  packColumns: { sizes: [k * m, packedCount(k, m)], run: (f, [b, p]) => f.packColumns(b, 4 * m, 4, p, k, m) },
  addPackedProduct: {
    sizes: [n * k, packedCount(k, m), n * m],
    run: (f, [a, p, c]) => f.addPackedProduct(a, 4 * k, p, c, 4 * m, n, k, m),
  },
  gram: { sizes: [n * m, gramCopyCount(n, m), n * n], run: (f, [x, copy, g]) => f.gram(x, 4 * m, copy, g, n, m, 1) },
  addColumnSums: { sizes: [n * m, m], run: (f, [a, s]) => f.addColumnSums(a, 4 * m, s, n, m) },
  activate: {
    sizes: [m, m, m, m],
    run(f, tensors) {
      for (const [activation, at] of tensors.entries()) f.activate(at, m, activation);
    },
  },
  activationGradient: {
    sizes: [m, m, m, m, m],
    run(f, [y, ...gradients]) {
      for (const [activation, at] of gradients.entries()) f.activationGradient(y, at, m, activation);
    },
  },
  logisticLoss: { ...flat, places: { 1: 2 }, run: (f, [z, y, g]) => f.logisticLoss(z, y, g, m, 3) },
  softmaxLoss: { sizes: [n * m, n, n * m], places: { 1: m }, run: (f, [z, y, g]) => f.softmaxLoss(z, y, g, n, m, 3) },
  squaredLoss: { ...flat, run: (f, [z, y, g]) => f.squaredLoss(z, y, g, m, 3) },
  huberLoss: { ...flat, run: (f, [z, y, g]) => f.huberLoss(z, y, g, m, 3, 0.5) },
  pinballLoss: { sizes: [2 * m, m, 2 * m], run: (f, [z, y, g]) => f.pinballLoss(z, y, g, m, 8, 3, 0.9) },
  regularise: { ...flat, run: (f, [g, w, a]) => f.regularise(g, w, a, m, 0.1, 0.3) },
  sgdStep: { ...flat, run: (f, [w, g]) => f.sgdStep(w, g, m, 0.1) },
  momentumStep: { ...flat, run: (f, [w, g, v]) => f.momentumStep(w, g, v, m, 0.1, 0.9) },
  nesterovStep: { ...flat, run: (f, [w, g, v]) => f.nesterovStep(w, g, v, m, 0.1, 0.9) },
  adamStep: {
    ...flat,
    run: (f, [w, g, a, b]) => f.adamStep(w, g, a, b, m, 0.01, 3, 0.9, 0.1, 0.999, 0.001, 1e-8, 0.99),
  },
  sumOfSquares: { sizes: [50], run: (f, [x]) => f.sumOfSquares(x, 50) },
  addWeighted: { sizes: [m, 2 * m], run: (f, [x, sums]) => f.addWeighted(x, sums, m, 0.7) },
  divideToFloat: { sizes: [2 * m, m], run: (f, [sums, out]) => f.divideToFloat(sums, out, m, 3) },
  addRowSquares: { sizes: [n * m, 2 * n], run: (f, [x, sums]) => f.addRowSquares(x, 4 * m, sums, n, m) },
  dotProduct: { sizes: [m, m], run: (f, [a, b]) => f.dotProduct(a, b, m) },
  scaleRows: { sizes: [n * m, n], run: (f, [x, w]) => f.scaleRows(x, n, m, w) },
  addScaled: { sizes: [m, m], run: (f, [x, to]) => f.addScaled(x, to, m, 0.3) },
  transpose: { sizes: [n * m, n * m], run: (f, [a, b]) => f.transpose(a, b, 1, n, m) },
  im2col: { sizes: [70, columns.count], run: (f, [a, b]) => f.im2col(a, b, ...image, 0, columns.lines) },
  addCol2im: { sizes: [columns.count, 70], run: (f, [a, b]) => f.addCol2im(a, b, ...image, 0, columns.lines) },
  maxPool: { sizes: [2 * 54, 2 * 40, 2 * 40], run: (f, [x, y, p]) => f.maxPool(x, y, p, 2, 6, 9, 2, 1) },
  maxPoolGradient: {
    sizes: [2 * 40, 2 * 40, 2 * 54],
    run(f, [g, p, x]) {
      // The places are whole numbers, not float32.
      new Int32Array(f.buffer, p, 80).forEach((_, i, places) => {
        places[i] = (i * 7) % 54;
      });
      f.maxPoolGradient(g, p, x, 2, 40, 54);
    },
  },
  averagePool: { sizes: [2 * 54, 2 * 12], run: (f, [x, y]) => f.averagePool(x, y, 2, 6, 9, 2, 2) },
  averagePoolGradient: { sizes: [2 * 12, 2 * 54], run: (f, [g, x]) => f.averagePoolGradient(g, x, 2, 6, 9, 2, 2) },
  swapOuter: { sizes: [n * m * 5, n * m * 5], run: (f, [a, b]) => f.swapOuter(a, b, n, m, 5) },
  lstmForward: {
    sizes: [4 * n * k, n * k, n * k, n * k],
    run: (f, [g, before, cell, out]) => f.lstmForward(g, before, cell, out, n, k),
  },
  lstmBackward: {
    sizes: [4 * n * k, n * k, n * k, n * k, n * k],
    run: (f, [g, before, cell, out, carried]) => f.lstmBackward(g, before, cell, out, carried, n, k),
  },
  gruForward: { sizes: [4 * n * k, n * k, n * k], run: (f, [g, before, out]) => f.gruForward(g, before, out, n, k) },
  gruBackward: {
    sizes: [4 * n * k, n * k, n * k, n * k],
    run: (f, [g, before, out, back]) => f.gruBackward(g, before, out, back, n, k),
  },
  philox: { sizes: [32], run: (f, [words]) => f.philox(words, 32, -1, 1, 0xffffffff, 2, 3, 0x80000000) },
  drop: { ...flat, run: (f, [x, words, y]) => f.drop(x, words, y, m, 0x80000000, 2) },
  normalise: {
    sizes: [n * 2 * k, 2, 2, n * 2 * k, n * 2 * k, 4 * n],
    run: (f, [x, g, b, z, y, v]) => f.normalise(x, g, b, z, y, v, n, 2, 1, k, 1e-5),
  },
  normaliseGradient: {
    sizes: [n * 2 * k, 2, n * 2 * k, 4 * n, n * 2 * k],
    run: (f, [g, gamma, z, v, x]) => f.normaliseGradient(g, gamma, z, v, x, n, 2, 1, k),
  },
  addScaleGradient: {
    sizes: [n * 2 * k, n * 2 * k, 4],
    run: (f, [g, z, to]) => f.addScaleGradient(g, z, to, n, 2, k),
  },
  gatherTokens: { sizes: [n, k * m, n * m], places: { 0: k }, run: (f, [t, w, y]) => f.gatherTokens(t, w, y, n, m) },
  scatterTokens: { sizes: [n, n * m, k * m], places: { 0: k }, run: (f, [t, e, w]) => f.scatterTokens(t, e, w, n, m) },
  addTokenSquares: {
    sizes: [2 * n, 2 * n * m, 4, k, n * m],
    places: { 0: k, 3: 1 },
    run: (f, [t, e, norms, slots, sums]) => f.addTokenSquares(t, e, norms, slots, sums, 2, n, m),
  },
  gaussianFill: { sizes: [16, m], run: (f, [words, y]) => f.gaussianFill(words, y, m, 0.5) },
  addGaussian: { sizes: [16, m], run: (f, [words, y]) => f.addGaussian(words, y, m, 0.5) },
  discreteGaussianFill: {
    sizes: [400, tableBytes(3) / 4, m, 2],
    run: (f, [words, table, y, used]) => {
      storeTable(f.buffer, table, 3);
      const made = f.discreteGaussianFill(words, 400, table, y, m, 3, used);
      // Bits of a table that are no number.
      new Float32Array(f.buffer, table, tableBytes(3) / 4).fill(0);
      return made;
    },
  },
  hadamard: { sizes: [32], run: (f, [x]) => f.hadamard(x, 16) },
  ditherGaussian: {
    sizes: [400, tableBytes(3) / 4, m, 2],
    run: (f, [words, table, y, used]) => {
      storeTable(f.buffer, table, 3);
      const made = f.ditherGaussian(words, 400, table, y, m, 3, 1e-3, used);
      new Float32Array(f.buffer, table, tableBytes(3) / 4).fill(0);
      return made;
    },
  },
  addWords32: { sizes: [m, m], run: (f, [words, sums]) => f.addWords32(words, sums, m, -1) },
  addWords16: { sizes: [m, 2 * m], run: (f, [words, sums]) => f.addWords16(words, sums, 2 * m, 1) },
  keepLowBits: { sizes: [m], run: (f, [values]) => f.keepLowBits(values, m, 20) },
};

test('every kernel gives the bits of its twin on zeros of both signs, subnormal and infinite values, and NaN', () => {
  for (const [name, { sizes, run, places = {} }] of Object.entries(calls)) {
    for (let seed = 0; seed < 12; seed++) {
      const stream = new RandomStream(new Uint8Array(32).fill(seed));
      // From none to a third of the values: else most sums would be NaN.
      const share = (seed % 4) / 9;
      const finite = seed % 3 === 0 ? 6 : awkward.length;
      const prepare = (tensors: Float32Array[]) => {
        tensors.forEach((values, i) => {
          for (let j = 0; j < values.length; j++) {
            if (places[i] !== undefined) values[j] = stream.below(places[i]);
            else if (stream.float64() < share) values[j] = awkward[stream.below(finite)];
          }
        });
      };
      // Each implementation gets the same draws.
      const drawn: Float32Array[][] = [];
      const once = (tensors: Float32Array[]) => {
        if (drawn.length === 0) {
          prepare(tensors);
          drawn.push(tensors.map(values => values.slice()));
        } else for (const [i, values] of tensors.entries()) values.set(drawn[0][i]);
      };
      try {
        assertSame(sizes, (kernels, tensors) => run(kernels, tensors) as number | undefined, { seed, prepare: once });
      } catch (error) {
        throw new Error(`${name}, seed ${seed}`, { cause: error });
      }
    }
  }
});

test('every kernel is among them', () => {
  const kernels = Object.keys(twinKernels.acquire(16)).filter(name => name !== 'name' && name !== 'buffer');
  assert.deepEqual(Object.keys(calls).sort(), kernels.sort());
});
