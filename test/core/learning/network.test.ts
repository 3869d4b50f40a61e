import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { LayerSettings } from '../../../src/core/learning/layer-settings.ts';
import { backward, type NetworkSettings, passOver, planNetwork } from '../../../src/core/learning/network.ts';
import { Layout } from '../../../src/core/math/kernels/kernels.ts';
import { twinKernels } from '../../../src/core/math/kernels/twin.ts';
import { simd } from '../math/same-kernels.ts';
import { all, distance, example, length, run } from './layer-run.ts';

/** Dense layers over positions; the number of positions decides how the norms are computed. */
function denseNetwork(widths: readonly number[], places: number, classes: number): NetworkSettings {
  const sizes = [...widths, classes === 2 ? 1 : classes];
  const layers = sizes.slice(1).map((outputs, i): LayerSettings => {
    const activation = i === sizes.length - 2 ? 'none' : 'tanh';
    return { type: 'dense', inputs: sizes[i], outputs, positions: places, activation };
  });
  return {
    layers,
    shape: {
      input: { kind: 'sequence', steps: places, width: widths[0] },
      output: { kind: 'classes', classes, steps: places },
    },
    loss: { name: classes === 2 ? 'binary' : 'cross-entropy' },
  };
}

/** One position: product norms; few positions and wide layers: Gram norms; many and narrow ones: written out. */
const networks = fc.record({
  widths: fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 3 }),
  places: fc.constantFrom(1, 2, 3, 12),
  classes: fc.constantFrom(2, 3, 5),
  rows: fc.integer({ min: 1, max: 6 }),
  seed: fc.nat(255),
});

test('the norm of each row is that of the gradient of this row alone, however it is computed', () => {
  fc.assert(
    fc.property(networks, ({ widths, places, classes, rows, seed }) => {
      const of = example(denseNetwork(widths, places, classes), rows, seed);
      const { norms } = run(of, all(rows), 'norms');
      for (let row = 0; row < rows; row++) {
        const expected = length(run(of, [row], 'sum').gradient);
        assert.ok(Math.abs(Math.sqrt(norms[row]) - expected) <= 1e-5 * expected + 1e-9);
      }
    }),
  );
});

test('a clipped gradient is the mean of the rows’ gradients, each scaled to the bound where it is longer', () => {
  fc.assert(
    fc.property(networks, fc.constantFrom(0.05, 1, 1e6), ({ widths, places, classes, rows, seed }, clip) => {
      const of = example(denseNetwork(widths, places, classes), rows, seed);
      const { gradient, loss } = run(of, all(rows), { clip }, { batch: rows });
      const expected = new Float64Array(gradient.length);
      // Rounding is that of the terms: the rows may all but cancel.
      let terms = 0;
      for (let row = 0; row < rows; row++) {
        const own = run(of, [row], 'sum').gradient;
        const scale = Math.min(1, clip / length(own)) / rows;
        terms += scale * length(own);
        own.forEach((value, i) => {
          expected[i] += scale * value;
        });
      }
      assert.ok(distance(gradient, expected) <= 2e-6 * terms + 1e-9);
      assert.ok(length(gradient) <= clip * (1 + 1e-6));
      assert.ok(Math.abs(loss - run(of, all(rows), 'sum').loss) <= 1e-9 * Math.abs(loss));
    }),
  );
});

test('no rounding of its weight lets a row beyond the bound, however large or small its gradient', () => {
  const clip = fc.double({ min: 1e-6, max: 1e3, noNaN: true });
  const scales = fc.constantFrom(1e-12, 1, 1e12, 1e17);
  fc.assert(
    fc.property(networks, clip, scales, ({ widths, places, classes, rows, seed }, bound, scale) => {
      const of = example(denseNetwork(widths, places, classes), rows, seed);
      const features = of.features.map(value => value * scale);
      const { norms, weights } = run({ ...of, features }, all(rows), { clip: bound }, { batch: 7 });
      weights.forEach((weight, row) => {
        const norm = Math.sqrt(norms[row]);
        const exact = Math.min(1, bound / norm) / 7;
        assert.ok(weight * norm <= (bound / 7) * (1 + 1e-15), `${weight} × ${norm}, bound ${bound / 7}`);
        assert.ok(weight <= exact && exact - weight <= 1.2e-7 * exact + 1.5e-45, `${weight}, exact ${exact}`);
      });
    }),
  );
});

test('SIMD kernels and twin agree to the bit on gradients, norms and clipped gradients', () => {
  fc.assert(
    fc.property(networks, ({ widths, places, classes, rows, seed }) => {
      const of = example(denseNetwork(widths, places, classes), rows, seed);
      for (const act of ['sum', 'norms', { clip: 0.3 }] as const) {
        assert.deepEqual(run(of, all(rows), act), run(of, all(rows), act, { source: twinKernels }));
      }
    }),
  );
});

test('a row whose gradient is not finite is left out of a clipped gradient and spoils no other', () => {
  for (const places of [1, 2, 12]) {
    const of = example(denseNetwork([4, 6], places, 3), 3, 8);
    const clean = run({ ...of, features: of.features.slice() }, [0, 2], { clip: 0.5 }, { batch: 3 }).gradient;
    of.features.fill(Number.POSITIVE_INFINITY, 4 * places, 8 * places);
    const { gradient } = run(of, all(3), { clip: 0.5 }, { batch: 3 });
    assert.ok(distance(gradient, clean) <= 1e-6 * length(clean), `${places} positions`);
  }
});

test('a plan for prediction has no gradient', () => {
  const layout = new Layout();
  const plan = planNetwork(layout, denseNetwork([3], 1, 2), 1, 'prediction');
  const kernels = simd.acquire(layout.bytes);
  assert.throws(() => backward(plan, passOver(kernels, plan, 1, null), 1), TypeError);
  simd.release(kernels);
});
