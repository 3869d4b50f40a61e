import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type LinearPlace, planGramNorms, planWrittenNorms } from '../../../src/core/learning/linear-gradient.ts';
import { Layout, reservedBytes } from '../../../src/core/math/kernels/kernels.ts';
import { RandomStream } from '../../../src/core/math/random.ts';
import { simd } from '../math/same-kernels.ts';
import { distance, length } from './layer-run.ts';

interface Sizes {
  readonly inputs: number;
  readonly outputs: number;
  readonly positions: number;
  readonly rows: number;
}

/** Squared norms of the rows, and the sum of the rows' gradients under weights 1, ½, ⅓, … */
function norms({ rows, ...sizes }: Sizes, inputs: Float32Array, errors: Float32Array, plan: typeof planGramNorms) {
  const layout = new Layout();
  const place: LinearPlace = {
    ...sizes,
    parameters: 0,
    input: layout.float32(inputs.length),
    error: layout.float32(errors.length),
  };
  const planned = plan(layout, rows, place);
  const [gradient, sums, weights] = [
    layout.float32((sizes.inputs + 1) * sizes.outputs),
    layout.float64(rows),
    layout.float32(rows),
  ];
  const kernels = simd.acquire(layout.bytes);
  const memory = new Float32Array(kernels.buffer).fill(0, reservedBytes / 4);
  memory.set(inputs, place.input / 4);
  memory.set(errors, place.error / 4);
  for (let row = 0; row < rows; row++) memory[weights / 4 + row] = 1 / (row + 1);
  const pass = { kernels, rows, parameters: 0, gradient, masks: null };
  planned.addSquaredNorms(pass, sums);
  planned.addWeighted(pass, weights);
  const result = {
    squares: new Float64Array(kernels.buffer, sums, rows).slice(),
    sum: memory.slice(gradient / 4, gradient / 4 + (sizes.inputs + 1) * sizes.outputs),
  };
  simd.release(kernels);
  return result;
}

test('Gram norms and written gradients agree, in norms and in weighted sums', () => {
  const size = fc.integer({ min: 1, max: 19 });
  const sizes = fc.record({ inputs: size, outputs: size, positions: size, rows: fc.integer({ min: 1, max: 4 }) });
  fc.assert(
    fc.property(sizes, fc.nat(255), (sizes, seed) => {
      const stream = new RandomStream(new Uint8Array(32).fill(seed));
      const draw = (width: number) =>
        Float32Array.from({ length: sizes.rows * sizes.positions * width }, () => stream.normal());
      const [inputs, errors] = [draw(sizes.inputs), draw(sizes.outputs)];
      const gram = norms(sizes, inputs, errors, planGramNorms);
      const written = norms(sizes, inputs, errors, planWrittenNorms);
      gram.squares.forEach((square, row) => {
        assert.ok(Math.abs(square / written.squares[row] - 1) < 1e-5, `${square}, ${written.squares[row]}`);
      });
      assert.ok(distance(gram.sum, written.sum) <= 2e-6 * length(written.sum));
    }),
    { numRuns: 150 },
  );
});

test('a gradient whose positions all but cancel is as long as it is, not as its terms are', () => {
  const sizes = { inputs: 3, outputs: 2, positions: 2, rows: 1 };
  const inputs = Float32Array.of(1.1, -0.7, 0.3, 1.1, -0.7, 0.3);
  const errors = Float32Array.of(1000.3, -700.7, -1000.1, 700.2);
  const { squares } = norms(sizes, inputs, errors, planGramNorms);
  const sum = [errors[0] + errors[2], errors[1] + errors[3]];
  const expected = length(sum) ** 2 * (length(inputs.subarray(0, 3)) ** 2 + 1);
  assert.ok(Math.abs(squares[0] / expected - 1) < 1e-3, `${squares[0]}, expected ${expected}`);
});

test('norms are right where the matrices overflow, and where the products in them underflow', () => {
  const sizes = { inputs: 2, outputs: 1, positions: 2, rows: 1 };
  for (const [large, small] of [
    [1e20, 1e-10],
    [1e-10, 1e20],
    [1e18, 1e-24],
    [1e16, 1e-22],
    [3, 1e-22],
  ]) {
    const inputs = Float32Array.of(large, 2 * large, large, 3 * large);
    const errors = Float32Array.of(2 * small, small);
    const gradient = [3 * large * small, 7 * large * small, 3 * small];
    const [square] = norms(sizes, inputs, errors, planGramNorms).squares;
    const expected = length(gradient) ** 2;
    assert.ok(Math.abs(square / expected - 1) < 1e-5, `${square}, expected ${expected}`);
  }
});
