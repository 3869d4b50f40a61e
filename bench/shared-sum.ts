/** A sum of several parties' sums with noise in each: integers modulo 2³², of which only the total is opened. */
import { noisySum } from '../src/core/privacy/grid-noise.ts';
import type { NoiseGrid } from '../src/core/privacy/noise-grid.ts';
import type { RandomBytes } from '../src/core/privacy/random-words.ts';

/** Every party rounds its sum to the grid and adds all noise of the grid; the total is right as long as it is below 2³¹ steps. */
export function openedSum(sums: readonly Float64Array[], grid: NoiseGrid, randomBytes: RandomBytes): Float64Array {
  const total = new Uint32Array(sums[0].length);
  for (const sum of sums) {
    // What leaves a party: uniform modulo 2^32 once it is masked.
    const share = Uint32Array.from(noisySum(sum, grid, randomBytes), value => Math.round(value / grid.step));
    for (let i = 0; i < total.length; i++) total[i] += share[i];
  }
  return Float64Array.from(total, value => (value | 0) * grid.step);
}
