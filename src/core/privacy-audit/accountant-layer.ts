/** L3, the accountants: published figures, and what holds of every accountant. */
import type { PrivacyEvent } from '../privacy/event.ts';
import { gaussianEpsilon } from '../privacy/gaussian.ts';
import { integralEpsilon } from '../privacy/integral.ts';
import { accountantVectors } from './accountant-vectors.ts';
import { sgdTask } from './audited-task.ts';
import { type AuditSize, type Check, type Wanted, wantedChecks, written } from './check.ts';
import type { AuditedMechanisms } from './mechanisms.ts';

const delta = 1e-5;

/** A quick audit asks the slower accountant less often. */
export function accountantLayer(
  mechanisms: AuditedMechanisms,
  { name: size }: AuditSize,
  wanted: Wanted,
): Promise<Check[]> {
  const isQuick = size === 'quick';
  const steps = isQuick ? allSteps.filter(({ q, z }) => q === 1 || z === 0.5) : allSteps;
  const kinds = isQuick ? allKinds.filter(({ kind }) => kind !== 'laplace' && kind !== 'epsilon-delta') : allKinds;
  const grid = isQuick ? allSettings.filter(({ q }) => q > 0.1) : allSettings;
  return wantedChecks('L3', wanted, {
    'ε is what others publish': [`${accountantVectors.length} vectors`, () => vectorFaults(mechanisms)],
    'ε rises with q, T and less noise or δ': [`${steps.length + 1} steps`, () => orderFaults(mechanisms, steps)],
    'how often it happened counts for every kind': [`${kinds.length} kinds`, () => countFaults(mechanisms, kinds)],
    'RDP ≥ PLD ≥ truth': [`${grid.length} settings`, () => boundFaults(mechanisms, grid)],
    'a round is accounted with its noise and all its steps': ['3 plans', () => eventFaults(mechanisms)],
    'δ counts once, and slips with it': ['5 settings', () => deltaFaults(mechanisms)],
  });
}

interface Sampled {
  readonly q: number;
  readonly z: number;
  readonly steps: number;
}

function sampled({ q, z, steps: count }: Sampled): PrivacyEvent {
  return { kind: 'sampled', q, of: { kind: 'gaussian', noiseMultiplier: z }, count };
}

function vectorFaults({ rdpEpsilon, pldEpsilon }: AuditedMechanisms): string[] {
  return accountantVectors.flatMap(({ accountant, delta: at, lower, upper, ...setting }) => {
    const event = sampled(setting);
    const epsilon = accountant === 'rdp' ? rdpEpsilon(event, at) : pldEpsilon(event, at).upper;
    return epsilon >= lower && epsilon <= upper
      ? []
      : [`${accountant} at q = ${setting.q}, z = ${setting.z}: ${written(epsilon)} is not within ${lower} to ${upper}`];
  });
}

const base = { q: 0.05, z: 1.1, steps: 200 };
/** Each more than the base, or with less noise. */
const allSteps: readonly Sampled[] = [
  { ...base, q: 0.06 },
  { ...base, q: 1 },
  { ...base, steps: 201 },
  { ...base, steps: 2000 },
  { ...base, z: 1.09 },
  { ...base, z: 0.5 },
];

function orderFaults({ rdpEpsilon, pldEpsilon }: AuditedMechanisms, steps: readonly Sampled[]): string[] {
  const accountants = { RDP: rdpEpsilon, PLD: (event: PrivacyEvent, at: number) => pldEpsilon(event, at).upper };
  return Object.entries(accountants).flatMap(([name, epsilonOf]) => {
    const least = epsilonOf(sampled(base), delta);
    const faults = steps
      .filter(more => !(epsilonOf(sampled(more), delta) > least))
      .map(({ q, z, steps: count }) => `${name}: ε does not rise to q = ${q}, z = ${z}, ${count} steps`);
    return epsilonOf(sampled(base), delta / 10) > least ? faults : [...faults, `${name}: ε does not rise as δ falls`];
  });
}

/** Noise large enough that five of each stay finite. */
const allKinds: readonly PrivacyEvent[] = [
  { kind: 'gaussian', noiseMultiplier: 3 },
  { kind: 'discrete-gaussian', noiseSteps: 2048, sensitivitySteps: 1000 },
  { kind: 'laplace', scale: 5 },
  { kind: 'randomized-response', noise: 0.7, categories: 4, relation: 'replace' },
  { kind: 'epsilon-delta', epsilon: 0.2, delta: 1e-7 },
  { kind: 'sampled', q: 0.1, of: { kind: 'gaussian', noiseMultiplier: 1.5 } },
];

function countFaults({ rdpEpsilon, pldEpsilon }: AuditedMechanisms, kinds: readonly PrivacyEvent[]): string[] {
  return kinds.flatMap(event => {
    const five = { ...event, count: 5 } as PrivacyEvent;
    const composed = rdpEpsilon({ kind: 'composed', events: new Array(5).fill(event) }, delta);
    const [rdpOnce, rdp] = [rdpEpsilon(event, delta), rdpEpsilon(five, delta)];
    const [pldOnce, pld] = [pldEpsilon(event, delta).upper, pldEpsilon(five, delta).upper];
    const holds = rdp > rdpOnce && Math.abs(rdp - composed) <= 1e-6 * composed && pld > pldOnce && pld <= rdp;
    const found = `RDP ${written(rdp)} after ${written(rdpOnce)}, PLD ${written(pld)} after ${written(pldOnce)}`;
    return holds ? [] : [`${event.kind} five times: ${found}, composed ${written(composed)}`];
  });
}

const allSettings: readonly Sampled[] = [0.01, 0.2, 1].flatMap(q =>
  [0.8, 2].flatMap(z => [30, 300].map(count => ({ q, z, steps: count }))),
);

/** The truth: the exact curve of a Gaussian, or the integral, itself right to 1e-4. */
function boundFaults({ rdpEpsilon, pldEpsilon }: AuditedMechanisms, grid: readonly Sampled[]): string[] {
  return grid.flatMap(setting => {
    const [rdp, pld] = [rdpEpsilon(sampled(setting), delta), pldEpsilon(sampled(setting), delta)];
    const { q, z, steps: count } = setting;
    const truth =
      q === 1 ? gaussianEpsilon(z, delta, 1, count) : integralEpsilon({ q, noiseMultiplier: z, steps: count }, delta);
    const holds = rdp >= pld.upper * (1 - 1e-9) && pld.upper >= truth * (1 - 1e-4) && pld.lower <= truth * (1 + 1e-4);
    const found = `RDP ${written(rdp)}, PLD ${written(pld.lower)} to ${written(pld.upper)}, truth ${written(truth)}`;
    return holds ? [] : [`q = ${q}, z = ${z}, ${count} steps: ${found}`];
  });
}

function deltaFaults({ rdpEpsilon, pldEpsilon }: AuditedMechanisms): string[] {
  const faults: string[] = [];
  const gaussian: PrivacyEvent = { kind: 'gaussian', noiseMultiplier: 1 };
  const slipping: PrivacyEvent = { kind: 'discrete-gaussian', noiseSteps: 2048, sensitivitySteps: 1000, slip: 1e-7 };
  const many = { ...slipping, count: 101 };
  const figures: readonly [string, number][] = [
    ['RDP', rdpEpsilon(gaussian, 0)],
    ['PLD', pldEpsilon(gaussian, 0).upper],
  ];
  for (const [name, epsilon] of figures)
    if (epsilon !== Number.POSITIVE_INFINITY) faults.push(`${name}: a Gaussian has ε = ${written(epsilon)} at δ = 0`);
  const slips: readonly [string, number][] = [
    ['RDP', rdpEpsilon(many, delta)],
    ['PLD', pldEpsilon(many, delta).upper],
  ];
  for (const [name, epsilon] of slips)
    if (epsilon !== Number.POSITIVE_INFINITY) faults.push(`${name}: slips of more than δ give ε = ${written(epsilon)}`);
  const [least, exact] = [pldEpsilon(gaussian, delta).upper, gaussianEpsilon(1, delta)];
  if (!(Math.abs(least - exact) <= 1e-6 * exact))
    faults.push(`PLD: one Gaussian has ε = ${written(least)}, exactly ${written(exact)}`);
  return faults;
}

/** What a round is accounted as, beside the grid that its noise lies on. */
function eventFaults({ event, grid, rdpEpsilon }: AuditedMechanisms): string[] {
  const [noiseMultiplier, count] = [1.5, 10];
  // Sampling gains nothing under replace.
  const settings = [
    { samplingRate: 1, relation: 'add-remove' },
    { samplingRate: 0.1, relation: 'add-remove' },
    { samplingRate: 1, relation: 'replace' },
  ] as const;
  return settings.flatMap(setting => {
    const { plan } = sgdTask({ model: 'layers', noiseMultiplier, steps: count, batchSize: 16, ...setting });
    const { logScale, sensitivitySteps } = grid(plan, noiseMultiplier, 1);
    const noise = { kind: 'gaussian', noiseMultiplier: 2 ** logScale / sensitivitySteps } as const;
    const truth = rdpEpsilon({ kind: 'sampled', q: setting.samplingRate, of: noise, count }, delta);
    const found = rdpEpsilon(event(plan, noiseMultiplier), delta);
    const holds = found >= truth * (1 - 1e-9);
    return holds ? [] : [`q = ${setting.samplingRate}: ε = ${written(found)}, noise and steps give ${written(truth)}`];
  });
}
