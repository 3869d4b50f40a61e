/** Twin of noise.as.ts: Gaussian noise from random words in plain TypeScript, the same bits. */
import { discreteGaussianTwin, ditherGaussianTwin } from './discrete-gaussian-twin.ts';
import { tableAt } from './gaussian-table.ts';
import type { NoiseKernels } from './noise.ts';

const { fround, sqrt } = Math;
const blockLength = 8;
const pairs = blockLength / 2;

/** (k + ½) of 2^21 parts of π / 4. */
const angleStep = fround(Math.PI / 4) / 2 ** 21;
/** Cephes' logf (Moshier). */
const logCoefficients = [
  7.0376836292e-2, -1.151461031e-1, 1.167699874e-1, -1.2420140846e-1, 1.4249322787e-1, -1.6668057665e-1,
  2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1,
].map(fround);
const ln2High = fround(0.693359375);
const ln2Low = fround(-2.1219444e-4);
const sineCoefficients = [1 / 362880, -1 / 5040, 1 / 120, -1 / 6].map(fround);
const cosineCoefficients = [1 / 40320, -1 / 720, 1 / 24, -0.5, 1].map(fround);
const bitsOf = new DataView(new ArrayBuffer(4));

/** The kernels over a memory: from offsets in bytes to the functions below. */
export function noiseTwin(m: Float32Array): NoiseKernels {
  const floats = (offset: number, count: number) => new Float32Array(m.buffer, offset, count);
  const uints = (offset: number, count: number) => new Uint32Array(m.buffer, offset, count);
  const padded = (count: number) => Math.ceil(count / blockLength) * blockLength;
  return {
    gaussianFill(words, values, count, scale) {
      floats(values, count).set(normals(uints(words, padded(count)), fround(scale)).subarray(0, count));
    },
    addGaussian(words, target, count, scale) {
      const values = floats(target, count);
      const noise = normals(uints(words, padded(count)), fround(scale));
      for (let i = 0; i < count; i++) values[i] = values[i] + noise[i];
    },
    discreteGaussianFill(words, wordCount, table, values, count, logScale, consumed) {
      const target = new Int32Array(m.buffer, values, count);
      const stored = tableAt(m.buffer, table, logScale);
      const result = discreteGaussianTwin(uints(words, wordCount), stored, target, logScale);
      uints(consumed, 2).set(result.consumed);
      return result.made;
    },
    ditherGaussian(words, wordCount, table, values, count, logScale, step, consumed) {
      const stored = tableAt(m.buffer, table, logScale);
      const result = ditherGaussianTwin(uints(words, wordCount), stored, floats(values, count), logScale, step);
      uints(consumed, 2).set(result.consumed);
      return result.made;
    },
  };
}

/** scale·N(0, 1), one per word. */
function normals(words: Uint32Array, scale: number): Float32Array {
  const values = new Float32Array(words.length);
  for (let block = 0; block < words.length; block += blockLength) {
    for (let i = block; i < block + pairs; i++) {
      const direction = words[i + pairs];
      const r = fround(radius(words[i], direction) * scale);
      const x = fround((((direction >>> 8) & 0x1fffff) + 0.5) * angleStep);
      const z = fround(x * x);
      const s = fround(x + fround(fround(polynomial(sineCoefficients, z) * z) * x));
      const c = polynomial(cosineCoefficients, z);
      const [first, second] = direction & 0x20000000 ? [s, c] : [c, s];
      values[i] = r * (direction & 0x80000000 ? -first : first);
      values[i + pairs] = r * (direction & 0x40000000 ? -second : second);
    }
  }
  return values;
}

/** √(−2 ln u), u = (word + (direction mod 256 + ½) / 256) / 2^32. */
function radius(word: number, direction: number): number {
  const fraction = ((direction & 255) + 0.5) / 256;
  bitsOf.setFloat32(0, fround(fround(word) + fraction));
  const bits = bitsOf.getInt32(0);
  const exponent = (bits - 0x3f3504f3) >> 23;
  bitsOf.setInt32(0, bits - (exponent << 23));
  const far = fround(bitsOf.getFloat32(0) - 1);
  // Near u = 1 the distance from 1, with all its bits.
  const f = exponent === 32 ? fround(fround(fround(word | 0) + fraction) * 2 ** -32) : far;
  const k = exponent - 32;
  const z = fround(f * f);
  let y = fround(fround(polynomial(logCoefficients, f) * f) * z);
  y = fround(y + fround(k * ln2Low));
  y = fround(y - fround(z * 0.5));
  const log = fround(fround(f + y) + fround(k * ln2High));
  return fround(sqrt(fround(log * -2)));
}

/** Horner's scheme, highest power first. */
function polynomial(coefficients: readonly number[], x: number): number {
  let p = coefficients[0];
  for (let i = 1; i < coefficients.length; i++) p = fround(fround(p * x) + coefficients[i]);
  return p;
}
