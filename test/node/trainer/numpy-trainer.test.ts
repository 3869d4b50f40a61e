/** The reference trainer with nothing but NumPy: the same round as our own engine, for every optimiser. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { parameterCount } from '../../../src/core/learning/parameters.ts';
import { helloMessage, helloOf, type Outgoing, trainMessage } from '../../../src/core/learning/trainer-protocol.ts';
import { referenceTrainer } from './python.ts';
import { assertEqualRound } from './reference.ts';
import { sampleSite, sampleTask } from './sample.ts';

const { command, skip } = referenceTrainer('numpy');

const optimizers = [
  { name: 'sgd', learningRate: 0.1 },
  { name: 'sgd', learningRate: 0.1, weightDecay: 0.05 },
  { name: 'momentum', learningRate: 0.03, weightDecay: 0.01 },
  { name: 'adam', learningRate: 0.01, weightDecay: 0.01 },
];
const models = [
  { model: { name: 'logistic' }, classes: 2 },
  { model: { name: 'logistic' }, classes: 4 },
  { model: { name: 'mlp', hidden: [7, 5], activation: 'tanh' }, classes: 2 },
  { model: { name: 'mlp', hidden: [9], activation: 'relu' }, classes: 3 },
  { model: { name: 'mlp', hidden: [6], activation: 'sigmoid' }, classes: 2 },
];

describe('the NumPy trainer', { skip }, () => {
  for (const optimizer of optimizers) {
    for (const { model, classes } of models) {
      const what = `${classes} classes, ${JSON.stringify(model)}, ${JSON.stringify(optimizer)}`;
      test(`comes within 1e-5 of our engine: ${what}`, async t => {
        const task = sampleTask({ model, classes, training: { optimizer, proximal: 0.1 } });
        await assertEqualRound(t, task, sampleSite({ train: 45, test: 20 }, classes), command, 1e-5);
      });
    }
  }

  test('ends when standard input closes, at rest and in the middle of a round', async () => {
    const training = { amount: { unit: 'steps', count: 1_000_000 } };
    const hello = helloOf(sampleTask({ training }));
    const site = sampleSite({ train: 20, test: 4 });
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
