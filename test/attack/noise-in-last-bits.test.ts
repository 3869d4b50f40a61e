// Mironov 2012, "On significance of the least significant bits for differential privacy": an output of float noise shows in its last bits
// what the noise was added to, whatever ε is. Here the reader asks for one thing only: of which power of two an output is a multiple.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addGaussianNoise, planNoise } from '../../src/core/learning/noise.ts';
import { Layout } from '../../src/core/math/kernels/kernels.ts';
import { RandomStream } from '../../src/core/math/random.ts';
import {
  addDiscreteNoise,
  ditherWithNoise,
  fromGrid,
  noisySum,
  roundedToGrid,
} from '../../src/core/privacy/grid-noise.ts';
import { noiseGrid } from '../../src/core/privacy/noise-grid.ts';
import { simd } from '../core/math/same-kernels.ts';
import { seededBytes } from '../core/privacy/seeded-bytes.ts';

const count = 15_000;
/** Outputs of a mechanism on `count` sums, each of the one value. */
type Mechanism = (value: number) => ArrayLike<number>;

/** How much more often outputs on one of the values 0 and 1 are multiples of a power of two than on the other, at the best power. */
function advantage(mechanism: Mechanism): number {
  const [zero, one] = [0, 1].map(value => Array.from(mechanism(value), exponentOf));
  const share = (exponents: number[], least: number) => exponents.filter(e => e >= least).length / count;
  const powers = Array.from({ length: 90 }, (_, i) => i - 80);
  return Math.max(...powers.map(least => Math.abs(share(zero, least) - share(one, least))));
}

/** The greatest e so that x is a multiple of 2^e. */
function exponentOf(x: number): number {
  if (x === 0) return Infinity;
  let e = Math.floor(Math.log2(Math.abs(x))) - 60;
  while (Number.isInteger(x / 2 ** (e + 1))) e++;
  return e;
}

const stream = new RandomStream(new Uint8Array(32).fill(9));
const samples = (draw: () => number): number[] => Array.from({ length: count }, draw);

const naive: Record<string, Mechanism> = {
  'Laplace noise in float64': value =>
    samples(() => value - Math.sign(stream.float64() - 0.5) * Math.log(1 - stream.float64())),
  'Gaussian noise in float64': value => samples(() => value + stream.normal()),
  'a sum of four Gaussian draws': value =>
    samples(() => value + (stream.normal() + stream.normal() + stream.normal() + stream.normal()) / 2),
  'the float32 kernel': value => {
    const layout = new Layout();
    const [scratch, target] = [planNoise(layout), layout.float32(count)];
    const kernels = simd.acquire(layout.bytes);
    const values = new Float32Array(kernels.buffer, target, count).fill(value);
    addGaussianNoise({ kernels, scratch, randomBytes: seededBytes(value).randomBytes }, target, count, 1);
    simd.release(kernels);
    return values.slice();
  },
};

/** z = 1, C = 1: the step is a power of two, so that a float shows an integer to the last bit. */
const grid = noiseGrid({
  noiseMultiplier: 1,
  clipNorm: 1,
  relation: 'add-remove',
  dimension: 1,
  sumSlack: 0,
  roundingSlip: Math.exp(-0.5),
});

const ours: Record<string, Mechanism> = {
  'a sum of a step of training': value => {
    const layout = new Layout();
    const [scratch, target] = [planNoise(layout), layout.float32(count)];
    const kernels = simd.acquire(layout.bytes);
    const values = new Float32Array(kernels.buffer, target, count).fill(value);
    ditherWithNoise({ kernels, scratch, randomBytes: seededBytes(value + 1).randomBytes }, target, count, grid);
    simd.release(kernels);
    return values.slice();
  },
  'a sum of the coordinator': value =>
    noisySum(new Float64Array(count).fill(value), grid, seededBytes(value).randomBytes),
  'an update of a client': value => {
    const { randomBytes } = seededBytes(value + 2);
    const rounded = samples(() => roundedToGrid(Float32Array.of(value), 1, grid, randomBytes)[0]);
    return fromGrid(addDiscreteNoise(Int32Array.from(rounded), grid, randomBytes), grid);
  },
};

for (const [name, mechanism] of Object.entries(naive)) {
  test(`the last bits of ${name} betray the value beneath`, () => {
    assert.ok(advantage(mechanism) > 0.1, `${advantage(mechanism)}`);
  });
}

for (const [name, mechanism] of Object.entries(ours)) {
  test(`the last bits of ${name} tell nothing: multiples of the step, on either value`, () => {
    // 0.03 is 5 standard errors of the difference of two shares.
    assert.ok(advantage(mechanism) < 0.03, `${advantage(mechanism)}`);
    for (const value of [0, 1]) {
      const outputs = Array.from(mechanism(value));
      assert.ok(outputs.every(output => Number.isInteger(output / grid.step)));
    }
  });
}

test('the values of the grid within a standard deviation of either sum come up on both', () => {
  const seen = [0, 1].map(value => {
    const sum = new Float64Array(400_000).fill(value);
    return new Set(noisySum(sum, grid, seededBytes(value).randomBytes));
  });
  for (let k = 0; k <= 2 ** grid.logScale; k++) {
    assert.ok(seen[0].has(k * grid.step) && seen[1].has(k * grid.step), `${k}`);
  }
});
