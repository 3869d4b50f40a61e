/** The reference trainer with nothing but NumPy: the same round as our own engine, for every optimiser. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { parameterCount } from '../../../src/core/learning/parameters.ts';
import { helloMessage, helloOf, type Outgoing, trainMessage } from '../../../src/core/learning/trainer-protocol.ts';
import { createForeignTrainer } from '../../../src/node/trainer/foreign-trainer.ts';
import { referenceTrainer } from './python.ts';
import { assertEqualRound } from './reference.ts';
import { imageData, sampleSite, sampleTask, tableData } from './sample.ts';

const { command, skip } = referenceTrainer('numpy');

const optimizers = [
  { name: 'sgd', learningRate: 0.1, weightDecay: 0.05 },
  { name: 'momentum', learningRate: 0.03, weightDecay: 0.01 },
  { name: 'momentum', learningRate: 0.03, nesterov: true },
  { name: 'adam', learningRate: 0.01, weightDecay: 0.01 },
  { name: 'adamw', learningRate: 0.01, weightDecay: 0.1 },
];
const networks = [
  { data: tableData(5, 2), model: { name: 'logistic' } },
  { data: tableData(5, 4), model: { name: 'logistic' } },
  { data: tableData(5, 3), model: { name: 'mlp', hidden: [7, 5], activation: 'tanh' } },
];
const others = [
  { data: tableData(5, 2), model: { name: 'mlp', hidden: [9], activation: 'relu' } },
  { data: tableData(5, 2), model: { name: 'mlp', hidden: [6], activation: 'sigmoid' } },
  { data: tableData(5, 0), model: { name: 'linear' } },
  { data: tableData(5, 0), model: { name: 'linear' }, training: { loss: { name: 'huber', delta: 0.5 } } },
  {
    data: tableData(5, 0),
    model: { name: 'linear' },
    training: { loss: { name: 'quantile', levels: [0.1, 0.5, 0.8] } },
  },
  { data: tableData(5, 3), model: { name: 'mlp', hidden: [7] }, training: { clip: { norm: 0.5, per: 'batch' } } },
  { data: tableData(5, 3), model: { name: 'mlp', hidden: [7] }, training: { clip: { norm: 0.5, per: 'example' } } },
  { data: tableData(5, 2), model: { name: 'logistic' }, training: { schedule: { name: 'exponential', factor: 0.5 } } },
];

describe('the NumPy trainer comes within 1e-5 of our engine', { skip }, () => {
  for (const optimizer of optimizers) {
    for (const network of networks) {
      test(`${JSON.stringify(optimizer)}, ${words(network)}`, t =>
        assertEqualRound(t, command, { ...network, training: { optimizer, proximal: 0.1 } }));
    }
  }
  for (const settings of others) test(words(settings), t => assertEqualRound(t, command, settings));
});

function words({ data: _data, ...settings }: { data: object }): string {
  return JSON.stringify(settings);
}

describe('the NumPy trainer', { skip }, () => {
  test('refuses a network that it does not know, before it is ready', async t => {
    const task = sampleTask({
      data: imageData(1, 6, 2),
      model: { name: 'cnn', convolutions: [{ filters: 2, kernel: 3 }] },
    });
    const site = sampleSite(task, { train: 4, test: 2 });
    const limits = { timeMs: 120_000, memoryBytes: null };
    const trainer = createForeignTrainer(task, site, { command, limits, log: () => undefined });
    t.after(() => trainer.close());
    const evaluated = trainer.evaluate(new Float32Array(parameterCount(trainer.manifest)));
    await assert.rejects(evaluated, /cannot take part in the task: does not know the layer conv2d/);
  });

  test('ends when standard input closes, at rest and in the middle of a round', async () => {
    const training = { amount: { unit: 'steps', count: 1_000_000 } };
    const task = sampleTask({ training });
    const hello = helloOf(task);
    const site = sampleSite(task, { train: 20, test: 4 });
    const parameters = new Float32Array(parameterCount(hello.parameters));
    const round = trainMessage(hello, 20, { parameters, round: 1, seed: new Uint8Array(32) });
    for (const requests of [[], [round]]) {
      const [program, ...args] = command;
      const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
      const send = ({ line, parts }: Outgoing): void => {
        for (const part of [line, ...parts]) child.stdin.write(part);
      };
      const ended = once(child, 'exit');
      send(helloMessage(hello, site));
      await once(child.stdout, 'data');
      for (const request of requests) send(request);
      child.stdin.end();
      assert.deepEqual(await ended, [0, null]);
    }
  });
});
