/** How likely a random deal gives some group more colluders than it bears. Not the same bits on every engine: Math.exp and Math.log are used. */
import { binomialPmf } from '../math/binomial.ts';

/** Groups of a deal that have the same size. */
export interface GroupsAlike {
  readonly count: number;
  readonly members: number;
  /** Colluders that each bears. */
  readonly colluders: number;
}

/**
 * P[a group holds more colluders than it bears], for so many of them among all members, every deal equally likely: one minus the share of the
 * ways to place them with no group above its bound, the coefficient of x^c in Π_groups Σ_{k ≤ bound} C(members, k)·x^k, over C(all, c).
 * Each factor is scaled to a binomial distribution of mean c / all, and the ways with a group above are added up by themselves: nothing
 * overflows or cancels, and tiny probabilities keep their digits. About all·c steps.
 */
export function leakProbability(groups: readonly GroupsAlike[], colluders: number): number {
  const all = groups.reduce((sum, { count, members }) => sum + count * members, 0);
  if (!Number.isSafeInteger(colluders) || colluders < 0 || colluders > all)
    throw new RangeError(`leak: ${colluders} colluders among ${all} members`);
  const p = colluders / all;
  // By colluders placed so far: the probability that no group is above its bound, and that one is.
  let within = new Float64Array(colluders + 1);
  let above = new Float64Array(colluders + 1);
  within[0] = 1;
  for (const { count, members, colluders: bound } of groups) {
    const share = Float64Array.from({ length: Math.min(members, colluders) + 1 }, (_, k) => binomialPmf(k, members, p));
    for (let i = 0; i < count; i++) [within, above] = withGroup(within, above, share, bound);
  }
  return above[colluders] / (within[colluders] + above[colluders]);
}

function withGroup(
  within: Float64Array,
  above: Float64Array,
  share: Float64Array,
  bound: number,
): [Float64Array<ArrayBuffer>, Float64Array<ArrayBuffer>] {
  const nextWithin = new Float64Array(within.length);
  const nextAbove = new Float64Array(above.length);
  for (let k = 0; k < share.length; k++) {
    const into = k <= bound ? nextWithin : nextAbove;
    for (let placed = 0; placed + k < within.length; placed++) {
      into[placed + k] += within[placed] * share[k];
      nextAbove[placed + k] += above[placed] * share[k];
    }
  }
  return [nextWithin, nextAbove];
}
