/** Every bug that the simulator found, as the list of operations that showed it: it stays found. */
import type { Fault } from '../../src/simulation/faults.ts';

export interface Regression {
  /** What went wrong. */
  readonly name: string;
  readonly seed: number;
  /** Of a federation of three clients, all of whom every round needs. */
  readonly faults: readonly Fault[];
}

export const regressions: readonly Regression[] = [
  {
    name: 'a disk that was full twice stopped the clock that closes rounds',
    seed: 68,
    faults: [
      { do: 'full', at: { party: 'coordinator', commit: 21 } },
      { do: 'full', at: { party: 'coordinator', commit: 23 } },
      { do: 'crash', at: { party: 'site-2', step: 'evaluated', count: 1 }, ms: 28_230 },
    ],
  },
  {
    name: 'a receipt with a damaged name of the federation ended a client for good',
    seed: 1075,
    faults: [
      {
        do: 'corrupt',
        at: { party: 'site-1', message: 'evaluation', part: 'response', count: 1 },
        share: 0.05287084682221255,
      },
      { do: 'drop', at: { party: 'site-3', message: 'evaluation', part: 'request', count: 2 } },
    ],
  },
];
