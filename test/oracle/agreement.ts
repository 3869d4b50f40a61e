/** What has to hold of a case: the oracles agree with each other, and the engine with them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RandomStream } from '../../src/core/math/random.ts';
import type { Case } from './case.ts';
import { engineMasks, runEngine } from './engine.ts';
import { type Gradients, jaxGradients } from './jax.ts';
import { finiteDifference, plainLoss } from './plain.ts';

/** Both oracles compute in float64; a central difference is off by about the square of its step. */
const oracleTolerance = 1e-8;
/** Of the length of what is compared; the engine computes in float32. */
const engineTolerance = 1e-5;
const clippedTolerance = 1e-6;
const mostDifferences = 300;

export function testAgreement(cases: readonly Case[]): void {
  for (const one of cases) {
    const known = new Map<Case, Promise<Gradients>>();
    const gradients = (of: Case) => {
      if (!known.has(of)) known.set(of, jaxGradients(of.model, of.values));
      return known.get(of)!;
    };
    test(`${one.name}: automatic differentiation and central differences agree`, async () => {
      compareOracles(one, await gradients(one));
    });
    test(`${one.name}: the engine agrees with the oracles`, async () => {
      const drawn = one.values.masks.length === 0 ? one : withEngineMasks(one);
      compareEngine(drawn, await gradients(drawn));
    });
  }
}

function compareOracles({ model, values }: Case, jax: Gradients): void {
  const { rows, parameters } = values;
  const each = <T>(make: (row: number) => T) => Array.from({ length: rows }, (_, row) => make(row));
  const loss = mean(each(row => plainLoss(model, values, row)));
  assert.ok(Math.abs(jax.loss - loss) <= 1e-12 * Math.abs(loss), `loss ${jax.loss}, not ${loss}`);
  const some = someOf(parameters.length);
  jax.perExample.forEach((gradient, row) => {
    const differences = some.map(i => finiteDifference(model, values, row, i));
    const derivatives = some.map(i => gradient[i]);
    close(derivatives, differences, oracleTolerance, `gradient of row ${row}`);
  });
  close(
    jax.gradient,
    weightedSum(
      jax.perExample,
      each(() => 1 / rows),
    ),
    1e-12,
    'gradient of the batch',
  );
}

function compareEngine(one: Case, { loss, gradient, perExample }: Gradients): void {
  const sum = runEngine(one, 'sum');
  const { rows } = one.values;
  assert.ok(
    Math.abs(sum.loss / rows - loss) <= engineTolerance * Math.abs(loss),
    `loss ${sum.loss / rows}, not ${loss}`,
  );
  close(sum.gradient, gradient, engineTolerance, 'gradient');
  const norms = perExample.map(length);
  runEngine(one, 'norms').norms.forEach((squared, row) => {
    close([squared], [norms[row] ** 2], engineTolerance, `squared norm of row ${row}`);
  });
  // All rows clipped, the longer ones, none.
  const sorted = norms.toSorted((a, b) => a - b);
  for (const clipNorm of [sorted[0] / 2, sorted[Math.floor(rows / 2)] * 0.999, 2 * sorted[rows - 1]]) {
    if (clipNorm === 0) continue;
    const weights = norms.map(norm => Math.min(1, clipNorm / norm) / rows);
    const clipped = runEngine(one, { clipNorm });
    close(clipped.gradient, weightedSum(perExample, weights), clippedTolerance, `gradient clipped to ${clipNorm}`);
  }
}

/** All indices below `count`, or so many drawn ones where that would take long. */
function someOf(count: number): number[] {
  const indices = Array.from({ length: count }, (_, i) => i);
  new RandomStream(new Uint8Array(32)).shuffle(indices);
  return indices.slice(0, mostDifferences);
}

function withEngineMasks(one: Case): Case {
  const masks = engineMasks(one);
  const rates = one.model.layers.flatMap(layer => (layer.type === 'dropout' ? [layer.rate] : []));
  masks.forEach((mask, i) => {
    const kept = Math.fround(1 / (1 - rates[i]));
    assert.ok(
      mask.every(factor => factor === 0 || factor === kept),
      'masks are 0 or 1 / (1 − rate)',
    );
    assert.ok(mask.includes(kept), 'not all is dropped');
  });
  return { ...one, values: { ...one.values, masks } };
}

function close(got: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number, what: string): void {
  assert.equal(got.length, expected.length);
  const difference = length(Array.from(expected, (value, i) => got[i] - value));
  const bound = tolerance * length(expected);
  assert.ok(difference <= bound, `${what}: ${difference} apart, ${bound} allowed`);
}

function weightedSum(vectors: readonly Float64Array[], weights: readonly number[]): Float64Array {
  return vectors[0].map((_, i) => vectors.reduce((sum, vector, row) => sum + weights[row] * vector[i], 0));
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function length(vector: ArrayLike<number>): number {
  return Math.hypot(...Array.from(vector));
}
