/** What an audit finds out: one check, what it measured and what it may be at most. */

/** The layers of an audit: replay, noise, sampler, accountant and ledger, two worlds, one run, membership. */
export const auditLayers = ['L0', 'L1', 'L2', 'L3', 'L4', 'L5', 'L6'] as const;
export type AuditLayer = (typeof auditLayers)[number];

export interface Check {
  readonly layer: AuditLayer;
  /** What must hold, as a short sentence without a subject: `noise has the variance that is accounted`. */
  readonly name: string;
  /** On what it was tried: sizes and settings. */
  readonly tried: string;
  /** What came out, and what the figure must not pass. In the words of a person. */
  readonly figure: string;
  readonly bound: string;
  readonly passed: boolean;
}

/** What of a task an audit takes up: its noise, and how often records are drawn. */
export interface AuditSetting {
  readonly mechanism: 'dp-sgd' | 'dp-fedavg';
  readonly noiseMultiplier: number;
  readonly samplingRate: number;
  /** Noisy sums of the whole run. */
  readonly steps: number;
}

/** How much is tried. */
export interface AuditSize {
  readonly name: 'quick' | 'full';
  /** Releases of each world (L4). */
  readonly releases: number;
  /** Coordinates of the noise that is tested (L1). */
  readonly coordinates: number;
  /** Batches that are drawn (L2). */
  readonly batches: number;
  /** Canaries, and steps at most, of the one run (L5). */
  readonly canaries: number;
  readonly mostSteps: number;
  /** Models that are trained with and without every example (L6). */
  readonly shadows: number;
  /** Rate of false alarms at which attacks on members are compared (L6). */
  readonly falsePositiveRate: number;
}

export const auditSizes: Readonly<Record<AuditSize['name'], AuditSize>> = {
  quick: {
    name: 'quick',
    releases: 20_000,
    coordinates: 100_000,
    batches: 2000,
    canaries: 2000,
    mostSteps: 100,
    shadows: 8,
    falsePositiveRate: 0.01,
  },
  full: {
    name: 'full',
    releases: 100_000,
    coordinates: 100_000,
    batches: 10_000,
    canaries: 2000,
    mostSteps: 1000,
    shadows: 16,
    falsePositiveRate: 0.001,
  },
};

/** A check of a figure that must not be above a bound. NaN fails. */
export function atMost(
  layer: AuditLayer,
  name: string,
  tried: string,
  figure: number,
  bound: number,
  unit = '',
): Check {
  return {
    layer,
    name,
    tried,
    figure: `${written(figure)}${unit}`,
    bound: `≤ ${written(bound)}${unit}`,
    passed: figure <= bound,
  };
}

/** A check of a p-value: the chance that what was seen, or worse, comes from an implementation that is right. */
export function likely(layer: AuditLayer, name: string, tried: string, p: number, least: number): Check {
  return { layer, name, tried, figure: `p = ${written(p)}`, bound: `p ≥ ${written(least)}`, passed: p >= least };
}

/** A check that nothing is wrong; the first fault is named. */
export function faultless(layer: AuditLayer, name: string, tried: string, faults: readonly string[]): Check {
  return {
    layer,
    name,
    tried,
    figure: faults.length === 0 ? 'no fault' : faults[0],
    bound: 'no fault',
    passed: faults.length === 0,
  };
}

/** Which checks are wanted, by name. */
export type Wanted = (name: string) => boolean;

/** Checks that nothing is wrong, by name: on what each is tried, and what looks for faults. Those that are not wanted are not run. */
export async function wantedChecks(
  layer: AuditLayer,
  wanted: Wanted,
  checks: Readonly<
    Record<string, readonly [tried: string, faults: () => readonly string[] | Promise<readonly string[]>]>
  >,
): Promise<Check[]> {
  const made: Check[] = [];
  for (const [name, [tried, faults]] of Object.entries(checks))
    if (wanted(name)) made.push(faultless(layer, name, tried, await faults()));
  return made;
}

/** Four digits; large and small numbers with an exponent. */
export function written(value: number): string {
  if (value === 0 || !Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  return size >= 1e6 || size < 1e-3 ? value.toExponential(1) : String(Number(value.toPrecision(4)));
}
