/**
 * Four invented clinics in the format of the UCI heart files, for a first run without data. Nobody's data: every number
 * comes from the formulas below, whose round coefficients follow textbook risk factors; none was fitted to real patients.
 *
 * Per patient a hidden load u ~ N(0, 1) makes findings go together:
 *   age      ~ N(clinic + 2 u, 8)              sex      ~ Bernoulli(clinic)
 *   trestbps ~ N(132 + 2 u, 17)                chol     ~ N(245 + 5 u, 50), or 0 where the clinic does not measure it
 *   fbs      ~ Bernoulli(clinic)               restecg  ~ clinic's shares of 0, 1, 2
 *   thalach  ~ N(clinic − 9 u − 0.7 (age − 54), 17)
 *   exang    ~ Bernoulli(σ(−0.9 + 1.2 u))      oldpeak  ~ max(0, N(0.9 + 0.7 u, 0.8))
 *   cp = 4     with probability σ(−0.2 + 1.2 u), else 1, 2, 3 with shares 0.15, 0.45, 0.40
 * and the outcome is a logistic regression on what the clinic can see, the same everywhere but for its intercept:
 *   P(num > 0) = σ(clinic + 1.8 [cp = 4] + 1.4 exang + oldpeak − 0.04 (thalach − 140) + 1.2 sex + 0.03 (age − 54))
 * So clinics differ in size, age, sex, prevalence and what they measure, and have one relation to learn together.
 */
import { MersenneTwister } from './mersenne-twister.ts';

export interface Clinic {
  readonly name: string;
  /** File name. */
  readonly file: string;
  /** Lines of 14 cells as in the UCI files, "?" where a value is missing. */
  readonly text: string;
}

interface Profile {
  readonly name: string;
  readonly patients: number;
  readonly meanAge: number;
  readonly maleShare: number;
  readonly highSugarShare: number;
  /** Shares of restecg 0 and 1. */
  readonly restingEcg: readonly [number, number];
  readonly meanPeakRate: number;
  readonly measuresCholesterol: boolean;
  /** Share of patients without one of the used values. */
  readonly missingShare: number;
  readonly intercept: number;
}

const profiles: readonly Profile[] = [
  {
    name: 'clinic-north',
    patients: 180,
    meanAge: 54,
    maleShare: 0.62,
    highSugarShare: 0.2,
    restingEcg: [0.5, 0.1],
    meanPeakRate: 150,
    measuresCholesterol: true,
    missingShare: 0.02,
    intercept: -3,
  },
  {
    name: 'clinic-east',
    patients: 140,
    meanAge: 48,
    maleShare: 0.7,
    highSugarShare: 0.15,
    restingEcg: [0.65, 0.2],
    meanPeakRate: 139,
    measuresCholesterol: true,
    missingShare: 0.08,
    intercept: -3.7,
  },
  {
    name: 'clinic-south',
    patients: 70,
    meanAge: 56,
    maleShare: 0.75,
    highSugarShare: 0.25,
    restingEcg: [0.5, 0.25],
    meanPeakRate: 116,
    measuresCholesterol: false,
    missingShare: 0.12,
    intercept: -3.2,
  },
  {
    name: 'clinic-west',
    patients: 100,
    meanAge: 60,
    maleShare: 0.8,
    highSugarShare: 0.33,
    restingEcg: [0.42, 0.36],
    meanPeakRate: 121,
    measuresCholesterol: true,
    missingShare: 0.15,
    intercept: -3.5,
  },
];

/** The four clinics of a seed (0 to 2^32 − 1): the same seed gives the same text on every machine. */
export function generateClinics(seed: number): readonly Clinic[] {
  const random = new MersenneTwister(seed);
  return profiles.map(profile => {
    const lines = Array.from({ length: profile.patients }, () => patient(profile, random).join(','));
    return { name: profile.name, file: `${profile.name}.data`, text: `${lines.join('\n')}\n` };
  });
}

/** The 14 cells of one patient, in the order of the UCI files. */
function patient(clinic: Profile, random: MersenneTwister): string[] {
  const load = normal(random, 0, 1);
  const age = within(28, 80, Math.round(normal(random, clinic.meanAge + 2 * load, 8)));
  const sex = bernoulli(random, clinic.maleShare);
  const pressure = within(90, 200, 2 * Math.round(normal(random, 132 + 2 * load, 17) / 2));
  const measured = within(120, 560, Math.round(normal(random, 245 + 5 * load, 50)));
  const cholesterol = clinic.measuresCholesterol ? measured : 0;
  const sugar = bernoulli(random, clinic.highSugarShare);
  const restingEcg = choose(random, clinic.restingEcg);
  const peakRate = within(65, 202, Math.round(normal(random, clinic.meanPeakRate - 9 * load - 0.7 * (age - 54), 17)));
  const angina = bernoulli(random, logistic(-0.9 + 1.2 * load));
  const depression = within(0, 6, Math.round(10 * normal(random, 0.9 + 0.7 * load, 0.8)) / 10);
  const silent = bernoulli(random, logistic(-0.2 + 1.2 * load));
  const otherPain = 1 + choose(random, [0.15, 0.45]);
  const pain = silent === 1 ? 4 : otherPain;
  const risk =
    clinic.intercept +
    (1.8 * silent + 1.4 * angina + depression - 0.04 * (peakRate - 140) + 1.2 * sex + 0.03 * (age - 54));
  const grade = 1 + choose(random, [0.4, 0.25, 0.2]);
  const outcome = bernoulli(random, logistic(risk)) * grade;
  const cells = [age, sex, pain, pressure, cholesterol, sugar, restingEcg, peakRate, angina, depression].map(String);
  // One of trestbps, chol, fbs: what the real hospitals most often lack.
  const lacking = 3 + choose(random, [1 / 3, 1 / 3]);
  if (bernoulli(random, clinic.missingShare) === 1) cells[lacking] = '?';
  return [...cells, '?', '?', '?', String(outcome)];
}

/** Box and Muller 1958. */
function normal(random: MersenneTwister, mean: number, deviation: number): number {
  const radius = Math.sqrt(-2 * Math.log(1 - random.fraction()));
  return mean + deviation * radius * Math.cos(2 * Math.PI * random.fraction());
}

function bernoulli(random: MersenneTwister, probability: number): 0 | 1 {
  return random.fraction() < probability ? 1 : 0;
}

/** Index by shares; the last index has what is left of 1. */
function choose(random: MersenneTwister, shares: readonly number[]): number {
  let left = random.fraction();
  for (const [index, share] of shares.entries()) {
    if (left < share) return index;
    left -= share;
  }
  return shares.length;
}

function logistic(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

function within(low: number, high: number, value: number): number {
  return Math.min(high, Math.max(low, value));
}
