import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  applyServerOptimizer,
  initialServerState,
  type ServerState,
  serverStateFromBytes,
  serverStateToBytes,
} from '../../../src/core/aggregation/server-optimizer.ts';
import { WeightedSum } from '../../../src/core/aggregation/weighted-mean.ts';
import type { ServerSettings } from '../../../src/core/protocol/task.ts';

const adaptive = { learningRate: 0.1, beta1: 0.9, beta2: 0.99, tau: 1e-3 };
const all: ServerSettings[] = [
  { optimizer: 'fedavg', learningRate: 1, momentum: 0 },
  { optimizer: 'fedavg', learningRate: 0.5, momentum: 0.9 },
  { optimizer: 'fedadam', ...adaptive },
  { optimizer: 'fedyogi', ...adaptive },
  { optimizer: 'fedadagrad', ...adaptive, beta1: 0 },
];

/** Reddi et al. 2021, Algorithm 2, one coordinate, written down anew: the oracle. */
function algorithm2(settings: ServerSettings, deltas: readonly number[], start: number): number[] {
  let [x, m, v] = [start, 0, 0];
  return deltas.map(delta => {
    if (settings.optimizer === 'fedavg') {
      m = settings.momentum * m + delta;
      x = Math.fround(x + settings.learningRate * m);
      return x;
    }
    const square = delta ** 2;
    m = settings.beta1 * m + (1 - settings.beta1) * delta;
    if (settings.optimizer === 'fedadagrad') v += square;
    else if (settings.optimizer === 'fedadam') v = settings.beta2 * v + (1 - settings.beta2) * square;
    else v -= (1 - settings.beta2) * square * Math.sign(v - square);
    x = Math.fround(x + (settings.learningRate * m) / (Math.sqrt(v) + settings.tau));
    return x;
  });
}

test('every server optimiser follows its published recursion, coordinate by coordinate', () => {
  const delta = fc.float({ min: -2, max: 2, noNaN: true });
  fc.assert(
    fc.property(
      fc.constantFrom(...all),
      fc.array(fc.tuple(delta, delta), { minLength: 1, maxLength: 8 }),
      (settings, rounds) => {
        let parameters: Float32Array = Float32Array.of(0.25, -1);
        let state = initialServerState(settings, 2);
        const expected = [0, 1].map(i =>
          algorithm2(
            settings,
            rounds.map(round => round[i]),
            parameters[i],
          ),
        );
        rounds.forEach((round, r) => {
          ({ parameters, state } = applyServerOptimizer(settings, state, parameters, Float32Array.from(round)));
          assert.deepEqual([...parameters], [expected[0][r], expected[1][r]]);
        });
      },
    ),
  );
});

test('FedAvg at learning rate 1 adds the mean difference', () => {
  const { parameters, state } = applyServerOptimizer(
    all[0],
    initialServerState(all[0], 2),
    Float32Array.of(1, 2),
    Float32Array.of(0.5, -2),
  );
  assert.deepEqual(parameters, Float32Array.of(1.5, 0));
  assert.equal(serverStateToBytes(state).length, 0);
});

test('the state survives its bytes exactly, and training goes on from them as if nothing had happened', () => {
  for (const settings of all) {
    const delta = Float32Array.of(0.1, -0.7, 0);
    const first = applyServerOptimizer(settings, initialServerState(settings, 3), new Float32Array(3), delta);
    const bytes = serverStateToBytes(first.state);
    const restored = serverStateFromBytes(settings, 3, bytes);
    assert.deepEqual(restored, first.state);
    assert.deepEqual(
      applyServerOptimizer(settings, restored, first.parameters, delta),
      applyServerOptimizer(settings, first.state, first.parameters, delta),
    );
    assert.deepEqual(serverStateFromBytes(settings, 3, null), initialServerState(settings, 3));
  }
});

test('a step leaves its arguments as they were', () => {
  for (const settings of all) {
    const state = initialServerState(settings, 2);
    const before = serverStateToBytes(state);
    const [global, delta] = [Float32Array.of(1, 2), Float32Array.of(3, 4)];
    applyServerOptimizer(settings, state, global, delta);
    assert.deepEqual([...global, ...delta], [1, 2, 3, 4]);
    assert.deepEqual(serverStateToBytes(state), before);
  }
});

test('a state or a difference of another length is refused', () => {
  for (const settings of all) {
    const state = initialServerState(settings, 2);
    assert.throws(() => applyServerOptimizer(settings, state, new Float32Array(2), new Float32Array(3)), RangeError);
    assert.throws(() => serverStateFromBytes(settings, 2, new Uint8Array(8)), RangeError);
    const other: ServerState = { first: new Float64Array(5), second: new Float64Array(5) };
    assert.throws(() => applyServerOptimizer(settings, other, new Float32Array(2), new Float32Array(2)), RangeError);
  }
});

const { PARLEY_VECTORS_DIR } = process.env;
const skip = PARLEY_VECTORS_DIR === undefined ? 'needs PARLEY_VECTORS_DIR' : false;

/** One case of flower.json: inputs and outputs of Flower 1.28. */
function flowerCase(id: string) {
  const { cases } = JSON.parse(readFileSync(join(PARLEY_VECTORS_DIR ?? '', 'flower.json'), 'utf8'));
  const found = cases.find((c: { id: string }) => c.id === id);
  assert.ok(found, id);
  return found;
}

function meanOf(updates: readonly (readonly number[])[], weights: readonly number[]): Float32Array {
  const sum = new WeightedSum(updates[0].length);
  updates.forEach((update, i) => {
    sum.add(Float32Array.from(update), 0, weights[i]);
  });
  return sum.mean(weights.reduce((a, b) => a + b));
}

test('FedAvgM agrees with Flower', { skip }, () => {
  const { input, expected, tol } = flowerCase('fedavgm-scalar');
  const settings: ServerSettings = { optimizer: 'fedavg', learningRate: input.server_lr, momentum: 0 };
  const deltas = input.updates.map((update: number) => [update - input.initial]);
  const global = Float32Array.of(input.initial);
  const { parameters } = applyServerOptimizer(
    settings,
    initialServerState(settings, 1),
    global,
    meanOf(deltas, input.weights),
  );
  assert.ok(Math.abs(parameters[0] - expected) < tol);
});

test('FedAdam agrees with Flower, once its bias correction is put into the learning rate', { skip }, () => {
  const { input, expected } = flowerCase('g-fedadam');
  const { eta, tau, beta_1: beta1, beta_2: beta2 } = input.params;
  let parameters: Float32Array = Float32Array.from(input.initial);
  let state = initialServerState({ optimizer: 'fedadam', learningRate: eta, beta1, beta2, tau }, parameters.length);
  const delta = meanOf(input.client_deltas_each_round, input.weights);
  expected.after_round.forEach((weights: number[], i: number) => {
    // Flower scales by √(1 − β2^(t+1)) / (1 − β1^(t+1)) in round t; Algorithm 2 does not.
    const power = i + 2;
    const learningRate = (eta * Math.sqrt(1 - beta2 ** power)) / (1 - beta1 ** power);
    const settings: ServerSettings = { optimizer: 'fedadam', learningRate, beta1, beta2, tau };
    ({ parameters, state } = applyServerOptimizer(settings, state, parameters, delta));
    // The case is float64 to 1e-9; parameters and differences here are float32.
    weights.forEach((w, j) => {
      assert.ok(Math.abs(parameters[j] - w) < 1e-7, `${parameters[j]}, expected ${w}`);
    });
  });
});

test('the weighted mean agrees with Flower', { skip }, () => {
  const { input, expected } = flowerCase('g-fedavg');
  const mean = meanOf(input.updates, input.weights);
  assert.deepEqual(mean, Float32Array.from(expected));
});
