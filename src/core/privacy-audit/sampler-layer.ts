/** L2: batches are drawn as they are accounted, each row for itself. */
import { flatten } from '../privacy/event.ts';
import type { RandomBytes } from '../privacy/random-words.ts';
import { sgdTask } from './audited-task.ts';
import { type AuditSize, type Check, likely, written } from './check.ts';
import type { AuditedMechanisms } from './mechanisms.ts';
import { chiSquarePValue, normalPValue } from './significance.ts';

/** Standard errors beyond which a figure is wrong: chance makes so much of it once in 1.7 million. */
const sigmas = 5;

export function samplerLayer(mechanisms: AuditedMechanisms, size: AuditSize, randomBytes: RandomBytes): Check[] {
  const [rows, rate, batches] = [500, 0.1, size.batches];
  const plan = planOf(rate, 64);
  const accounted = accountedRate(mechanisms, plan);
  const seen = observe(rows, batches, () => mechanisms.sampleBatch(plan, rows, randomBytes));
  const tried = `${batches} batches of ${rows} rows, accounted q = ${written(accounted)}`;
  const pair = accounted ** 2;
  return [
    within('a batch is as long as accounted', tried, seen.members, rows * batches, accounted),
    variance(tried, seen.sizes, rows, accounted),
    within('two rows have nothing to do with each other', tried, seen.pairs, Math.floor(rows / 2) * batches, pair),
    within('two batches have nothing to do with each other', tried, seen.again, rows * Math.floor(batches / 2), pair),
    rowsAlike(tried, seen.perRow, batches, accounted),
    empties(mechanisms, batches, randomBytes),
  ];
}

function planOf(samplingRate: number, batchSize: number) {
  return sgdTask({ model: 'layers', noiseMultiplier: 1, samplingRate, batchSize }).plan;
}

/** q of what a round is accounted as; 1 where nothing is said of sampling. */
function accountedRate({ event }: AuditedMechanisms, plan: Parameters<AuditedMechanisms['event']>[0]): number {
  const rates = flatten(event(plan, 1)).map(({ event: leaf }) => (leaf.kind === 'sampled' ? leaf.q : 1));
  return Math.min(...rates);
}

function observe(rows: number, batches: number, draw: () => ArrayLike<number>) {
  const sizes = new Float64Array(batches);
  const perRow = new Float64Array(rows);
  let [members, pairs, again] = [0, 0, 0];
  let before = new Uint8Array(rows);
  for (let t = 0; t < batches; t++) {
    const isIn = new Uint8Array(rows);
    for (const row of Array.from(draw())) isIn[row] = 1;
    for (let row = 0; row < rows; row++) {
      sizes[t] += isIn[row];
      perRow[row] += isIn[row];
      if (row % 2 === 1) pairs += isIn[row] & isIn[row - 1];
      if (t % 2 === 1) again += isIn[row] & before[row];
    }
    members += sizes[t];
    before = isIn;
  }
  return { sizes, perRow, members, pairs, again };
}

/** Whether so many of so many independent cases are what a probability says. */
function within(name: string, tried: string, found: number, cases: number, probability: number): Check {
  const error = Math.sqrt(cases * probability * (1 - probability));
  return inSigmas(name, tried, (found - cases * probability) / error);
}

/** The variance of the sizes of batches is nq(1 − q). */
function variance(tried: string, sizes: Float64Array, rows: number, rate: number): Check {
  const [count, mean] = [sizes.length, rows * rate];
  const expected = mean * (1 - rate);
  const squares = sizes.reduce((sum, size) => sum + (size - mean) ** 2, 0) / count;
  // Fourth central moment of the binomial law.
  const fourth = expected * (1 + 3 * (rows - 2) * rate * (1 - rate));
  const error = Math.sqrt((fourth - expected ** 2) / count);
  return inSigmas('the lengths of batches vary as those of Poisson batches', tried, (squares - expected) / error);
}

function rowsAlike(tried: string, perRow: Float64Array, batches: number, rate: number): Check {
  const expected = batches * rate;
  const sum = perRow.reduce((total, found) => total + (found - expected) ** 2, 0) / (expected * (1 - rate));
  const p = chiSquarePValue(sum, perRow.length);
  return likely('L2', 'every row is drawn alike', tried, p, normalPValue(sigmas));
}

function empties(mechanisms: AuditedMechanisms, batches: number, randomBytes: RandomBytes): Check {
  const [rows, rate] = [10, 0.1];
  const plan = planOf(rate, 16);
  let empty = 0;
  for (let t = 0; t < batches; t++) if (mechanisms.sampleBatch(plan, rows, randomBytes).length === 0) empty++;
  const probability = (1 - accountedRate(mechanisms, plan)) ** rows;
  return within(
    'batches are empty as often as accounted',
    `${batches} batches of 10 rows`,
    empty,
    batches,
    probability,
  );
}

function inSigmas(name: string, tried: string, z: number): Check {
  const figure = `${z >= 0 ? '+' : '−'}${written(Math.abs(z))} standard errors`;
  return { layer: 'L2', name, tried, figure, bound: `within ±${sigmas}`, passed: Math.abs(z) <= sigmas };
}
