import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Dataset } from '../../../src/core/data/dataset.ts';
import { evaluateNetwork } from '../../../src/core/learning/evaluate-network.ts';
import { taskNetwork } from '../../../src/core/learning/model.ts';
import { networkManifest } from '../../../src/core/learning/network-parameters.ts';
import { parameterCount } from '../../../src/core/learning/parameters.ts';
import { RandomStream } from '../../../src/core/math/random.ts';
import { parseTask } from '../../../src/core/protocol/task.ts';

const text = {
  format: 'text',
  alphabet: 'abcdefghijklm',
  window: 5,
  split: { type: 'tail', trainFraction: 0.5 },
};
const images = {
  format: 'images',
  height: 3,
  width: 2,
  target: { type: 'classes', classes: ['x', 'y', 'z'] },
  split: { type: 'files' },
};

function network(data: object, model: object) {
  const task = parseTask({
    parley: 1,
    name: 'test',
    seed: 1,
    data,
    model,
    training: { optimizer: { name: 'sgd', learningRate: 0.1 }, batchSize: 4, amount: { unit: 'epochs', count: 1 } },
    rounds: 1,
    cohort: { minimum: 1 },
    server: { optimizer: 'fedavg' },
    aggregation: { rule: 'mean' },
    protection: 'inspect',
    privacy: 'none',
  });
  return taskNetwork(task);
}

test('a network is evaluated part by part to the same bits as at once, rows left over included', async () => {
  const stream = new RandomStream(new Uint8Array(32));
  const rows = 23;
  const labels = (count: number, classes: number) => Float32Array.from({ length: count }, () => stream.below(classes));
  const cases: [ReturnType<typeof network>, Dataset][] = [
    [
      network(text, { name: 'gru', hidden: 4, embedding: 3 }),
      { rows, width: 5, features: labels(rows * 5, 13), labelWidth: 5, labels: labels(rows * 5, 13) },
    ],
    [
      network(images, { name: 'mlp', hidden: [4] }),
      {
        rows,
        width: 6,
        features: {
          bytes: Uint8Array.from({ length: rows * 6 }, () => stream.below(256)),
          values: Float32Array.from({ length: 256 }, (_, byte) => byte / 255),
        },
        labelWidth: 1,
        labels: labels(rows, 3),
      },
    ],
  ];
  for (const [of, data] of cases) {
    const parameters = Float32Array.from({ length: parameterCount(networkManifest(of.layers)) }, () => stream.normal());
    const whole = await evaluateNetwork(of, parameters, data, null, {});
    assert.equal(whole.examples, data.labels.length);
    for (const most of [1, 200, 7 * 65]) {
      assert.deepEqual(await evaluateNetwork(of, parameters, data, null, {}, most), whole);
    }
    const none = { ...data, rows: 0, features: new Float32Array(0), labels: new Float32Array(0) };
    assert.equal((await evaluateNetwork(of, parameters, none, null, {}, 1)).examples, 0);
  }
});
