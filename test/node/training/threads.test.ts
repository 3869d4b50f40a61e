import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { SiteData } from '../../../src/core/data/dataset.ts';
import { textSite } from '../../../src/core/data/text-site.ts';
import { createTrainer } from '../../../src/core/learning/local-trainer.ts';
import { taskParameters } from '../../../src/core/learning/model.ts';
import { TrainerFailure } from '../../../src/core/learning/trainer-failure.ts';
import { RandomStream } from '../../../src/core/math/random.ts';
import { parseTask, type Task } from '../../../src/core/protocol/task.ts';
import { startTrainingThreads, type TrainingThreads } from '../../../src/node/training/threads.ts';

const seed = new Uint8Array(32).fill(3);
const side = 8;
const width = side * side;
const crews: TrainingThreads[] = await Promise.all([0, 1, 3].map(count => startTrainingThreads(count)));
after(() => Promise.all(crews.map(crew => crew.close())));

function task(model: object, clip: object | null, sequence: object | null = null): Task {
  const images = { format: 'images', channels: 1, height: side, width: side };
  const table = {
    format: 'csv',
    header: true,
    onMissing: 'refuse',
    standardise: 'none',
    sequence,
    columns: [
      ...Array.from({ length: width }, (_, i) => ({ name: `x${i}`, type: 'number' })),
      { name: 'y', type: 'target' },
    ],
  };
  return parseTask({
    parley: 1,
    name: 'test',
    seed: 1,
    data: {
      ...('convolutions' in model ? images : table),
      target: { type: 'classes', classes: ['a', 'b', 'c'] },
      split: { type: 'stratified', trainFraction: 0.5, seed: 1 },
    },
    model,
    training: {
      optimizer: { name: 'momentum', learningRate: 0.05 },
      batchSize: 150,
      amount: { unit: 'epochs', count: 2 },
      clip,
    },
    rounds: 1,
    cohort: { minimum: 1 },
    server: { optimizer: 'fedavg' },
    aggregation: { rule: 'mean' },
    protection: 'inspect',
    privacy: 'none',
  });
}

function site(rows: number): SiteData {
  const stream = new RandomStream(seed);
  const train = {
    rows,
    width,
    features: Float32Array.from({ length: rows * width }, () => stream.normal()),
    labelWidth: 1,
    labels: Float32Array.from({ length: rows }, () => stream.below(3)),
  };
  return { train, test: train, featureNames: [], classes: 3, scaler: null, droppedRows: 0 };
}

const models: [string, object, object | null][] = [
  ['mlp', { name: 'mlp', hidden: [20], dropout: 0.3, norm: 'layer' }, null],
  ['cnn', { name: 'cnn', convolutions: [{ filters: 4, kernel: 3, stride: 2 }], norm: 'group', groups: 2 }, null],
  ['lstm', { name: 'lstm', hidden: 6 }, { steps: 8 }],
  ['gru', { name: 'gru', hidden: 6, layers: 2 }, { steps: 8 }],
];

for (const [name, model, sequence] of models) {
  for (const clip of [null, { norm: 0.1, per: 'batch' }, { norm: 0.1, per: 'example' }]) {
    const how = clip === null ? 'without clipping' : `clipped per ${clip.per}`;
    test(`one, two and four threads train the same ${name} to the byte, ${how}`, async () => {
      const of = task(model, clip, sequence);
      const parameters = taskParameters(of, seed);
      // Batches of 150 and 83 rows: several parts, the last one smaller.
      const data = site(233);
      const [one, two, four] = await Promise.all(
        crews.map(workers => createTrainer(of, data, { workers }).train({ parameters, round: 1, seed })),
      );
      assert.deepEqual(two, one);
      assert.deepEqual(four, one);
      assert.notDeepEqual(one.parameters, parameters);
      assert.deepEqual(await createTrainer(of, data).train({ parameters, round: 1, seed }), one);
    });
  }
}

test('one, two and four threads train the same gru on text to the byte, with and without clipping', async () => {
  const stream = new RandomStream(seed);
  const text = Array.from({ length: 6000 }, () => 'abc '[stream.below(4)]).join('');
  for (const clip of [null, { norm: 0.1, per: 'example' }]) {
    const plain = task({ name: 'mlp', hidden: [4] }, clip);
    const of = parseTask({
      ...plain,
      data: { format: 'text', alphabet: 'abc ', window: 12, split: { type: 'tail', trainFraction: 0.7 } },
      model: { name: 'gru', hidden: 6, embedding: 3 },
      training: { ...plain.training, loss: null },
    });
    assert.equal(of.data.format, 'text');
    const data = textSite(of.data, text, 'text');
    assert.ok(data.train.rows > of.training.batchSize);
    const parameters = taskParameters(of, seed);
    const [one, ...others] = await Promise.all(
      crews.map(workers => createTrainer(of, data, { workers }).train({ parameters, round: 1, seed })),
    );
    for (const other of others) assert.deepEqual(other, one);
    assert.notDeepEqual(one.parameters, parameters);
  }
});

test('a minibatch of many parts is dealt in several turns, in memory for a few gradients of each thread', async () => {
  const of = task({ name: 'mlp', hidden: [20] }, null);
  const parameters = taskParameters(of, seed);
  const large: Task = { ...of, training: { ...of.training, batchSize: 3000 } };
  const data = site(2900);
  const one = await createTrainer(large, data).train({ parameters, round: 1, seed });
  for (const workers of crews.slice(1)) {
    let held = 0;
    const watched: TrainingThreads = {
      ...workers,
      ask(worker, request) {
        if (request.kind === 'open') held = request.assignment.gradients.length / parameters.length;
        return workers.ask(worker, request);
      },
    };
    const shared = await createTrainer(large, data, { workers: watched }).train({ parameters, round: 1, seed });
    assert.deepEqual(shared, one);
    assert.ok(held > 0 && held <= 4 * (workers.count + 1), String(held));
  }
});

test('when a thread fails, this one is done with its parts before their memory is given back', async () => {
  const of = task({ name: 'mlp', hidden: [4096, 128] }, null);
  const parameters = taskParameters(of, seed);
  let pauses = 0;
  let isWorking = false;
  const failing: TrainingThreads = {
    count: 1,
    ask: async (_worker, { kind }) => {
      if (kind === 'learn') throw new Error('no memory left');
      return [];
    },
    close: async () => undefined,
  };
  const yieldNow = async () => {
    pauses++;
    isWorking = true;
    await new Promise(setImmediate);
    isWorking = false;
  };
  const long: Task = { ...of, training: { ...of.training, batchSize: 600 } };
  const trainer = createTrainer(long, site(600), { workers: failing, yieldNow });
  await assert.rejects(trainer.train({ parameters, round: 1, seed }), /no memory left/);
  assert.ok(pauses > 0);
  assert.equal(isWorking, false);
});

test('a thread that has ended fails the training that needs it', async () => {
  const crew = await startTrainingThreads(1);
  await crew.close();
  const of = task({ name: 'mlp', hidden: [4] }, null);
  const trainer = createTrainer(of, site(200), { workers: crew });
  await assert.rejects(
    trainer.train({ parameters: taskParameters(of, seed), round: 1, seed }),
    // The client declines the round for it.
    error => error instanceof TrainerFailure && /has ended/.test(error.message),
  );
});

test('what fails in a thread fails where it was asked, and the thread goes on', async () => {
  const [, crew] = crews;
  const batch = { rows: [0], step: 1 };
  await assert.rejects(crew.ask(0, { kind: 'learn', round: 999, batch, firsts: [0], slots: [0] }), /is not open/);
  assert.deepEqual(await crew.ask(0, { kind: 'close', round: 999 }), []);
});

test('a training that fails or is aborted on this thread leaves the others whole, and nothing unhandled', async () => {
  const [, , crew] = crews;
  const of = task({ name: 'mlp', hidden: [20] }, null);
  const parameters = taskParameters(of, seed);
  const data = site(233);
  const good = await createTrainer(of, data).train({ parameters, round: 1, seed });
  // Rows that are not there: every thread fails.
  const batches = () => Array.from({ length: 150 }, () => 999);
  await assert.rejects(
    createTrainer(of, data, { workers: crew, batches }).train({ parameters, round: 1, seed }),
    /no row 999/,
  );
  const controller = new AbortController();
  const yieldNow = async () => controller.abort(new Error('stopped'));
  const long: Task = { ...of, training: { ...of.training, amount: { unit: 'epochs', count: 1e6 } } };
  await assert.rejects(
    createTrainer(long, data, { workers: crew, yieldNow }).train({
      parameters,
      round: 1,
      seed,
      signal: controller.signal,
    }),
    /stopped/,
  );
  assert.deepEqual(await createTrainer(of, data, { workers: crew }).train({ parameters, round: 1, seed }), good);
});

test('two trainings at once share a crew, and each gives what it gives alone', async () => {
  const [, , crew] = crews;
  const of = task({ name: 'mlp', hidden: [20], dropout: 0.3 }, null);
  const parameters = taskParameters(of, seed);
  const requests = [1, 2].map(n => ({ parameters, round: 1, seed: new Uint8Array(32).fill(n) }));
  const trainer = createTrainer(of, site(233), { workers: crew });
  const together = await Promise.all(requests.map(request => trainer.train(request)));
  for (const [i, request] of requests.entries()) {
    assert.deepEqual(await createTrainer(of, site(233)).train(request), together[i]);
  }
});
