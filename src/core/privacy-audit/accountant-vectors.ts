/** ε that others have published or computed: what any accountant of the same mechanism must come to. Facts, each with its source. */

export interface AccountantVector {
  /** Poisson sampling rate, noise multiplier, steps; relation add-remove. */
  readonly q: number;
  readonly z: number;
  readonly steps: number;
  readonly delta: number;
  readonly accountant: 'rdp' | 'pld';
  readonly lower: number;
  readonly upper: number;
  readonly source: string;
}

const tensorflow = 'tensorflow/privacy, compute_dp_sgd_privacy_test.py';
const opacus = 'pytorch/opacus, accountants_test.py (noise multiplier for ε = 8)';
const google = 'google/differential-privacy, dp_accounting, accountant_test.py (noise for ε = 1)';

export const accountantVectors: readonly AccountantVector[] = [
  { q: 1, z: 1, steps: 5, delta: 1e-6, accountant: 'rdp', lower: 13.36, upper: 13.391, source: tensorflow },
  { q: 1, z: 1, steps: 5, delta: 1e-6, accountant: 'pld', lower: 12.58, upper: 12.61, source: tensorflow },
  { q: 1, z: 0.35, steps: 2, delta: 1e-5, accountant: 'pld', lower: 24.69, upper: 24.966, source: tensorflow },
  { q: 0.04, z: 1.416, steps: 2250, delta: 1e-5, accountant: 'rdp', lower: 7.95, upper: 8.01, source: opacus },
  { q: 0.01, z: 0.67379294682, steps: 1, delta: 1e-5, accountant: 'pld', lower: 0.995, upper: 1.005, source: google },
];
