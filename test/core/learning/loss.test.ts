import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { lossGradient, planLoss } from '../../../src/core/learning/loss.ts';
import type { LossSettings } from '../../../src/core/learning/loss-settings.ts';
import type { OutputShape } from '../../../src/core/learning/shape.ts';
import { Layout } from '../../../src/core/math/kernels/kernels.ts';
import { twinKernels } from '../../../src/core/math/kernels/twin.ts';
import { RandomStream } from '../../../src/core/math/random.ts';
import { simd } from '../math/same-kernels.ts';

/** Summed loss and gradient by the outputs, of rows with `count` labels each. */
function run(
  loss: LossSettings,
  count: number,
  outputs: Float32Array,
  labels: Float32Array,
  {
    batch = 1,
    source = simd,
    shape = { kind: 'numbers', count },
  }: { batch?: number; source?: typeof simd; shape?: OutputShape } = {},
) {
  const rows = labels.length / count;
  const layout = new Layout();
  const places = {
    outputs: layout.float32(outputs.length),
    labels: layout.float32(labels.length),
    gradient: layout.float32(outputs.length),
  };
  const plan = planLoss(shape, loss, places);
  const kernels = source.acquire(layout.bytes);
  const memory = new Float32Array(kernels.buffer);
  memory.set(outputs, places.outputs / 4);
  memory.set(labels, places.labels / 4);
  const sum = lossGradient(plan, { kernels, rows, parameters: 0, gradient: 0, masks: null }, batch);
  const gradient = memory.slice(places.gradient / 4, places.gradient / 4 + outputs.length);
  source.release(kernels);
  return { sum, gradient };
}

/** The mean over a row's predictions of the published formula. */
function rowLoss(loss: LossSettings, outputs: readonly number[], labels: readonly number[]): number {
  const perLabel = outputs.length / labels.length;
  const terms = outputs.map((z, i) => {
    const y = labels[Math.floor(i / perLabel)];
    if (loss.name === 'mse') return (z - y) ** 2;
    if (loss.name === 'huber') {
      const d = Math.abs(z - y);
      return d <= loss.delta ? 0.5 * d * d : loss.delta * (d - 0.5 * loss.delta);
    }
    if (loss.name !== 'quantile') throw new RangeError(loss.name);
    const q = loss.levels[i % perLabel];
    return Math.max(q * (y - z), (q - 1) * (y - z));
  });
  return terms.reduce((sum, term) => sum + term, 0) / outputs.length;
}

const losses: fc.Arbitrary<LossSettings> = fc.oneof(
  fc.constant({ name: 'mse' } as const),
  fc.record({ name: fc.constant('huber' as const), delta: fc.double({ min: 0.1, max: 3, noNaN: true }) }),
  fc.record({
    name: fc.constant('quantile' as const),
    levels: fc.array(fc.double({ min: 0.01, max: 0.99, noNaN: true }), { minLength: 1, maxLength: 4 }),
  }),
);

const cases = fc.record({
  loss: losses,
  count: fc.integer({ min: 1, max: 5 }),
  rows: fc.integer({ min: 1, max: 6 }),
  batch: fc.integer({ min: 1, max: 20 }),
  seed: fc.nat(255),
});

function draw(loss: LossSettings, count: number, rows: number, seed: number) {
  const stream = new RandomStream(new Uint8Array(32).fill(seed));
  const perLabel = loss.name === 'quantile' ? loss.levels.length : 1;
  const normals = (n: number) => Float32Array.from({ length: n }, () => 2 * stream.normal());
  return { outputs: normals(rows * count * perLabel), labels: normals(rows * count), width: count * perLabel };
}

test('the loss is the sum over rows of the mean over a row’s predictions, as the formulas say', () => {
  fc.assert(
    fc.property(cases, ({ loss, count, rows, batch, seed }) => {
      const { outputs, labels, width } = draw(loss, count, rows, seed);
      let expected = 0;
      for (let row = 0; row < rows; row++) {
        expected += rowLoss(
          loss,
          Array.from(outputs.subarray(row * width, (row + 1) * width)),
          Array.from(labels.subarray(row * count, (row + 1) * count)),
        );
      }
      const { sum } = run(loss, count, outputs, labels, { batch });
      assert.ok(Math.abs(sum - expected) <= 1e-12 * (1 + expected), `${sum}, expected ${expected}`);
    }),
  );
});

test('the gradient is that of the loss divided by the batch, by finite differences', () => {
  const step = 1e-6;
  fc.assert(
    fc.property(cases, ({ loss, count, rows, batch, seed }) => {
      const { outputs, labels, width } = draw(loss, count, rows, seed);
      const { gradient } = run(loss, count, outputs, labels, { batch });
      for (let i = 0; i < outputs.length; i++) {
        const row = Math.floor(i / width);
        const of = (shift: number) =>
          rowLoss(
            loss,
            Array.from(outputs.subarray(row * width, (row + 1) * width), (z, j) =>
              row * width + j === i ? z + shift : z,
            ),
            Array.from(labels.subarray(row * count, (row + 1) * count)),
          );
        // On a kink of the pinball loss no difference says anything.
        if (loss.name === 'quantile' && Math.abs(outputs[i] - labels[Math.floor(i / loss.levels.length)]) < 10 * step)
          continue;
        const expected = (of(step) - of(-step)) / (2 * step * batch);
        assert.ok(Math.abs(gradient[i] - expected) <= 1e-5 * (1 + Math.abs(expected)), `${gradient[i]}, ${expected}`);
      }
    }),
  );
});

test('of classes, the loss is the mean over the steps of a row, and the gradient that of its sum divided by the batch', () => {
  const [rows, steps, batch] = [3, 4, 5];
  const stream = new RandomStream(new Uint8Array(32));
  for (const classes of [2, 3]) {
    const name = classes === 2 ? 'binary' : 'cross-entropy';
    const width = classes === 2 ? 1 : classes;
    const labels = Float32Array.from({ length: rows * steps }, () => stream.below(classes));
    const outputs = Float32Array.from({ length: rows * steps * width }, () => 2 * stream.normal());
    const shape = { kind: 'classes', classes, steps } as const;
    const { sum, gradient } = run({ name }, steps, outputs, labels, { batch, shape });
    let expected = 0;
    labels.forEach((label, i) => {
      // One logit is the second of two, the first being 0.
      const logits = classes === 2 ? [0, outputs[i]] : Array.from(outputs.subarray(i * classes, (i + 1) * classes));
      const total = logits.reduce((all, z) => all + Math.exp(z), 0);
      expected -= Math.log(Math.exp(logits[label]) / total) / steps;
      const slopes = logits.map((z, c) => (Math.exp(z) / total - Number(c === label)) / (batch * steps));
      slopes.slice(-width).forEach((slope, c) => {
        assert.ok(Math.abs(gradient[i * width + c] - slope) < 1e-7, `${gradient[i * width + c]}, expected ${slope}`);
      });
    });
    assert.ok(Math.abs(sum - expected) < 1e-12 * (1 + expected), `${sum}, expected ${expected}`);
  }
});

test('both kernels give the same loss and gradient to the bit', () => {
  fc.assert(
    fc.property(cases, ({ loss, count, rows, batch, seed }) => {
      const { outputs, labels } = draw(loss, count, rows, seed);
      assert.deepEqual(
        run(loss, count, outputs, labels, { batch, source: twinKernels }),
        run(loss, count, outputs, labels, { batch }),
      );
    }),
  );
});

test('an output that meets its label has no gradient, a Huber loss beyond delta that of delta', () => {
  const at = (loss: LossSettings, z: number) => run(loss, 1, Float32Array.of(z), Float32Array.of(1)).gradient[0];
  for (const loss of [{ name: 'mse' }, { name: 'huber', delta: 2 }, { name: 'quantile', levels: [0.9] }] as const) {
    assert.equal(Math.abs(at(loss, 1)), 0);
  }
  assert.equal(at({ name: 'huber', delta: 2 }, 100), 2);
  assert.equal(at({ name: 'huber', delta: 2 }, -100), -2);
});

test('the level that a quantile loss names is where its minimum lies', () => {
  const labels = Float32Array.from({ length: 1000 }, (_, i) => (i * 377) % 1000);
  for (const level of [0.1, 0.5, 0.75]) {
    const sums = Array.from(
      { length: 1000 },
      (_, z) => run({ name: 'quantile', levels: [level] }, 1, new Float32Array(1000).fill(z), labels).sum,
    );
    const best = sums.indexOf(Math.min(...sums));
    assert.ok(Math.abs(best - 1000 * level) <= 1, `${level}: ${best}`);
  }
});
