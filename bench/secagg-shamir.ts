/** Part of the suite `secagg`: secrets from their shares, with the weights of the responders found anew and kept. */
import { randomFillSync } from 'node:crypto';
import { lagrangeAtZero } from '../src/core/secagg/lagrange.ts';
import { combineWith, split } from '../src/core/secagg/shamir.ts';
import { type BenchResult, summarise, valuesInTurns } from './harness.ts';

const runs = 7;
/** The threshold of a group of all 500 clients of the largest cohort in view. */
const threshold = 334;
const holders = 500;
/** One call with kept weights is too short to be timed alone. */
const secrets = 50;

/**
 * `shamir.t334.fresh`: one secret from 334 shares, weights included; `.cached` with the weights of an earlier secret of the same
 * responders; `.ratio` the second over the first; `.split` one secret for 500 holders.
 */
export async function secaggShamir(): Promise<BenchResult[]> {
  const randomBytes = (count: number) => randomFillSync(new Uint8Array(count));
  const secret = randomBytes(32);
  const shares = split(secret, threshold, holders, randomBytes);
  // Who answers is scattered over the places.
  const places = Array.from({ length: threshold }, (_, i) => ((i * 3) % holders) + 1);
  const values = places.map(place => shares[place - 1]);
  const kept = lagrangeAtZero(places);
  const timed = (work: () => void, times: number) => () => {
    const start = performance.now();
    for (let i = 0; i < times; i++) work();
    return (performance.now() - start) / times;
  };
  const fresh = timed(() => combineWith(lagrangeAtZero(places), values), 1);
  const cached = timed(() => combineWith(kept, values), secrets);
  const splitting = timed(() => split(secret, threshold, holders, randomBytes), 1);
  await valuesInTurns([fresh, cached, splitting], 2);
  const [freshMs, cachedMs, splitMs] = await valuesInTurns([fresh, cached, splitting], runs);
  return [
    summarise('shamir.t334.fresh', 'ms', freshMs),
    summarise('shamir.t334.cached', 'ms', cachedMs),
    summarise(
      'shamir.t334.ratio',
      'times',
      cachedMs.map((value, i) => value / freshMs[i]),
    ),
    summarise('shamir.t334.split', 'ms', splitMs),
  ];
}
