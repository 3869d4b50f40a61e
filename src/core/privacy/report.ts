/** What noisy rounds cost, by every accountant, for a person who chooses noise, rounds or a budget. Nothing is enforced here. */
import { type Bounds, LossUnavailable } from './composed-loss.ts';
import type { PrivacyEvent } from './event.ts';
import { eventEpsilon } from './event-rdp.ts';
import { integralEpsilon } from './integral.ts';
import { pldEpsilon } from './pld.ts';
import { pldMaxSteps, pldNoiseMultiplier } from './pld-calibration.ts';
import { requireCount, requirePositive, requireProbability } from './ranges.ts';
import { rdpMaxSteps, rdpNoiseMultiplier } from './rdp-calibration.ts';
import { type BestOrder, bestOrder, rdpToEpsilonMironov } from './rdp-conversion.ts';
import { rdpCurve, timesSteps } from './rdp-epsilon.ts';
import { defaultOrders } from './rdp-orders.ts';

/** Equal rounds, all settings fixed before the first: each unit is drawn with probability q and Gaussian noise is added to the clipped sum. */
export interface NoisyRounds {
  /** Standard deviation of the noise over the clip bound (z). */
  readonly noiseMultiplier: number;
  readonly rounds: number;
  /** q, above 0; 1: every unit in every round. */
  readonly samplingRate: number;
  /** Between 0 and 1. */
  readonly delta: number;
}

export type PrivacyWord = 'strong' | 'balanced' | 'weak' | 'none';

/** ε at δ as each accountant has it. Relation add-remove. */
export interface EpsilonFigures {
  readonly samplingRate: number;
  /** What a budget is checked with: never below the truth. */
  readonly rdp: BestOrder;
  /** What is reported: lower ≤ truth ≤ upper. Null where loss distributions cannot be computed. */
  readonly pld: Bounds | null;
  /** The same by a contour integral, an estimate. Null where it does not converge. */
  readonly integral: number | null;
  /** Whether the integral lies within `pld`, to 1e-4 of ε. Null when there are not both. */
  readonly agrees: boolean | null;
  /** By the older conversion of Mironov 2017: only to compare with figures published from it. */
  readonly mironov: number;
  /** For the least ε that is proven. */
  readonly word: PrivacyWord;
}

export interface PrivacyReport {
  /** Valid when the sampling is Poisson and hidden from the adversary. */
  readonly withAmplification: EpsilonFigures;
  /** Valid whoever knows who took part: as if everyone were in every round. */
  readonly withoutAmplification: EpsilonFigures;
}

/**
 * ε of the rounds with and without amplification by sampling. Throws RangeError for values out of range. Takes about a second.
 *
 * NOT covered: noise chosen after releases were seen, noise rounded to floats, weights that clients report.
 */
export function privacyReport(plan: NoisyRounds): PrivacyReport {
  checkPlan(plan);
  const withoutAmplification = epsilonFigures({ ...plan, samplingRate: 1 });
  return {
    withAmplification: plan.samplingRate === 1 ? withoutAmplification : epsilonFigures(plan),
    withoutAmplification,
  };
}

/** How far the integral may leave the bounds, relative to ε: both are numbers. */
const tolerance = 1e-4;

function epsilonFigures({ noiseMultiplier, rounds, samplingRate, delta }: NoisyRounds): EpsilonFigures {
  const curve = timesSteps(rdpCurve({ samplingRate, noiseMultiplier }), rounds);
  const rdp = bestOrder(defaultOrders, curve, delta);
  const step = { kind: 'sampled', q: samplingRate, of: { kind: 'gaussian', noiseMultiplier }, count: rounds } as const;
  const pld = unlessUnavailable(() => pldEpsilon(step, delta));
  const integral = unlessUnsettled(() => integralEpsilon({ q: samplingRate, noiseMultiplier, steps: rounds }, delta));
  return {
    samplingRate,
    rdp,
    pld,
    integral,
    agrees: pld === null || integral === null ? null : isWithin(integral, pld),
    mironov: bestOrder(defaultOrders, curve, delta, rdpToEpsilonMironov).epsilon,
    word: privacyWord(Math.min(rdp.epsilon, pld?.upper ?? Number.POSITIVE_INFINITY)),
  };
}

function isWithin(epsilon: number, { lower, upper }: Bounds): boolean {
  return epsilon >= lower * (1 - tolerance) && epsilon <= upper * (1 + tolerance);
}

/** strong up to 1, weak above 10; none without a finite ε, for noise alone is not differential privacy. */
export function privacyWord(epsilon: number): PrivacyWord {
  if (!(epsilon >= 0)) throw new RangeError(`epsilon: expected a number from 0, got ${epsilon}`);
  if (epsilon === Number.POSITIVE_INFINITY) return 'none';
  if (epsilon <= 1) return 'strong';
  return epsilon <= 10 ? 'balanced' : 'weak';
}

/** ε of anything that can be accounted: as a budget is checked with, and as it is reported. */
export interface EventReport {
  readonly rdp: number;
  /** Null where loss distributions cannot be computed. */
  readonly pld: Bounds | null;
}

/** ε at δ of an event. Throws RangeError for one that no accountant here knows. May take a second, and more for noise of many levels. */
export function eventReport(event: PrivacyEvent, delta: number): EventReport {
  return { rdp: eventEpsilon(event, delta).epsilon, pld: unlessUnavailable(() => pldEpsilon(event, delta)) };
}

/** ε after so many rounds. */
export interface RoundEpsilon {
  readonly rounds: number;
  readonly epsilon: number;
}

/** ε by RDP after each of `evenRounds`. */
export function epsilonOverRounds(plan: NoisyRounds, points: number): RoundEpsilon[] {
  checkPlan(plan);
  const curve = rdpCurve(plan);
  return evenRounds(plan.rounds, points).map(rounds => ({
    rounds,
    epsilon: bestOrder(defaultOrders, timesSteps(curve, rounds), plan.delta).epsilon,
  }));
}

/** At most `points` of the numbers from 1 to the last one, evenly spread, the last one among them. */
export function evenRounds(last: number, points: number): number[] {
  requireCount('points', points, 1);
  const count = Math.min(points, last);
  return Array.from({ length: count }, (_, i) => Math.ceil(((i + 1) * last) / count));
}

/** The same question answered by RDP, which enforces, and by loss distributions, which are closer; null where these fail. */
export interface Answers {
  readonly rdp: number;
  readonly pld: number | null;
}

export interface AmplifiedAnswers {
  readonly withAmplification: Answers;
  readonly withoutAmplification: Answers;
}

/**
 * The least noise multiplier that keeps the rounds within ε at δ, rounded to the private side. Throws RangeError for values out of range,
 * and where no noise is enough.
 */
export function noiseReport(
  budget: Omit<NoisyRounds, 'noiseMultiplier'> & { readonly epsilon: number },
): AmplifiedAnswers {
  return answers(budget.samplingRate, samplingRate => {
    const target = { ...budget, samplingRate, steps: budget.rounds };
    return { rdp: rdpNoiseMultiplier(target), pld: unlessUnavailable(() => pldNoiseMultiplier(target)) };
  });
}

/** More rounds than this are not counted. */
export const mostRounds = 1e7;

/** The most rounds that stay within ε at δ, 0 when not even one does; `mostRounds` stands for so many or more. */
export function roundsReport(budget: Omit<NoisyRounds, 'rounds'> & { readonly epsilon: number }): AmplifiedAnswers {
  const { noiseMultiplier, epsilon, delta } = budget;
  return answers(budget.samplingRate, samplingRate => {
    const rdp = Math.min(mostRounds, rdpMaxSteps({ samplingRate, noiseMultiplier }, epsilon, delta));
    if (rdp === mostRounds) return { rdp, pld: mostRounds };
    const pld = unlessUnavailable(() => pldMaxSteps(samplingRate, noiseMultiplier, epsilon, delta));
    return { rdp, pld: pld === null ? null : Math.min(mostRounds, pld) };
  });
}

function answers(samplingRate: number, answer: (samplingRate: number) => Answers): AmplifiedAnswers {
  const withoutAmplification = answer(1);
  return {
    withAmplification: samplingRate === 1 ? withoutAmplification : answer(samplingRate),
    withoutAmplification,
  };
}

function checkPlan({ noiseMultiplier, rounds, samplingRate, delta }: NoisyRounds): void {
  requirePositive('noise multiplier', noiseMultiplier);
  requireCount('rounds', rounds, 1);
  requireProbability('sampling rate', samplingRate);
  requirePositive('sampling rate', samplingRate);
  requireProbability('delta', delta);
  requirePositive('delta', delta);
}

function unlessUnavailable<T>(compute: () => T): T | null {
  try {
    return compute();
  } catch (error) {
    if (error instanceof LossUnavailable) return null;
    throw error;
  }
}

/** The integral has no error of its own: its parameters are in range, so a RangeError says that it did not settle. */
function unlessUnsettled<T>(compute: () => T): T | null {
  try {
    return compute();
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}
