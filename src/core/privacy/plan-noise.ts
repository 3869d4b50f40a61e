/** The noise that a plan needs for a budget, the cost of rounding included. */
import { isNoiseFixed, makePlan, type Plan } from './plan.ts';
import { plannedRuns, roundsWithinBudget } from './plan-cost.ts';

/** What a task may ask for (`privacy.noiseMultiplier`), as exponents of ten. */
const [leastExponent, greatestExponent] = [-1, 6];

/**
 * The least noise multiplier of four digits with which a ledger allows all rounds of the plan within ε, everything else as it is. Throws
 * RangeError where none does (`schedule.least` alone may be too little, or no grid is fine enough), and under the schedule `progress`.
 */
export function leastPlannedNoise(plan: Plan, epsilon: number): number {
  if (!isNoiseFixed(plan)) throw new RangeError('noise that follows releases cannot be chosen beforehand');
  const { schedule } = plan.privacy;
  const least = schedule.kind === 'uniform' ? 10 ** leastExponent : Math.max(10 ** leastExponent, schedule.least);
  let [low, high] = [-1, 9000 * (greatestExponent - leastExponent)];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (fourDigits(middle) >= least && isEnough(plan, epsilon, fourDigits(middle))) high = middle;
    else low = middle;
  }
  const found = planned(plan, epsilon, fourDigits(high));
  if (found === null || !allowsAll(found))
    throw new RangeError(`no noise keeps ${plan.rounds} rounds within ε ${epsilon}`);
  return found.privacy.noiseMultiplier;
}

/** The numbers of four digits in their order, from the least multiplier on. */
function fourDigits(index: number): number {
  const exponent = Math.floor(index / 9000) + leastExponent;
  return Number(`${1000 + (index % 9000)}e${exponent - 3}`);
}

/** More noise than there is a grid for is enough: the search goes on below. */
function isEnough(plan: Plan, epsilon: number, noiseMultiplier: number): boolean {
  const found = planned(plan, epsilon, noiseMultiplier);
  return found === null || allowsAll(found);
}

/** The plan with this noise and budget; null where no grid is fine enough for so much noise. */
function planned({ privacy, ...plan }: Plan, epsilon: number, noiseMultiplier: number): Plan | null {
  try {
    return makePlan({ ...plan, privacy: { ...privacy, noiseMultiplier, budget: { epsilon } } });
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

function allowsAll(plan: Plan): boolean {
  return roundsWithinBudget(plan, plannedRuns(plan)) === plan.rounds;
}
