import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Dataset, SiteData } from '../../../src/core/data/dataset.ts';
import type { GradientWorkers } from '../../../src/core/learning/gradient-workers.ts';
import { createTrainer, type TrainerOptions } from '../../../src/core/learning/local-trainer.ts';
import { PartWorker } from '../../../src/core/learning/part-worker.ts';
import { trainPrivately } from '../../../src/core/learning/private-run.ts';
import type { PrivateStep } from '../../../src/core/learning/private-training.ts';
import { RandomStream } from '../../../src/core/math/random.ts';
import { gridOf, type Plan, planOfTask } from '../../../src/core/privacy/plan.ts';
import { UserError } from '../../../src/core/protocol/problem.ts';
import { parseTask, type Task } from '../../../src/core/protocol/task.ts';
import { distance } from './layer-run.ts';
import { seededBytes } from './private-example.ts';

const width = 40;
const seed = new Uint8Array(32).fill(9);

function siteOf(rows: number, value?: number): SiteData {
  const stream = new RandomStream(seed);
  const train: Dataset = {
    rows,
    width,
    features: Float32Array.from({ length: rows * width }, () => value ?? stream.normal()),
    labelWidth: 1,
    labels: Float32Array.from({ length: rows }, () => stream.below(3)),
  };
  return { train, test: train, featureNames: [], classes: 3, scaler: null, droppedRows: 0 };
}

interface Changes {
  readonly model?: object;
  readonly training?: object;
  readonly privacy?: object | 'none';
  readonly rounds?: number;
  readonly sequence?: object | null;
}

function taskOf({ model, training, privacy, rounds = 1, sequence = null }: Changes = {}): Task {
  return parseTask({
    parley: 1,
    name: 'test',
    seed: 1,
    data: {
      format: 'csv',
      header: true,
      onMissing: 'refuse',
      columns: [
        ...Array.from({ length: width }, (_, i) => ({ name: `x${i}`, type: 'number' })),
        { name: 'y', type: 'target' },
      ],
      target: { type: 'classes', classes: ['a', 'b', 'c'] },
      standardise: 'none',
      sequence,
      split: { type: 'hash', trainFraction: 0.5, seed: 1 },
    },
    model: model ?? { name: 'mlp', hidden: [30], dropout: 0.2 },
    training: {
      optimizer: { name: 'sgd', learningRate: 0.5 },
      batchSize: 20,
      amount: { unit: 'steps', count: 5 },
      ...training,
    },
    rounds,
    cohort: { minimum: 1 },
    server: { optimizer: 'fedavg' },
    aggregation: { rule: 'mean', weightBy: 'uniform' },
    protection: 'inspect',
    privacy:
      privacy === 'none'
        ? 'none'
        : {
            mechanism: 'dp-sgd',
            unit: 'record',
            relation: 'add-remove',
            noiseAt: 'client',
            clipNorm: 0.5,
            sampling: { poisson: 0.1 },
            noiseMultiplier: 2,
            delta: 1e-4,
            budget: { epsilon: 1000 },
            ...privacy,
          },
  });
}

function planned(task: Task): Plan {
  const plan = planOfTask(task);
  assert.ok(plan !== null);
  return plan;
}

const optionsOf = (task: Task, bytes = 1): TrainerOptions => ({
  privacy: { plan: planned(task), randomBytes: seededBytes(bytes), noiseMultiplier: () => 2 },
});
const first = (task: Task) => new Float32Array(planned(task).dimension).fill(0.01);

/** The steps of a run, copied. */
async function stepsOf(task: Task, site: SiteData, bytes = 1): Promise<PrivateStep[]> {
  const steps: PrivateStep[] = [];
  await trainPrivately(task, site, {
    plan: planned(task),
    randomBytes: seededBytes(bytes),
    parameters: first(task),
    onStep: step => steps.push({ ...step, gradient: step.gradient.slice() }),
  });
  return steps;
}

test('a private result says nothing but its parameters: one example, the public number of steps, no loss', async () => {
  const task = taskOf();
  for (const rows of [0, 3, 200]) {
    const trainer = createTrainer(task, siteOf(rows), optionsOf(task));
    const { parameters, ...rest } = await trainer.train({ parameters: first(task), round: 1, seed });
    assert.deepEqual(rest, { examples: 1, steps: 5, loss: null });
    assert.ok(parameters.every(Number.isFinite));
  }
});

test('every step has the noise of its multiplier on the grid, also where the batch is empty, and new noise in every step and run', async () => {
  // Features of 0 teach the first layer nothing: what its weights get is noise.
  const task = taskOf({ training: { amount: { unit: 'steps', count: 40 } }, privacy: { sampling: { poisson: 0.01 } } });
  const { step } = gridOf(planned(task), 2, 0.5);
  const weights = width * 30;
  const [steps, others] = [await stepsOf(task, siteOf(60, 0), 1), await stepsOf(task, siteOf(60, 0), 2)];
  assert.ok(steps.some(({ rows }) => rows.length === 0) && steps.some(({ rows }) => rows.length > 0));
  const noise = steps.map(({ gradient }) => Array.from(gradient.subarray(0, weights), g => g * 20));
  for (const [i, values] of noise.entries()) {
    const variance = values.reduce((sum, z) => sum + z * z, 0) / weights;
    assert.ok(Math.abs(variance / (2 * 0.5) ** 2 - 1) < 5 * Math.sqrt(2 / weights), `step ${i}: ${variance}`);
    assert.ok(values.every(z => Math.abs(z / step - Math.round(z / step)) < 1e-2));
    for (const other of [noise[i + 1], others.map(({ gradient }) => Array.from(gradient, g => g * 20))[i]]) {
      if (other === undefined) continue;
      const product = values.reduce((sum, z, j) => sum + z * other[j], 0) / weights;
      assert.ok(Math.abs(product) < 5 / Math.sqrt(weights), `step ${i}: correlation ${product}`);
    }
  }
});

test('batches are those of the random bytes, each of its own', async () => {
  const task = taskOf({ training: { amount: { unit: 'steps', count: 200 } } });
  const sizes = (await stepsOf(task, siteOf(200))).map(({ rows }) => rows.length);
  const mean = sizes.reduce((sum, size) => sum + size, 0) / sizes.length;
  assert.ok(Math.abs(mean - 20) < 5 * Math.sqrt(18 / 200), String(mean));
  const batches = (await stepsOf(taskOf(), siteOf(200))).map(({ rows }) => String(rows));
  assert.equal(new Set(batches).size, batches.length);
  assert.notDeepEqual(
    (await stepsOf(taskOf(), siteOf(200), 2)).map(({ rows }) => String(rows)),
    batches,
  );
});

test('the seed of the request plays no part', async () => {
  const task = taskOf();
  const train = async (requestSeed: Uint8Array, bytes: number) =>
    (
      await createTrainer(task, siteOf(150), optionsOf(task, bytes)).train({
        parameters: first(task),
        round: 1,
        seed: requestSeed,
      })
    ).parameters;
  const other = new Uint8Array(32).fill(77);
  assert.deepEqual(await train(other, 1), await train(seed, 1));
  assert.notDeepEqual(await train(seed, 2), await train(seed, 1));
});

test('a private gradient is the sum of the rows’ gradients over the constant of the task, and noise on it', async () => {
  const batchSize = 100;
  const training = { batchSize, amount: { unit: 'steps', count: 1 } };
  const model = { name: 'logistic' };
  const site = siteOf(80);
  // No gradient is longer than 8.
  const privacy = { clipNorm: 8, sampling: 'all', noiseMultiplier: 0.1, budget: { epsilon: 1e6 } };
  const task = taskOf({ model, training, privacy });
  const parameters = first(task);
  const plain = createTrainer(taskOf({ model, training, privacy: 'none' }), site);
  const stepped = (await plain.train({ parameters, round: 1, seed })).parameters;
  // The step of SGD is 0.5 × the mean over 80 rows; the private sum is divided by 100.
  const expected = stepped.map((w, i) => ((parameters[i] - w) / 0.5) * (80 / batchSize));
  const [{ gradient }] = await stepsOf(task, site);
  const noise = distance(gradient, expected) / Math.sqrt(expected.length);
  const deviation = (0.1 * 8) / batchSize;
  assert.ok(noise < 1.3 * deviation && noise > 0.7 * deviation, `${noise} of ${deviation}`);
  assert.ok(distance(gradient, new Float32Array(gradient.length)) > 3 * distance(gradient, expected));
});

test('threads give the same bytes from the same random bytes', async () => {
  const training = { batchSize: 250, amount: { unit: 'steps', count: 3 } };
  const privacy = { sampling: 'all' };
  const crew = [0, 1, 2].map(() => new PartWorker());
  const workers: GradientWorkers = { count: 3, ask: async (worker, request) => crew[worker].answer(request) };
  for (const task of [
    taskOf({ training, privacy }),
    taskOf({ training, privacy, model: { name: 'gru', hidden: 6 }, sequence: { steps: 8 } }),
  ]) {
    const run = { plan: planned(task), parameters: first(task) };
    const alone = await trainPrivately(task, siteOf(250), { ...run, randomBytes: seededBytes(4) });
    assert.deepEqual(await trainPrivately(task, siteOf(250), { ...run, randomBytes: seededBytes(4), workers }), alone);
  }
});

test('the masks of dropout are drawn from the random bytes too', async () => {
  const result = async (isOther: boolean) => {
    const source = seededBytes(1);
    let isFirst = true;
    // Every row is in every batch: what is drawn first, for the whole round, is the key of the masks.
    const randomBytes = (bytes: Uint8Array<ArrayBuffer>) => {
      source(bytes);
      if (isOther && isFirst) bytes[0] ^= 1;
      isFirst = false;
    };
    const task = taskOf({ training: { batchSize: 150 }, privacy: { sampling: 'all' } });
    return trainPrivately(task, siteOf(150), { plan: planned(task), randomBytes, parameters: first(task) });
  };
  assert.deepEqual(await result(false), await result(false));
  assert.notDeepEqual(await result(true), await result(false));
});

test('where the generator fails nothing comes of the round, whenever it fails', async () => {
  const task = taskOf();
  for (let calls = 0; calls < 9; calls++) {
    let left = calls;
    const source = seededBytes(1);
    const seen: PrivateStep[] = [];
    const randomBytes = (bytes: Uint8Array<ArrayBuffer>) => {
      if (left-- === 0) throw new Error('no entropy');
      source(bytes);
    };
    const run = { plan: planned(task), randomBytes, onStep: (step: PrivateStep) => seen.push(step) };
    await assert.rejects(trainPrivately(task, siteOf(100), run), /no entropy/);
    assert.ok(seen.length < 5);
  }
});

test('a private task cannot be trained without a plan of its own, random bytes and its noise', async () => {
  const task = taskOf();
  const site = siteOf(100);
  assert.throws(() => createTrainer(task, site), TypeError);
  assert.throws(() => createTrainer(taskOf({ privacy: 'none' }), site, optionsOf(task)), TypeError);
  for (const changes of [
    { rounds: 2 },
    { privacy: { noiseMultiplier: 3 } },
    { privacy: { sampling: { poisson: 0.05 } } },
    { training: { batchSize: 30 } },
    { model: { name: 'mlp', hidden: [31] } },
  ]) {
    assert.throws(() => createTrainer(task, site, optionsOf(taskOf(changes))), RangeError);
  }
  const privacy = { plan: planned(task), randomBytes: seededBytes(1) };
  const request = { parameters: first(task), round: 1, seed };
  await assert.rejects(createTrainer(task, site, { privacy }).train(request), TypeError);
  const told = await createTrainer(task, site, { privacy }).train({ ...request, noiseMultiplier: 2 });
  assert.equal(told.loss, null);
});

test('a site whose rows do not fit the task refuses it: batches too long for the constant, or δ no less than one over the rows', () => {
  const task = taskOf();
  const trainer = (rows: number, of = task) => createTrainer(of, siteOf(rows), optionsOf(of));
  trainer(200);
  assert.throws(
    () => trainer(201),
    (error: unknown) =>
      error instanceof UserError && error.message.includes('201') && error.message.startsWith('privacy.sampling'),
  );
  const loose = taskOf({ privacy: { delta: 0.01, sampling: { poisson: 0.1 } } });
  trainer(99, loose);
  assert.throws(
    () => trainer(100, loose),
    (error: unknown) => error instanceof UserError && error.message.startsWith('privacy.delta'),
  );
});
