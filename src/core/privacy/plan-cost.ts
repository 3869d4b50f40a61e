/** What rounds under a plan cost together, and how many of them a budget allows. */
import { type FlatEvent, flatten, type PrivacyEvent } from './event.ts';
import { deltaLeft, eventOrders, eventRdp, eventSlip } from './event-rdp.ts';
import { groupEpsilon } from './group-privacy.ts';
import { EventCosts, epsilonOf, filterOrder, lineDelta } from './ledger-cost.ts';
import { isNoiseFixed, type Plan, plannedNoise, roundEvent } from './plan.ts';
import { bestOrder } from './rdp-conversion.ts';

/** So many rounds one after the other with the same noise. */
export interface NoisyRun {
  readonly noiseMultiplier: number;
  readonly rounds: number;
}

/** A schedule of more levels of noise is counted at the least noise of several rounds: a little too much. */
const mostLevels = 256;

/** The rounds of a plan by their noise; under the schedule `progress` as if none made the noise smaller. */
export function plannedRuns(plan: Plan): NoisyRun[] {
  const { schedule, noiseMultiplier } = plan.privacy;
  if (schedule.kind !== 'decaying') return [{ noiseMultiplier, rounds: plan.rounds }];
  const least = Math.min(schedule.least, noiseMultiplier);
  const falling = Math.min(plan.rounds, 1 + Math.ceil(Math.log(least / noiseMultiplier) / Math.log(schedule.factor)));
  const each = Math.ceil(falling / mostLevels);
  const runs: NoisyRun[] = [];
  for (let round = 1; round <= falling; round += each) {
    const last = Math.min(falling, round + each - 1);
    runs.push({ noiseMultiplier: plannedNoise(plan, last), rounds: last - round + 1 });
  }
  return falling === plan.rounds ? runs : [...runs, { noiseMultiplier: least, rounds: plan.rounds - falling }];
}

/** The noise multipliers of rounds in their order, those that follow each other alike as one. */
export function runsOf(noiseMultipliers: readonly number[]): NoisyRun[] {
  const runs: { noiseMultiplier: number; rounds: number }[] = [];
  for (const noiseMultiplier of noiseMultipliers) {
    const last = runs.at(-1);
    if (last?.noiseMultiplier === noiseMultiplier) last.rounds++;
    else runs.push({ noiseMultiplier, rounds: 1 });
  }
  return runs;
}

/** All that these rounds release, as one event. */
export function runsEvent(plan: Plan, runs: readonly NoisyRun[]): PrivacyEvent {
  const events = runs.map(
    ({ noiseMultiplier, rounds }): PrivacyEvent => ({
      kind: 'repeated',
      of: roundEvent(plan, noiseMultiplier),
      count: rounds,
    }),
  );
  return events.length === 1 ? events[0] : { kind: 'composed', events };
}

/** The same releases to whoever knows which units were drawn: nothing is gained by sampling. */
export function withoutSampling(event: PrivacyEvent): PrivacyEvent {
  return { kind: 'composed', events: flatten(event).map(({ event: leaf, count }) => unsampled(leaf, count)) };
}

function unsampled(leaf: FlatEvent['event'], count: number): PrivacyEvent {
  switch (leaf.kind) {
    case 'sampled':
      return leaf.q === 0 ? { ...leaf, count } : { kind: 'repeated', of: leaf.of, count };
    case 'shared':
      return leaf.q === 0 ? { ...leaf, count } : { ...leaf, q: 1, count };
    // A record of a batch of fixed size, or of a full one, takes the place of another: the sum moves by 2.
    case 'sampled-fixed': {
      const { noiseMultiplier, count: uses } = leaf.of;
      if (leaf.m === 0) return { ...leaf, count };
      return { kind: 'repeated', of: { kind: 'gaussian', noiseMultiplier: noiseMultiplier / 2, count: uses }, count };
    }
    case 'truncated':
      return leaf.q === 0 ? { ...leaf, count } : { kind: 'gaussian', noiseMultiplier: leaf.noiseMultiplier / 2, count };
    case 'mixture': {
      const largest = Math.max(0, ...leaf.sensitivities.filter((_, j) => leaf.probabilities[j] > 0));
      if (largest === 0) return { ...leaf, count };
      return { kind: 'gaussian', noiseMultiplier: leaf.noiseMultiplier / largest, count };
    }
    default:
      return { ...leaf, count };
  }
}

/**
 * ε at δ of a unit that stands behind up to k records, by RDP: the lesser of the group bound of Vadhan 2017, and of sums that are not sampled,
 * where k records move them k times as far. Infinity where neither bounds it. For Gaussian noise only.
 */
export function recordsEpsilon(event: PrivacyEvent, records: number, delta: number): number {
  // Each step from one data set to the next one may slip.
  const left = deltaLeft(delta, Math.min(1, records * eventSlip(event)));
  if (left === null) return Number.POSITIVE_INFINITY;
  const [orders, known] = [eventOrders(event), withoutSampling(event)];
  const together = eventRdp(known).map(rdp => rdp * records ** 2);
  const moved = bestOrder(eventOrders(known), together, left).epsilon;
  const rdp = eventRdp(event, orders);
  return Math.min(
    moved,
    groupEpsilon(at => bestOrder(orders, rdp, at).epsilon, records, left),
  );
}

/**
 * How many of these rounds, in this order, the budget of the plan allows, as a ledger counts: at the best order where all noise is fixed
 * beforehand, at the one order of its filter where noise depends on releases.
 */
export function roundsWithinBudget(plan: Plan, runs: readonly NoisyRun[]): number {
  const { delta, budget } = plan.privacy;
  const costs = new EventCosts();
  let [order, spent, logKept, total]: [number | null, Float64Array | null, number, number] = [null, null, 0, 0];
  for (const { noiseMultiplier, rounds } of runs) {
    const cost = costs.of({ kind: 'repeated', of: roundEvent(plan, noiseMultiplier), count: 1 });
    const { curve } = cost;
    if (spent === null) {
      spent = new Float64Array(curve.length);
      if (!isNoiseFixed(plan)) order = filterOrder(cost, budget.epsilon, delta);
    }
    const before = spent;
    const after = (count: number): Float64Array => before.map((rdp, i) => rdp + count * curve[i]);
    const fits = (count: number): boolean => {
      const left = lineDelta(-Math.expm1(logKept + count * cost.logKept), delta, order);
      return epsilonOf(after(count), order, left) <= budget.epsilon;
    };
    if (!fits(rounds)) return total + lastThat(fits, rounds);
    total += rounds;
    spent = after(rounds);
    logKept += rounds * cost.logKept;
  }
  return total;
}

/** The greatest count below `from` that fits, where 0 does and `from` does not. */
function lastThat(fits: (count: number) => boolean, from: number): number {
  let [low, high] = [0, from];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (fits(middle)) low = middle;
    else high = middle;
  }
  return low;
}
