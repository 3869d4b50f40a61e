import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keepsRowGradients, planRowGradients } from '../../../src/core/learning/row-gradients.ts';
import { Layout } from '../../../src/core/math/kernels/kernels.ts';
import { twinKernels } from '../../../src/core/math/kernels/twin.ts';

/** Norms of rows whose gradients are row + 1 everywhere, their sum under the weights, and how often each was written. */
function run(rows: number, count: number, weights: readonly number[]) {
  const layout = new Layout();
  const written = new Array<number>(rows).fill(0);
  const planned = planRowGradients(layout, rows, 16, count, ({ kernels }, row, target) => {
    written[row]++;
    new Float32Array(kernels.buffer, target, count).fill(row + 1);
  });
  const [norms, scale, gradient] = [layout.float64(rows), layout.float32(rows), layout.float32(count + 4)];
  const kernels = twinKernels.acquire(layout.bytes);
  new Float32Array(kernels.buffer, scale, rows).set(weights);
  const pass = { kernels, rows, parameters: 0, gradient, masks: null };
  planned.addSquaredNorms(pass, norms);
  planned.addWeighted(pass, scale);
  const squares = Array.from(new Float64Array(kernels.buffer, norms, rows));
  const sum = new Float32Array(kernels.buffer, gradient + 16, count);
  return { squares, sum, written };
}

test('gradients of rows that are too many to keep are written twice, and give what kept ones do', () => {
  for (const [count, times] of [
    [7, 1],
    [1_500_000, 2],
  ]) {
    assert.equal(keepsRowGradients(3, count), times === 1);
    const { squares, sum, written } = run(3, count, [1, 0.5, 2]);
    assert.deepEqual(squares, [count, 4 * count, 9 * count]);
    assert.ok(sum.every(value => value === 8));
    assert.deepEqual(written, [times, times, times]);
  }
});

test('a row of weight 0 adds nothing and is not written for it', () => {
  const { sum, written } = run(3, 1_500_000, [1, 0, 2]);
  assert.ok(sum.every(value => value === 7));
  assert.deepEqual(written, [2, 1, 2]);
});
