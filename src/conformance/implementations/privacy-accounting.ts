/** RDP, filters, audit and factorisations as the vectors of privacy call them. */

import { normalQuantile } from '../../core/math/normal-quantile.ts';
import { clopperPearson } from '../../core/privacy/binomial-interval.ts';
import { SumFilter } from '../../core/privacy/filters.ts';
import { laplaceRdp } from '../../core/privacy/laplace.ts';
import { oneRunEpsilon, oneRunPValue } from '../../core/privacy/one-run-audit.ts';
import { bestOrder, rdpToEpsilon } from '../../core/privacy/rdp-conversion.ts';
import { rdpEpsilon, timesSteps } from '../../core/privacy/rdp-epsilon.ts';
import { rdpPoissonGeneric, rdpSampledWithoutReplacement } from '../../core/privacy/rdp-sampled.ts';
import { rdpSampledGaussian } from '../../core/privacy/rdp-sampled-gaussian.ts';
import { shuffleAmplificationBound } from '../../core/privacy/shuffle.ts';
import * as toeplitz from '../../core/privacy/toeplitz.ts';
import { treeAggregationEpsilon, treeAggregationRdp } from '../../core/privacy/tree-aggregation.ts';
import { gaussianZcdp } from '../../core/privacy/zcdp.ts';
import type { Implementations } from '../case.ts';
import { checkPoissonRelation, type Input, num, numOr, nums, rows, word } from './privacy-input.ts';
import { ordersOf } from './privacy-orders.ts';

const functions: Readonly<Record<string, (input: Input) => unknown>> = {
  rdpSampledGaussian: i => {
    checkPoissonRelation(i, num(i, 'q'));
    const one = rdpSampledGaussian(num(i, 'q'), num(i, 'sigma'), num(i, 'order'));
    return timesSteps([one], countOf(i, 'steps'))[0];
  },
  rdpPoissonGeneric: i => rdpPoissonGeneric(num(i, 'order'), num(i, 'q'), baseCurve(i)),
  rdpSampledWithoutReplacement: i => {
    word(i, 'neighbouring', ['replace_one', 'replace'], 'replace_one');
    return rdpSampledWithoutReplacement(num(i, 'n'), num(i, 'm'), num(i, 'sigma'), num(i, 'order'));
  },
  rdpToEpsilonSingleOrder: i => rdpToEpsilon(num(i, 'order'), num(i, 'rdp'), num(i, 'delta')),
  rdpGaussianCalibration: i => {
    const orders = ordersOf(i.orders);
    const curve = orders.map(order => rdpSampledGaussian(1, num(i, 'sigma'), order));
    return bestOrder(orders, curve, num(i, 'delta')).epsilon;
  },
  rdpEpsilon: i => {
    checkPoissonRelation(i, num(i, 'q'));
    const step = { samplingRate: num(i, 'q'), noiseMultiplier: num(i, 'sigma') };
    return rdpEpsilon(step, num(i, 'steps'), num(i, 'delta'), { orders: ordersOf(i.orders) }).epsilon;
  },
  pureDpFilter: i => filtered(num(i, 'budget'), nums(i, 'events_epsilon')),
  zcdpFilter: i =>
    filtered(
      num(i, 'budget_rho'),
      nums(i, 'gaussian_sigmas').map(sigma => gaussianZcdp(sigma)),
    ),
  treeAggregationRdp: i => treeAggregationRdp(num(i, 'noise_multiplier'), num(i, 'steps'), num(i, 'order')),
  treeAggregationEpsilon: i =>
    treeAggregationEpsilon(num(i, 'noise_multiplier'), num(i, 'steps'), num(i, 'delta')).epsilon,
  shuffleAmplificationBound: i => shuffleAmplificationBound(num(i, 'epsilon0'), num(i, 'n'), num(i, 'delta')),
  clopperPearson: i => clopperPearson(num(i, 'k'), num(i, 'n'), num(i, 'alpha_one_sided')),
  oneRunPValue: i =>
    oneRunPValue(num(i, 'm'), num(i, 'n_guess'), num(i, 'n_correct'), num(i, 'epsilon'), num(i, 'delta')),
  oneRunEpsilon: i =>
    oneRunEpsilon(normalScores(i, numOr(i, 'shift', 0)), normalScores(i, 0), {
      significance: num(i, 'significance'),
      delta: num(i, 'delta'),
      method: word(i, 'method', ['steinke', 'fdp']),
    }),
  sqrtToeplitzCoefs: i => toeplitz.sqrtToeplitzCoefs(num(i, 'n')),
  sqrtToeplitzSensitivity: i => {
    word(i, 'participation', ['single'], 'single');
    return toeplitz.sqrtToeplitzSensitivity(num(i, 'n'));
  },
  sqrtToeplitzMaxLoss: i => toeplitz.sqrtToeplitzMaxLoss(num(i, 'n')),
  sqrtToeplitzMeanLoss: i => toeplitz.sqrtToeplitzMeanLoss(num(i, 'n')),
  minSepTrueMaxParticipations: i => toeplitz.minSepTrueMaxParticipations(num(i, 'n'), num(i, 'min_sep'), most(i)),
  toeplitzMinSepSensitivitySquared: i =>
    toeplitz.toeplitzMinSepSensitivitySquared(coefsOf(i), num(i, 'n'), num(i, 'min_sep'), most(i)),
  perQueryError: i => {
    const factor = rows(i.C, 'C');
    const inverse = i.C_inv === undefined ? toeplitz.leftInverse(factor) : rows(i.C_inv, 'C_inv');
    return toeplitz.perQueryError(queriesOf(i.A), inverse);
  },
};

export const privacyAccountingFunctions: Implementations = Object.fromEntries(
  Object.entries(functions).map(([name, run]) => [`privacy/${name}`, { precision: 'float64', run }]),
);

function countOf(input: Input, key: string): number {
  const count = numOr(input, key, 1);
  if (!Number.isSafeInteger(count) || count < 0)
    throw new RangeError(`${key}: expected an integer from 0, got ${count}`);
  return count;
}

function baseCurve(input: Input): (order: number) => number {
  const [base, sigma] = [word(input, 'base', ['gaussian', 'laplace'], 'gaussian'), num(input, 'sigma')];
  return base === 'gaussian' ? order => rdpSampledGaussian(1, sigma, order) : order => laplaceRdp(1 / sigma, order);
}

function filtered(budget: number, costs: readonly number[]): ('accept' | 'reject')[] {
  const filter = new SumFilter(budget);
  return costs.map(cost => (filter.admit(cost) ? 'accept' : 'reject'));
}

/** "… normal quantiles, 10000 in …; ppf((i+0.5)/n)", or the scores themselves. */
function normalScores({ scores }: Input, shift: number): Float64Array {
  const count = /(\d+) in\b/.exec(String(scores));
  if (count === null || !String(scores).includes('ppf((i+0.5)/n)'))
    throw new TypeError(`conformance: scores "${String(scores)}" are not understood`);
  const n = Number(count[1]);
  return Float64Array.from({ length: n }, (_, i) => normalQuantile((i + 0.5) / n) + shift);
}

function most(input: Input): number | null {
  const { max_participations: given } = input;
  return given === undefined || given === null ? null : num(input, 'max_participations');
}

/** `sqrtToeplitz`, `first b of sqrtToeplitz`, or a list. */
function coefsOf(input: Input): ArrayLike<number> {
  if (Array.isArray(input.coefs)) return nums(input, 'coefs');
  const text = String(input.coefs);
  const banded = /^first (\d+) of sqrtToeplitz$/.exec(text);
  if (banded !== null) return toeplitz.sqrtToeplitzCoefs(Math.min(Number(banded[1]), num(input, 'n')));
  if (text !== 'sqrtToeplitz') throw new TypeError(`conformance: coefficients "${text}" are not understood`);
  return toeplitz.sqrtToeplitzCoefs(num(input, 'n'));
}

/** `prefix nxn`: ones on and below the diagonal; or the matrix itself. */
function queriesOf(value: unknown): number[][] {
  const prefix = /^prefix (\d+)x\1$/.exec(String(value));
  if (prefix === null) return rows(value, 'A');
  const n = Number(prefix[1]);
  return Array.from({ length: n }, (_, i) => Array.from({ length: n }, (_, j) => (j <= i ? 1 : 0)));
}
