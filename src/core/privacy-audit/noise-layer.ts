/** L1: noise is as large as accounted, of the right law, on the grid, fresh in every release and the same in one that is sent again. */
import type { NoiseGrid } from '../privacy/noise-grid.ts';
import type { RandomBytes } from '../privacy/random-words.ts';
import { fedAvgTask, groupPlan, sgdTask } from './audited-task.ts';
import { canaryExamples } from './canaries.ts';
import { type AuditSize, type Check, faultless, likely } from './check.ts';
import type { AuditedMechanisms, ClientUpdate } from './mechanisms.ts';
import { correlationPValue, fitPValue, leastVariancePValue, meanPValue, variancePValue } from './significance.ts';

/** Chance of a false alarm of the whole layer, shared out among its tests. */
const significance = 1e-4;
const tests = 16;

/** Not 1, so that a variance is not taken for a deviation. */
const noiseMultiplier = 1.5;

export async function noiseLayer(
  mechanisms: AuditedMechanisms,
  size: AuditSize,
  randomBytes: RandomBytes,
): Promise<Check[]> {
  const { coordinates } = size;
  return [
    ...(await gridNoise(mechanisms, coordinates, randomBytes)),
    ...(await trainingNoise(mechanisms, coordinates, randomBytes)),
    ...(await updateNoise(mechanisms, coordinates, randomBytes)),
    ...(await clientNoise(mechanisms, coordinates, randomBytes)),
    ...shareNoise(mechanisms, coordinates, randomBytes),
    await resent(mechanisms),
  ];
}

function test(name: string, tried: string, p: number): Check {
  return likely('L1', name, tried, p, significance / tests);
}

/** Noise on nothing, in standard deviations. */
function standardised(noisy: Float64Array, { step, logScale }: NoiseGrid): Float64Array {
  return noisy.map(value => value / step / 2 ** logScale);
}

async function gridNoise(mechanisms: AuditedMechanisms, count: number, randomBytes: RandomBytes): Promise<Check[]> {
  const { plan } = fedAvgTask({ noiseMultiplier, clip: 0.5, dimension: 1000 });
  const grid = mechanisms.grid(plan, noiseMultiplier, 0.5);
  const noisy = mechanisms.noisySum(new Float64Array(count), grid, randomBytes);
  const noise = standardised(noisy, grid);
  const squares = noise.map(x => (x * x - 1) / Math.SQRT2);
  const tried = `${count} coordinates`;
  return [
    offGrid('noise lies on the grid', tried, noisy, grid),
    test('the mean of noise is 0', tried, meanPValue(noise)),
    test('noise has the accounted variance', tried, variancePValue(noise)),
    test('noise has the accounted law', tried, fitPValue(noise, 2 ** -grid.logScale)),
    test('neighbouring coordinates are independent', tried, correlationPValue(noise, noise.subarray(1))),
    test('neighbouring squares are independent', tried, correlationPValue(squares, squares.subarray(1))),
  ];
}

/** Canaries that are not there: their axes hold nothing but noise. */
const width = 2000;

async function trainingNoise(mechanisms: AuditedMechanisms, count: number, randomBytes: RandomBytes): Promise<Check[]> {
  const steps = Math.ceil(count / width);
  const model = { canaries: width };
  // More rows than one part of a batch; and batches without any.
  const several = sgdTask({ model, noiseMultiplier, steps, batchSize: 256 });
  const empty = sgdTask({ model, noiseMultiplier, steps, batchSize: 16, samplingRate: 1e-12 });
  const bystanders = canaryExamples(width, [], 150);
  const noiseOf = async (
    audited: typeof several,
    rows: number,
  ): Promise<{ noise: Float64Array; raw: Float64Array }> => {
    const raw = new Float64Array(steps * (width - 1));
    let at = 0;
    const examples = { rows: bystanders.rows.slice(0, rows) };
    const onSum = (sum: Float64Array): void => {
      if (at + width - 1 <= raw.length) raw.set(sum.subarray(0, width - 1), at);
      at += width - 1;
    };
    await mechanisms.train({ audited, examples, randomBytes, onSum });
    const grid = mechanisms.grid(audited.plan, noiseMultiplier, 1);
    return { noise: standardised(raw, grid), raw };
  };
  const [first, second, none] = [await noiseOf(several, 150), await noiseOf(several, 150), await noiseOf(empty, 10)];
  const grid = mechanisms.grid(several.plan, noiseMultiplier, 1);
  const tried = `${steps} steps of ${width - 1} coordinates, 150 rows`;
  return [
    offGrid('noise of training lies on the grid', tried, first.raw, grid),
    test('noise of a step has the accounted variance', tried, variancePValue(first.noise)),
    test('noise of a step has the accounted law', tried, fitPValue(first.noise, 2 ** -grid.logScale)),
    test('noise of two steps is independent', tried, correlationPValue(first.noise, first.noise.subarray(width - 1))),
    test('noise of two runs is independent', tried, correlationPValue(first.noise, second.noise)),
    test('noise of an empty batch has the accounted variance', tried, variancePValue(none.noise)),
  ];
}

async function updateNoise(mechanisms: AuditedMechanisms, count: number, randomBytes: RandomBytes): Promise<Check[]> {
  const dimension = 4000 * Math.ceil(count / 8000) + 1;
  const [clients, clipNorm] = [5, 0.25];
  const still: ClientUpdate = { parts: [new Float64Array(dimension)], examples: 1 };
  const updates = new Array<ClientUpdate>(clients).fill(still);
  const noiseOf = async (clip: number | { initial: number; bitNoise: number }): Promise<Float64Array> => {
    const audited = fedAvgTask({ noiseMultiplier, clip, dimension, cohort: clients });
    const { sum } = await mechanisms.updateRound({ audited, clipNorm, updates, randomBytes });
    return standardised(sum, mechanisms.grid(audited.plan, noiseMultiplier, clipNorm));
  };
  const [first, second] = [await noiseOf(clipNorm), await noiseOf(clipNorm)];
  const adaptive = await noiseOf({ initial: clipNorm, bitNoise: 5 });
  const tried = `${clients} updates of ${dimension} values`;
  const name = 'noise on a sum of updates has the accounted variance';
  return [
    test(name, tried, variancePValue(first)),
    test('noise of two rounds is independent', tried, correlationPValue(first, second)),
    test(`${name}, adaptive clip`, tried, variancePValue(adaptive)),
  ];
}

/** A client whose noise is its own. */
async function clientNoise(mechanisms: AuditedMechanisms, count: number, randomBytes: RandomBytes): Promise<Check[]> {
  const dimension = 4000 * Math.ceil(count / 4000) + 1;
  const clipNorm = 0.25;
  const audited = fedAvgTask({ noiseMultiplier, clip: clipNorm, noiseAt: 'client', dimension });
  const update: ClientUpdate = { parts: [new Float64Array(dimension)], examples: 1 };
  const sent = await mechanisms.noisyUpdate({ audited, clipNorm, update, randomBytes });
  const grid = mechanisms.grid(audited.plan, noiseMultiplier, clipNorm);
  const tried = `one update of ${dimension} values`;
  const p = variancePValue(standardised(sent, grid));
  return [
    offGrid('noise of a client lies on the grid', tried, sent, grid),
    test('noise of a client has the accounted variance', tried, p),
  ];
}

/**
 * The worst case: as many members of a group have dropped out as its sums bear, and colluders take their own noise off. More noise than
 * accounted is no fault here.
 */
function shareNoise(mechanisms: AuditedMechanisms, count: number, randomBytes: RandomBytes): Check[] {
  const [members, left, known] = [16, 12, 8];
  const each = Math.ceil(count / members);
  const sharing = { noisyClients: left - known, leastShares: left, mostShares: members };
  const plan = groupPlan({ noiseMultiplier, clip: 1, dimension: 1000 }, sharing);
  const shares = mechanisms.noiseShares(plan, members, each, randomBytes);
  const sum = new Float64Array(each);
  for (const share of shares.slice(0, left - known))
    share.forEach((noise, i) => {
      sum[i] += noise / noiseMultiplier;
    });
  const tried = `${left} of ${members} members, of whom ${known} collude, ${each} coordinates`;
  return [test('shares that are left hold the accounted noise', tried, leastVariancePValue(sum))];
}

async function resent({ sendTwice }: AuditedMechanisms): Promise<Check> {
  const [first, again] = await sendTwice();
  const isSame = first.length === again.length && first.every((byte, i) => byte === again[i]);
  const fault = first.length === 0 ? 'nothing was sent' : isSame ? null : 'the second update differs from the first';
  return faultless(
    'L1',
    'an update that is sent again has the same noise',
    'one lost answer',
    fault === null ? [] : [fault],
  );
}

/** Values that are no whole number of steps, float32 rounding of the product apart. */
function offGrid(name: string, tried: string, values: Float64Array, { step }: NoiseGrid): Check {
  let off = 0;
  for (const value of values) {
    const steps = Math.round(value / step);
    if (Math.abs(value - steps * step) > 2 ** -23 * Math.abs(value)) off++;
  }
  return faultless('L1', name, tried, off === 0 ? [] : [`${off} of ${values.length} values lie beside it`]);
}
