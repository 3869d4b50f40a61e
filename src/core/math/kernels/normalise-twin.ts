/** Twin of normalise.as.ts: layer and group normalisation in plain TypeScript, the same bits. Offsets in float32 values. */
import type { NormaliseKernels } from './normalise.ts';
import { dotProductTwin } from './rows-twin.ts';

const { fround } = Math;
const lanes = 8;

/** The kernels over a memory: from offsets in bytes to the functions below. */
export function normaliseTwin(m: Float32Array): NormaliseKernels {
  const doubles = (offset: number, count: number) => new Float64Array(m.buffer, offset, count);
  return {
    normalise: (x, gamma, beta, normalised, output, inverses, rows, groups, ...settings) => {
      const places = [x / 4, gamma / 4, beta / 4, normalised / 4, output / 4] as const;
      normaliseRuns(m, ...places, doubles(inverses, rows * groups), groups, ...settings);
    },
    normaliseGradient: (gradient, gamma, normalised, inverses, inputGradient, rows, groups, ...sizes) => {
      const runs = doubles(inverses, rows * groups);
      gradientOfRuns(m, gradient / 4, gamma / 4, normalised / 4, runs, inputGradient / 4, groups, ...sizes);
    },
    addScaleGradient: (gradient, normalised, target, ...sizes) =>
      addScaleGradientTwin(m, gradient / 4, normalised / 4, target / 4, ...sizes),
  };
}

/** normalised = (x − mean) / √(variance + ε) of each run, output = γ·normalised + β. */
function normaliseRuns(
  memory: Float32Array,
  input: number,
  gamma: number,
  beta: number,
  normalised: number,
  output: number,
  inverses: Float64Array,
  groups: number,
  channels: number,
  positions: number,
  epsilon: number,
): void {
  const size = channels * positions;
  for (let run = 0; run < inverses.length; run++) {
    const [x, n, y] = [input + run * size, normalised + run * size, output + run * size];
    const mean = laneSum(size, i => memory[x + i]) / size;
    const variance = laneSum(size, i => (memory[x + i] - mean) * (memory[x + i] - mean)) / size;
    const inverse = 1 / Math.sqrt(variance + epsilon);
    inverses[run] = inverse;
    for (let i = 0; i < size; i++) memory[n + i] = (memory[x + i] - mean) * inverse;
    for (let i = 0; i < size; i++) {
      const channel = (run % groups) * channels + Math.floor(i / positions);
      memory[y + i] = fround(memory[gamma + channel] * memory[n + i]) + memory[beta + channel];
    }
  }
}

/** inputGradient = inverse·(h − mean(h) − normalised·mean(h·normalised)) of each run, h = γ·gradient. */
function gradientOfRuns(
  memory: Float32Array,
  gradient: number,
  gamma: number,
  normalised: number,
  inverses: Float64Array,
  inputGradient: number,
  groups: number,
  channels: number,
  positions: number,
): void {
  const size = channels * positions;
  for (let run = 0; run < inverses.length; run++) {
    const [g, n, h] = [gradient + run * size, normalised + run * size, inputGradient + run * size];
    for (let i = 0; i < size; i++) {
      const channel = (run % groups) * channels + Math.floor(i / positions);
      memory[h + i] = memory[gamma + channel] * memory[g + i];
    }
    const mean = laneSum(size, i => memory[h + i]) / size;
    const slope = dotProductTwin(memory, h, n, size) / size;
    for (let i = 0; i < size; i++) memory[h + i] = inverses[run] * (memory[h + i] - mean - memory[n + i] * slope);
  }
}

/** target += Σ gradient·normalised per channel, then Σ gradient. */
function addScaleGradientTwin(
  memory: Float32Array,
  gradient: number,
  normalised: number,
  target: number,
  rows: number,
  channels: number,
  positions: number,
): void {
  for (let row = 0; row < rows; row++) {
    for (let channel = 0; channel < channels; channel++) {
      const at = (row * channels + channel) * positions;
      const [g, n] = [gradient + at, normalised + at];
      // One product is rounded once, either way.
      const products = fround(dotProductTwin(memory, g, n, positions));
      const sum = fround(laneSum(positions, i => memory[g + i]));
      memory[target + channel] = memory[target + channel] + products;
      memory[target + channels + channel] = memory[target + channels + channel] + sum;
    }
  }
}

/** Sum in 8 lanes, in the order of dotProduct. */
function laneSum(count: number, term: (i: number) => number): number {
  const l = new Float64Array(lanes);
  const whole = count - (count % lanes);
  for (let i = 0; i < whole; i++) l[i % lanes] += term(i);
  let sum = l[0] + l[4] + (l[2] + l[6]) + (l[1] + l[5] + (l[3] + l[7]));
  for (let i = whole; i < count; i++) sum += term(i);
  return sum;
}
