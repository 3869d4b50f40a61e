import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Dataset } from '../../../src/core/data/dataset.ts';
import type { GradientWorkers } from '../../../src/core/learning/gradient-workers.ts';
import { type NetworkSettings, partRows } from '../../../src/core/learning/network.ts';
import { PartWorker } from '../../../src/core/learning/part-worker.ts';
import { sumScale } from '../../../src/core/learning/private-sum.ts';
import { inputWidth, labelWidth } from '../../../src/core/learning/shape.ts';
import { twinKernels } from '../../../src/core/math/kernels/twin.ts';
import { gridOf } from '../../../src/core/privacy/plan.ts';
import { distance, example, length, run } from './layer-run.ts';
import { oddNetworks } from './odd-networks.ts';
import { planOf, privacyOf, privateSum } from './private-example.ts';

const awkward = [0, -0, 1, -1, 1e-3, 1e-45, -1e-39, 1e20, -3e38, 3e38, Infinity, -Infinity, Number.NaN];
const names = Object.keys(oddNetworks);

interface World {
  readonly name: string;
  readonly data: Dataset;
  readonly parameters: Float32Array;
  /** The row that is there or not. */
  readonly row: number;
  readonly clipNorm: number;
  readonly seed: number;
}

/** Rows drawn from a seed, some of them awkward, more than one part of them; parameters up to far beyond what training gives. */
const worlds: fc.Arbitrary<World> = fc
  .record({
    name: fc.constantFrom(...names),
    rows: fc.constantFrom(1, 2, 5, 40, 70),
    seed: fc.nat(1000),
    row: fc.nat(),
    spoilt: fc.array(fc.tuple(fc.nat(), fc.constantFrom(...awkward)), { maxLength: 12 }),
    labels: fc.array(fc.tuple(fc.nat(), fc.constantFrom(...awkward)), { maxLength: 4 }),
    isDuplicate: fc.boolean(),
    magnitude: fc.constantFrom(0, 1e-20, 1e-3, 1, 1, 1, 100, 1e10),
    clipNorm: fc.constantFrom(1, 1, 1e-3, 50, 1e12, 1e-12),
  })
  .map(({ name, rows, seed, spoilt, labels, isDuplicate, magnitude, clipNorm, row }) => {
    const { input, output } = oddNetworks[name].shape;
    const of = example(oddNetworks[name], rows, seed % 256);
    const at = row % rows;
    if (input.kind !== 'tokens') for (const [place, value] of spoilt) of.features[place % of.features.length] = value;
    if (output.kind === 'numbers') for (const [place, value] of labels) of.labels[place % of.labels.length] = value;
    const widths = [inputWidth(input), labelWidth(output)];
    if (isDuplicate) {
      of.features.copyWithin(at * widths[0], 0, widths[0]);
      of.labels.copyWithin(at * widths[1], 0, widths[1]);
    }
    return {
      name,
      data: { rows, width: widths[0], features: of.features, labelWidth: widths[1], labels: of.labels },
      parameters: of.parameters.map(p => p * magnitude),
      row: at,
      clipNorm,
      seed,
    };
  });

const everyRow = ({ data }: World) => Array.from({ length: data.rows }, (_, i) => i);
const sumOf = ({ name, data, parameters, clipNorm, seed }: World, rows: readonly number[], options: object = {}) =>
  privateSum(oddNetworks[name], data, rows, parameters, { clipNorm, seed, ...options });

test('with the same randomness, one row moves the sum on the grid by no more than the sensitivity of the plan', async () => {
  await fc.assert(
    fc.asyncProperty(worlds, async world => {
      const all = everyRow(world);
      const [with_, without] = [
        await sumOf(world, all),
        await sumOf(
          world,
          all.filter(row => row !== world.row),
        ),
      ];
      const moved = distance(with_.steps, without.steps);
      assert.ok(
        moved <= with_.grid.sensitivitySteps,
        `${world.name}: ${moved} of ${with_.grid.sensitivitySteps} steps`,
      );
      assert.ok(with_.sum.every(Number.isFinite));
    }),
    { numRuns: 150 },
  );
});

test('a private sum is that of the rows’ own gradients, each taken by itself and clipped over all layers', async () => {
  for (const name of names) {
    const network = oddNetworks[name];
    if (network.layers.some(layer => layer.type === 'dropout')) continue;
    const of = example(network, 70, 4);
    const { input, output } = network.shape;
    const [width, known] = [inputWidth(input), labelWidth(output)];
    const data = { rows: 70, width, features: of.features, labelWidth: known, labels: of.labels };
    const gradients = Array.from({ length: 70 }, (_, row) => run(of, [row], 'sum').gradient);
    const clipNorm = gradients.map(length).sort((a, b) => a - b)[35];
    const expected = new Float64Array(of.parameters.length);
    for (const gradient of gradients) {
      const weight = Math.min(1, clipNorm / length(gradient));
      gradient.forEach((g, i) => {
        expected[i] += weight * g;
      });
    }
    const all = Array.from({ length: 70 }, (_, row) => row);
    const { sum, unitNorm } = await privateSum(network, data, all, of.parameters, { clipNorm });
    const error = distance(
      sum.map(x => (x / unitNorm) * clipNorm),
      expected,
    );
    assert.ok(error < 1e-4 * clipNorm, `${name}: ${error / clipNorm}`);
  }
});

test('clipped gradients are shorter in steps than the grid of the plan has them, by a part in 2^49 at most', () => {
  for (const z of [0.01, 0.3, 0.7, 1, 1.1, 2, 2.5, 1000]) {
    const plan = planOf(oddNetworks.logistic, privacyOf(), 20);
    const { grid, unitNorm } = sumScale(plan, z);
    const planned = gridOf(plan, z, 1);
    assert.equal(Math.log2(grid.step) % 1, 0);
    assert.ok(unitNorm >= 2 ** 40 * (1 - 2 ** -49) && unitNorm < 2 ** 41, String(unitNorm));
    assert.deepEqual({ ...grid, step: 0 }, { ...gridOf(plan, z, 2 ** 40), step: 0 });
    const [present, bound] = [unitNorm / grid.step, 1 / planned.step];
    assert.ok(present < bound && present > bound * (1 - 2 ** -49), `${z}: ${present} of ${bound}`);
  }
});

test('a row that is clipped moves the sum by nearly all of the sensitivity', async () => {
  const of = example(oddNetworks.logistic, 1, 1);
  const data = { rows: 1, width: 13, features: of.features.map(x => x * 1e4), labelWidth: 1, labels: of.labels };
  const world = { name: 'logistic', data, parameters: of.parameters.fill(0), row: 0, clipNorm: 1, seed: 1 };
  const [with_, without] = [await sumOf(world, [0]), await sumOf(world, [])];
  const { sensitivitySteps, step } = with_.grid;
  const moved = distance(with_.steps, without.steps);
  assert.ok(moved > (0.98 * with_.unitNorm) / step && moved <= sensitivitySteps, `${moved} of ${sensitivitySteps}`);
});

test('what a row adds to the sum is the same bits whichever rows are beside it, and never longer than the unit', async () => {
  await fc.assert(
    fc.asyncProperty(worlds, fc.nat(80), async (world, others) => {
      const { data, name } = world;
      const { sum, unitNorm } = await sumOf(world, [world.row]);
      assert.ok(length(sum) <= unitNorm * (1 + 4 * 2 ** -24), `${name}: ${length(sum) / unitNorm}`);
      // The others are left out: what they look at is not finite.
      const features = new Float32Array((others + 1) * data.width).fill(Number.NaN);
      if (oddNetworks[name].shape.input.kind === 'tokens') return;
      const place = world.seed % (others + 1);
      features.set(
        (data.features as Float32Array).subarray(world.row * data.width).subarray(0, data.width),
        place * data.width,
      );
      const labels = new Float32Array((others + 1) * data.labelWidth);
      labels.set(
        data.labels.subarray(world.row * data.labelWidth).subarray(0, data.labelWidth),
        place * data.labelWidth,
      );
      const among = { ...world, data: { ...data, rows: others + 1, features, labels } };
      if (oddNetworks[name].layers.some(layer => layer.type === 'dropout')) return;
      assert.deepEqual((await sumOf(among, everyRow(among))).sum, sum);
    }),
    { numRuns: 100 },
  );
});

test('a row whose positions cancel but for their rounding, or lose bits below what float32 holds, is no longer than the unit', async () => {
  for (let seed = 0; seed < 50; seed++) {
    const of = example(oddNetworks.positions, 1, seed);
    // The first two positions see nearly the same and are weighed against each other, the third does not count.
    const top = of.parameters.length - 22;
    for (let i = 0; i < 5; i++) of.features[5 + i] = of.features[i] * (1 + 2 ** -21);
    for (let i = 0; i < 7; i++) {
      of.parameters[top + 7 + i] = -of.parameters[top + i];
      of.parameters[top + 14 + i] = 0;
    }
    const data = { rows: 1, width: 15, features: of.features, labelWidth: 1, labels: of.labels };
    // Without the gradient of the upper layer, which is longer: a huge weight makes that of the lower one count.
    const parameters = of.parameters.map((p, i) => (i >= top ? 1e6 * p : p));
    const { sum, unitNorm } = await privateSum(of.network, data, [0], parameters);
    assert.ok(length(sum) <= unitNorm * (1 + 4 * 2 ** -24), String(length(sum) / unitNorm));
  }
  for (const [layer, labels] of [
    [oddNetworks.quantiles, [1, 2]],
    [oddNetworks.logistic, [1]],
  ] as const) {
    const of = example(layer, 1, 1);
    const data = { rows: 1, width: of.features.length, features: of.features.fill(3e38), labelWidth: labels.length };
    const known = { ...data, labels: Float32Array.from(labels) };
    const { sum, unitNorm } = await privateSum(of.network, known, [0], of.parameters.fill(0));
    const part = length(sum) / unitNorm;
    assert.ok(part <= 1 + 4 * 2 ** -24 && part > 1 - 2 ** -20, String(part));
  }
});

test('a row has the same masks whichever rows are in its batch', async () => {
  const network = oddNetworks.mlp;
  const of = example(network, 104, 5);
  // The last 64 rows are left out, and fill a part of their own.
  of.features.fill(Number.NaN, 40 * 13);
  const data = { rows: 104, width: 13, features: of.features, labelWidth: 1, labels: of.labels };
  const sum = async (rows: readonly number[]) => (await privateSum(network, data, rows, of.parameters)).sum;
  const [together, first, second] = [await sum([7, 21]), await sum([7]), await sum([21])];
  assert.deepEqual(
    together,
    first.map((x, i) => Math.fround(x + second[i])),
  );
  assert.notDeepEqual(first, await sum([8]));
  assert.equal(partRows(network.layers), 64);
  const leftOut = Array.from({ length: 64 }, (_, i) => 40 + i);
  assert.deepEqual(await sum([...leftOut, 21]), second);
});

test('SIMD kernels, twin and threads give the same private sums, noise included', async () => {
  const crew = [0, 1].map(() => new PartWorker());
  const workers: GradientWorkers = { count: 2, ask: async (worker, request) => crew[worker].answer(request) };
  for (const name of names) {
    const of = example(oddNetworks[name], 70, 3);
    const { input, output } = of.network.shape;
    const [width, known] = [inputWidth(input), labelWidth(output)];
    const data = { rows: 70, width, features: of.features, labelWidth: known, labels: of.labels };
    const world = { name, data, parameters: of.parameters, row: 0, clipNorm: 0.5, seed: 2 };
    const all = everyRow(world);
    const alone = await sumOf(world, all);
    assert.deepEqual(await sumOf(world, all, { source: twinKernels }), alone);
    assert.deepEqual(await sumOf(world, all, { workers }), alone);
  }
});

test('sums round within the slack of the plan, also where every addition errs to the same side', async () => {
  // One linear output and labels of 2: the gradient of a row is −(x, 1), clipped.
  const network: NetworkSettings = {
    layers: [{ type: 'dense', inputs: 1, outputs: 1, positions: 1, activation: 'none' }],
    shape: { input: { kind: 'vector', width: 1 }, output: { kind: 'numbers', count: 1 } },
    loss: { name: 'mse' },
  };
  const batchSize = 2000;
  const { mostRows, sumSlack } = planOf(network, privacyOf(), batchSize);
  const data = {
    rows: mostRows,
    width: 1,
    features: new Float32Array(mostRows).fill(1e6),
    labelWidth: 1,
    labels: new Float32Array(mostRows).fill(1e6),
  };
  let worst = 0;
  for (let i = 0; i < 40; i++) {
    // Weights that make other mantissas of the clipped gradient.
    data.features.fill(3 + i / 7);
    const parameters = Float32Array.of(0, 0);
    const one = await privateSum(network, data, [0], parameters, { batchSize });
    const all = await privateSum(
      network,
      data,
      Array.from(data.features, (_, row) => row),
      parameters,
      { batchSize },
    );
    const error =
      distance(
        all.sum,
        one.sum.map(x => mostRows * x),
      ) / all.unitNorm;
    worst = Math.max(worst, error);
    assert.ok(error <= sumSlack / 2, `${error} of ${sumSlack}`);
  }
  assert.ok(worst > sumSlack / 30, `the bound ${sumSlack} is far from ${worst}`);
});
