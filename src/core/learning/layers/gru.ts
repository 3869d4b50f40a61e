/** GRU layer: PyTorch's nn.GRU of one layer, from a zero state; the reset gate scales W_hn·h + b_hn. */
import { recurrentKind } from './recurrence.ts';

/** Gates r, z, n; in memory n is two blocks, what the state gives it and what the input gives it. */
export const gru = recurrentKind({
  gates: 3,
  runs: [
    { block: 0, blocks: 2, inputGate: 0, hiddenGate: 0 },
    { block: 2, blocks: 1, inputGate: null, hiddenGate: 2 },
    { block: 3, blocks: 1, inputGate: 2, hiddenGate: null },
  ],
  plan: (_layout, _rows, { hidden }) => ({
    begin: () => undefined,
    forward({ kernels, rows }, _step, gates, before, output) {
      kernels.gruForward(gates, before, output, rows, hidden);
    },
    beginBackward: () => undefined,
    backward({ kernels, rows }, _step, gates, before, gradient, gradientBefore) {
      kernels.gruBackward(gates, before, gradient, gradientBefore, rows, hidden);
    },
  }),
});
