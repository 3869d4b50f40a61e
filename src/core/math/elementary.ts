/** Exponential and logarithm from + − × ÷ alone: Math.exp and Math.log differ between engines, these give the same bits in all. */

/** 2^−i for i from 0 to 1022, exact. */
const powersOfHalf = halvings(1023);

/** exp(x) for x ≤ 0, within 2 ulp; 0 below −708 (the result would leave the normal range). NaN gives NaN. */
export function expNegative(x: number): number {
  if (!(x >= -708)) return x < -708 ? 0 : x;
  const magic = 6755399441055744; // 1.5 · 2^52: adding it rounds to an integer
  const n = x * Math.LOG2E + magic - magic;
  // ln 2 in two parts, so that |r| ≤ ln 2 / 2 keeps its last bits.
  const r = x - n * 0.6931471803691238 - n * 1.9082149292705877e-10;
  let p = 1 / 6227020800; // Taylor, degree 13: the next term is below 5e-18
  p = p * r + 1 / 479001600;
  p = p * r + 1 / 39916800;
  p = p * r + 1 / 3628800;
  p = p * r + 1 / 362880;
  p = p * r + 1 / 40320;
  p = p * r + 1 / 5040;
  p = p * r + 1 / 720;
  p = p * r + 1 / 120;
  p = p * r + 1 / 24;
  p = p * r + 1 / 6;
  p = p * r + 0.5;
  p = p * r + 1;
  p = p * r + 1;
  return p * powersOfHalf[-n];
}

/** log(1 + x) for 0 ≤ x ≤ 1: 2·artanh(x / (2 + x)) by its series. */
export function log1pUnit(x: number): number {
  const s = x / (2 + x);
  const q = s * s;
  let sum = 0;
  for (let odd = 31; odd > 1; odd -= 2) sum = (sum + 1 / odd) * q;
  return 2 * (s + s * sum);
}

/** log(x) for x ≥ 1. */
export function logAtLeastOne(x: number): number {
  let halvings = 0;
  while (x >= 2 && halvings < 1024) {
    x *= 0.5;
    halvings++;
  }
  return halvings * Math.LN2 + log1pUnit(x - 1);
}

/** log(x) for x > 0, within 2^−52 or 2 ulp, whichever is more. Throws RangeError otherwise. */
export function logPositive(x: number): number {
  if (!(x > 0)) throw new RangeError(`logPositive: expected a number above 0, got ${x}`);
  if (x >= 1) return logAtLeastOne(x);
  // Below 2^−1021 the reciprocal overflows.
  return x < 2 ** -1000 ? -logAtLeastOne(1 / (x * 2 ** 100)) - 100 * Math.LN2 : -logAtLeastOne(1 / x);
}

/** 1 / (1 + exp(−x)), accurate at both ends. */
export function logistic(x: number): number {
  const e = expNegative(-Math.abs(x));
  return x >= 0 ? 1 / (1 + e) : e / (1 + e);
}

function halvings(count: number): Float64Array {
  const powers = new Float64Array(count);
  for (let i = 0, power = 1; i < count; i++, power /= 2) powers[i] = power;
  return powers;
}
