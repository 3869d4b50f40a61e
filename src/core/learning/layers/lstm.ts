/** LSTM layer: PyTorch's nn.LSTM of one layer, from a zero state. Keeps the cells of every step. */
import { recurrentKind } from './recurrence.ts';

/** Gates in the order i, f, g, o; first values as PyTorch's, the forget gate's bias too. */
export const lstm = recurrentKind({
  gates: 4,
  runs: [{ block: 0, blocks: 4, inputGate: 0, hiddenGate: 0 }],
  plan(layout, rows, { hidden, steps }) {
    const cells = layout.float32((steps + 1) * rows * hidden);
    const cellGradient = layout.float32(rows * hidden);
    const cellAt = (step: number, count: number): number => cells + 4 * step * count * hidden;
    return {
      begin({ kernels, rows: count }) {
        new Float32Array(kernels.buffer, cells, count * hidden).fill(0);
      },
      forward({ kernels, rows: count }, step, gates, _before, output) {
        kernels.lstmForward(gates, cellAt(step, count), cellAt(step + 1, count), output, count, hidden);
      },
      beginBackward({ kernels, rows: count }) {
        new Float32Array(kernels.buffer, cellGradient, count * hidden).fill(0);
      },
      backward({ kernels, rows: count }, step, gates, _before, gradient) {
        const [before, after] = [cellAt(step, count), cellAt(step + 1, count)];
        kernels.lstmBackward(gates, before, after, gradient, cellGradient, count, hidden);
      },
    };
  },
});
