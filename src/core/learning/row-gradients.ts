/** Per-example gradients written out: for layers where that is cheaper than a norm without them. */
import type { Layout } from '../math/kernels/kernels.ts';
import type { LayerGradient, Pass } from './layer.ts';

/** The gradients of all rows of a pass are kept up to so many bytes; beyond, they are computed twice. */
const mostKeptBytes = 8 * 2 ** 20;

/** Whether the gradients of so many rows, `count` values each, are computed once. */
export function keepsRowGradients(rows: number, count: number): boolean {
  return rows * strideOf(count) <= mostKeptBytes;
}

/** Bytes from one row's gradient to the next. */
function strideOf(count: number): number {
  return 16 * Math.ceil(count / 4);
}

/**
 * Norms and weighted sums over the gradients of single rows.
 *
 * @param parameters byte offset of the layer's tensors from the start of all parameters.
 * @param count values of those tensors.
 * @param writeRow overwrites `count` values at the byte offset `target` with the gradient of one row of the pass. Called once per
 *   row where the gradients are kept, else twice.
 */
export function planRowGradients(
  layout: Layout,
  rows: number,
  parameters: number,
  count: number,
  writeRow: (pass: Pass, row: number, target: number) => void,
): Pick<LayerGradient, 'addSquaredNorms' | 'addWeighted'> {
  const stride = strideOf(count);
  const keeps = keepsRowGradients(rows, count);
  const store = layout.float32((keeps ? rows : 1) * (stride / 4));
  const placeOf = (row: number): number => (keeps ? store + row * stride : store);
  return {
    addSquaredNorms(pass, norms) {
      for (let row = 0; row < pass.rows; row++) {
        writeRow(pass, row, placeOf(row));
        pass.kernels.addRowSquares(placeOf(row), stride, norms + 8 * row, 1, count);
      }
    },
    addWeighted(pass, weights) {
      const scale = new Float32Array(pass.kernels.buffer, weights, pass.rows);
      for (let row = 0; row < pass.rows; row++) {
        // A weight of 0 stands for a gradient that is left out, also one that is not finite.
        if (scale[row] === 0) continue;
        if (!keeps) writeRow(pass, row, store);
        pass.kernels.addScaled(placeOf(row), pass.gradient + parameters, count, scale[row]);
      }
    },
  };
}
