/** Twin of activation.as.ts: activations and their derivatives in plain TypeScript, float32 by rounding every step. */
import { activations } from './kernels.ts';

const { fround } = Math;
const log2e = fround(Math.LOG2E);
const ln2High = fround(0.693359375);
const ln2Low = fround(-0.00021219444005469057);
/** 1/7!, 1/6!, … 1/2!. */
const coefficients = [1 / 5040, 1 / 720, 1 / 120, 1 / 24, 1 / 6, 0.5].map(fround);
/** 2^−i for i from 0 to 126. */
const powersOfHalf = Float32Array.from({ length: 127 }, (_, i) => 1 / 2 ** i);

/** values = activation(values). Offsets in float32 values. */
export function activateTwin(memory: Float32Array, values: number, count: number, activation: number): void {
  if (activation === activations.none) return;
  const apply = activation === activations.relu ? relu : activation === activations.tanh ? tanh : sigmoid;
  for (let i = values; i < values + count; i++) memory[i] = apply(memory[i]);
}

/** gradient *= the derivative of the activation at the place where it gave `values`. */
export function activationGradientTwin(
  memory: Float32Array,
  values: number,
  gradient: number,
  count: number,
  activation: number,
): void {
  if (activation === activations.none) return;
  for (let i = 0; i < count; i++) {
    const y = memory[values + i];
    const g = memory[gradient + i];
    if (activation === activations.relu) memory[gradient + i] = y > 0 ? g : 0;
    else if (activation === activations.tanh) memory[gradient + i] = g * fround(1 - fround(y * y));
    else memory[gradient + i] = g * fround(y * fround(1 - y));
  }
}

function relu(x: number): number {
  return Math.max(x, 0);
}

export function tanh(x: number): number {
  const y = fround(Math.abs(x) * -2);
  const n = exponent(y);
  const s = powersOfHalf[-n];
  const u = fround(fround(s * reducedExpm1(y, n)) + fround(s - 1));
  const t = fround(-u / fround(u + 2));
  return x < 0 || Object.is(x, -0) ? -Math.abs(t) : Math.abs(t);
}

export function sigmoid(x: number): number {
  const y = -Math.abs(x);
  const n = exponent(y);
  const s = powersOfHalf[-n];
  const e = fround(fround(s * reducedExpm1(y, n)) + s);
  return fround((x < 0 ? e : 1) / fround(1 + e));
}

/** The integer nearest to y / ln 2, from −126 to 0; NaN for NaN. */
function exponent(y: number): number {
  const magic = 12582912;
  return fround(fround(fround(Math.max(y, -87) * log2e) + magic) - magic);
}

/** exp(r) − 1 for r = y − n·ln 2, by its Taylor polynomial of degree 7. */
function reducedExpm1(y: number, n: number): number {
  const r = fround(fround(Math.max(y, -87) - fround(n * ln2High)) - fround(n * ln2Low));
  let p = coefficients[0];
  for (let i = 1; i < coefficients.length; i++) p = fround(fround(p * r) + coefficients[i]);
  return fround(fround(fround(p * r) * r) + r);
}
