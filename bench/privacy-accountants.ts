/** The accountants: how long a report takes, how far two of them that share nothing are apart, and what other libraries take. */
import { spawnSync } from 'node:child_process';
import { LossUnavailable } from '../src/core/privacy/composed-loss.ts';
import { integralEpsilon } from '../src/core/privacy/integral.ts';
import { pldEpsilon } from '../src/core/privacy/pld.ts';
import { rdpEpsilon } from '../src/core/privacy/rdp-epsilon.ts';
import { type BenchResult, finished, measure } from './harness.ts';

interface Plan {
  readonly q: number;
  readonly noiseMultiplier: number;
  readonly steps: number;
}

/** Little noise, rare sampling and many steps: the widest losses on the finest grid. */
const hardest: Plan = { q: 0.001, noiseMultiplier: 0.8, steps: 10_000 };
/** DP-SGD on MNIST with the settings of Opacus. */
const mnist: Plan = { q: 0.004, noiseMultiplier: 1.3, steps: 3750 };
const delta = 1e-5;

const grid = {
  q: [0.001, 0.01, 0.05, 0.1, 0.3, 0.5, 0.9, 1],
  noiseMultiplier: [0.5, 0.8, 1, 1.5, 2, 4, 8],
  steps: [1, 10, 100, 1000, 10_000],
  delta: [1e-3, 1e-5, 1e-7, 1e-10],
};

export async function privacyAccountants(): Promise<BenchResult[]> {
  const report = await measure('rdp.report', 'ms', () => timeOf(() => rdpOf(hardest)), { runs: 5 });
  return [
    report,
    await measure('pld.report', 'ms', () => timeOf(() => pldOf(hardest, delta)), { runs: 3 }),
    await measure('pld.mnist', 'ms', () => timeOf(() => pldOf(mnist, delta)), { runs: 3 }),
    await measure('integral.mnist', 'ms', () => timeOf(() => integralOf(mnist, delta)), { runs: 3 }),
    // Every 23rd: the lists it strides through have 4, 5, 7 and 8 values.
    ...overGrid(23),
    ...libraries(report.value),
  ];
}

function timeOf(run: () => unknown): number {
  const start = performance.now();
  run();
  return performance.now() - start;
}

function rdpOf({ q, noiseMultiplier, steps }: Plan): number {
  return rdpEpsilon({ samplingRate: q, noiseMultiplier }, steps, delta).epsilon;
}

/** Upper bound; null where loss distributions cannot be computed. */
function pldOf({ q, noiseMultiplier, steps }: Plan, at: number): number | null {
  try {
    return pldEpsilon({ kind: 'sampled', q, of: { kind: 'gaussian', noiseMultiplier }, count: steps }, at).upper;
  } catch (error) {
    if (error instanceof LossUnavailable) return null;
    throw error;
  }
}

function integralOf({ q, noiseMultiplier, steps }: Plan, at: number): number {
  return integralEpsilon({ q, noiseMultiplier, steps }, at);
}

/**
 * |upper bound by loss distributions − integral|/integral over every `stride`-th of 1120 plans, and of how many there is no bound. The file
 * run by itself takes all of them, a quarter of an hour.
 */
function overGrid(stride: number): BenchResult[] {
  const plans = grid.q.flatMap(q =>
    grid.noiseMultiplier.flatMap(noiseMultiplier =>
      grid.steps.flatMap(steps => grid.delta.map(at => ({ q, noiseMultiplier, steps, at }))),
    ),
  );
  let [worst, compared, missing] = [0, 0, 0];
  for (const { at, ...plan } of plans.filter((_, i) => i % stride === 0)) {
    const pld = pldOf(plan, at);
    if (pld === null) missing++;
    else {
      compared++;
      worst = Math.max(worst, differenceOf(pld, integralOf(plan, at)));
    }
  }
  return [
    finished({ name: 'integral.grid.worst', value: worst, unit: 'relative', runs: compared }),
    finished({ name: 'integral.grid.missing', value: missing, unit: 'plans', runs: compared + missing }),
  ];
}

function differenceOf(pld: number, integral: number): number {
  return pld === integral ? 0 : Math.abs(pld - integral) / integral;
}

const scripts = {
  opacus: `
from opacus.accountants.analysis import rdp
import time
orders = [1 + x / 10 for x in range(1, 100)] + list(range(12, 64))
def run():
    curve = rdp.compute_rdp(q=0.001, noise_multiplier=0.8, steps=10000, orders=orders)
    rdp.get_privacy_spent(orders=orders, rdp=curve, delta=1e-5)
`,
  'dp-accounting': `
import dp_accounting, time
from dp_accounting import rdp
def run():
    event = dp_accounting.PoissonSampledDpEvent(0.001, dp_accounting.GaussianDpEvent(0.8))
    rdp.RdpAccountant().compose(event, 10000).get_epsilon(1e-5)
`,
};

/** How many times as long other libraries take for the same report by RDP, where Python has them. */
function libraries(ours: number): BenchResult[] {
  return Object.entries(scripts).flatMap(([name, script]) => {
    const timed = `${script}\nrun()\nstart = time.perf_counter()\nrun()\nprint((time.perf_counter() - start) * 1000)\n`;
    const ran = spawnSync('python3', ['-c', timed], { encoding: 'utf8', timeout: 120_000 });
    const theirs = Number.parseFloat(ran.stdout ?? '');
    if (ran.status !== 0 || !(theirs > 0)) {
      process.stderr.write(`${name}: not importable in python3, skipped\n`);
      return [];
    }
    return [finished({ name: `ratio.${name}.rdp`, value: theirs / ours, unit: 'x', runs: 1 })];
  });
}

if (import.meta.main) for (const result of overGrid(1)) process.stdout.write(`${JSON.stringify(result)}\n`);
