/** L6: membership inference with shadow models (LiRA, Carlini et al. 2022), with and without privacy. */
import { createTrainer } from '../learning/local-trainer.ts';
import { parameterCount } from '../learning/parameters.ts';
import { clopperPearson } from '../privacy/binomial-interval.ts';
import type { RandomBytes } from '../privacy/random-words.ts';
import { auditDelta, plainTask, sgdTask, siteOf } from './audited-task.ts';
import { type AuditSize, type Check, written } from './check.ts';
import type { Examples } from './examples.ts';
import type { AuditedMechanisms } from './mechanisms.ts';
import { mixtureClasses, mixtureFeatures, mixtureRows } from './mixture.ts';

/** Without privacy the attack finds at least so many members for each false alarm: else it is too weak to show anything. */
const leastGain = 5;
const pool = 400;
const batchSize = 256;
const steps = 100;
/** Noise of a hundred steps on all rows that keeps ε near 2. */
const noiseMultiplier = 22;

/**
 * Every model is trained on a random half of the rows; each in turn is attacked with the others as shadows. Examples are not independent
 * of each other, so that the bound is a regression figure and no test with a level.
 */
export async function membershipLayer(
  mechanisms: AuditedMechanisms,
  { shadows, falsePositiveRate }: AuditSize,
  randomBytes: RandomBytes,
  onProgress: (text: string) => void,
): Promise<Check[]> {
  const rows = mixtureRows(pool);
  const audited = sgdTask({ model: 'mixture', noiseMultiplier, steps, batchSize, learningRate: 4 });
  const task = plainTask({ model: 'mixture', steps: 300, batchSize, learningRate: 20 });
  const [plain, noisy]: Model[][] = [[], []];
  for (let shadow = 0; shadow < shadows; shadow++) {
    onProgress(`membership: models ${shadow + 1} of ${shadows}`);
    const bytes = new Uint8Array(pool);
    randomBytes(bytes);
    const isIn = bytes.map(byte => byte & 1);
    const examples: Examples = { rows: rows.filter((_, i) => isIn[i] === 1) };
    const trainer = createTrainer(task, siteOf(examples, mixtureFeatures));
    const parameters = new Float32Array(parameterCount(trainer.manifest));
    const result = await trainer.train({ parameters, round: 1, seed: new Uint8Array(32) });
    plain.push({ isIn, scores: scoresOf(result.parameters, rows) });
    const onSum = (): void => undefined;
    noisy.push({ isIn, scores: scoresOf(await mechanisms.train({ audited, examples, randomBytes, onSum }), rows) });
  }
  const { upper: epsilon } = mechanisms.pldEpsilon(mechanisms.event(audited.plan, noiseMultiplier), auditDelta);
  const tried = `${shadows} models on halves of ${pool} rows, ${percent(falsePositiveRate)} false alarms`;
  return [
    without(tried, attack(plain, falsePositiveRate), leastGain * falsePositiveRate),
    within(tried, attack(noisy, falsePositiveRate), epsilon),
  ];
}

interface Model {
  readonly isIn: Uint8Array;
  /** ln(p / (1 − p)) of the right class, of every row. */
  readonly scores: Float64Array;
}

/** True and false positives of the attack on all models at the threshold that gives the rate of false alarms asked for. */
interface Found {
  readonly members: number;
  readonly found: number;
  readonly others: number;
  readonly wrong: number;
}

function attack(models: readonly Model[], falsePositiveRate: number): Found {
  const cases = models.flatMap(target => {
    const shadows = models.filter(model => model !== target);
    return Array.from(target.scores, (score, row) => {
      const inside = shadows.filter(({ isIn }) => isIn[row] === 1).map(({ scores }) => scores[row]);
      const outside = shadows.filter(({ isIn }) => isIn[row] === 0).map(({ scores }) => scores[row]);
      return { isMember: target.isIn[row] === 1, score, inside, outside };
    }).filter(({ inside, outside }) => inside.length > 1 && outside.length > 1);
  });
  // One variance for all rows: a few shadows tell none of a row by itself (Carlini et al. 2022, §VI-C).
  const spread = {
    inside: meanVariance(cases.map(each => each.inside)),
    outside: meanVariance(cases.map(each => each.outside)),
  };
  const [members, others]: number[][] = [[], []];
  for (const { isMember, score, inside, outside } of cases) {
    const ratio = logDensity(score, inside, spread.inside) - logDensity(score, outside, spread.outside);
    (isMember ? members : others).push(ratio);
  }
  others.sort((a, b) => b - a);
  const wrong = Math.floor(falsePositiveRate * others.length);
  const threshold = others[wrong];
  return { members: members.length, found: members.filter(x => x > threshold).length, others: others.length, wrong };
}

function meanVariance(samples: readonly (readonly number[])[]): number {
  let sum = 0;
  for (const sample of samples) {
    const mean = meanOf(sample);
    sum += sample.reduce((squares, x) => squares + (x - mean) ** 2, 0) / (sample.length - 1);
  }
  return sum / samples.length;
}

/** ln of the density of a normal law with the mean of the sample, a constant left out. */
function logDensity(score: number, sample: readonly number[], variance: number): number {
  return -((score - meanOf(sample)) ** 2) / (2 * variance) - Math.log(variance) / 2;
}

function meanOf(sample: readonly number[]): number {
  return sample.reduce((sum, x) => sum + x, 0) / sample.length;
}

function scoresOf(parameters: Float32Array, rows: Examples['rows']): Float64Array {
  return Float64Array.from(rows, ({ features, label }) => {
    const logits = Array.from({ length: mixtureClasses }, (_, c) => {
      let sum = parameters[mixtureClasses * mixtureFeatures + c];
      for (let i = 0; i < mixtureFeatures; i++) sum += parameters[c * mixtureFeatures + i] * features[i];
      return sum;
    });
    const own = logits[label];
    const rest = logits.filter((_, c) => c !== label).reduce((sum, logit) => sum + Math.exp(logit - own), 0);
    return -Math.log(rest);
  });
}

function without(tried: string, { members, found }: Found, least: number): Check {
  return {
    layer: 'L6',
    name: 'without privacy members are found',
    tried,
    figure: `${percent(found / members)} of members`,
    bound: `≥ ${percent(least)}`,
    passed: found / members >= least,
  };
}

/** (ε, δ)-DP allows e^ε·FPR + δ (Wasserman and Zhou 2010). */
function within(tried: string, { members, found, others, wrong }: Found, epsilon: number): Check {
  const allowed = Math.exp(epsilon) * clopperPearson(wrong, others, 1e-4).upper + auditDelta;
  const least = clopperPearson(found, members, 1e-4).lower;
  return {
    layer: 'L6',
    name: `with ε = ${written(epsilon)} members are hidden`,
    tried,
    figure: `${percent(found / members)} of members, at least ${percent(least)}`,
    bound: `≤ ${percent(allowed)}`,
    passed: least <= allowed,
  };
}

function percent(share: number): string {
  return `${written(100 * share)} %`;
}
