import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { accuracyOf, federate, flambyCentres, heartFolder, heartTask, meanAccuracy } from './heart.ts';

interface Reference {
  inits: Record<string, { w: number[]; b: number }>;
  runs: {
    seed: number;
    mode: string;
    lr: number;
    serverLr: number | null;
    batches: number[][][];
    weightsAfterRound: number[][];
    testAccuracyPerCentre: number[];
  }[];
}

const skip = heartFolder === null ? 'needs PARLEY_DATA_DIR' : false;
const folder = heartFolder ?? '';
const reference = (): Reference => JSON.parse(readFileSync(join(folder, 'flamby_reference.json'), 'utf8'));
const initialOf = ({ w, b }: { w: number[]; b: number }) => Float32Array.from([...w, b]);
const updatesPerRound = 100;

for (const mode of ['avg', 'yogi']) {
  test(`with FLamby's first weights and minibatches, ${mode} has FLamby's weights after each round`, {
    skip,
  }, async () => {
    const { runs, inits } = reference();
    const run = runs.find(r => r.mode === mode);
    assert.ok(run);
    const adaptive = { optimizer: 'fedyogi', learningRate: run.serverLr, beta1: 0.9, beta2: 0.999, tau: 1e-8 };
    const task = heartTask({
      training: {
        optimizer: { name: 'sgd', learningRate: run.lr },
        batchSize: 4,
        amount: { unit: 'steps', count: updatesPerRound },
      },
      server: mode === 'avg' ? { optimizer: 'fedavg' } : adaptive,
    });
    const { after, evaluations } = await federate({
      task,
      centres: flambyCentres(folder),
      initial: initialOf(inits[run.seed]),
      seedOf: () => new Uint8Array(32),
      batches: (centre, round, step) => run.batches[centre][(round - 1) * updatesPerRound + step - 1],
    });
    assert.equal(after.length, 15);
    after.forEach((weights, round) => {
      const expected = run.weightsAfterRound[round];
      assert.equal(weights.length, expected.length);
      const difference = Math.max(...expected.map((w, i) => Math.abs(w - weights[i])));
      assert.ok(difference < 1e-5, `round ${round + 1} differs by ${difference}`);
    });
    assert.deepEqual(evaluations.map(accuracyOf), run.testAccuracyPerCentre);
  });
}

test("over FLamby's five first weights FedAvg at its settings reaches its mean-of-centres accuracy", {
  skip,
}, async () => {
  const accuracies: number[] = [];
  for (const [seed, init] of Object.entries(reference().inits)) {
    const { evaluations } = await federate({
      task: heartTask(),
      centres: flambyCentres(folder),
      initial: initialOf(init),
      seedOf: (centre, round) => new Uint8Array(32).fill(Number(seed)).fill(centre, 0, 1).fill(round, 1, 2),
    });
    accuracies.push(meanAccuracy(evaluations));
  }
  const mean = accuracies.reduce((a, b) => a + b) / accuracies.length;
  assert.equal(accuracies.length, 5);
  assert.ok(Math.abs(mean - 0.685) <= 0.01, `${mean} from ${accuracies.join(', ')}`);
});
