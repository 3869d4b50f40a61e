import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NetworkSettings } from '../../../src/core/learning/network.ts';
import { initialParameters } from '../../../src/core/learning/network-parameters.ts';
import { continueText, drawnFrom, mostProbable, nextCharacter } from '../../../src/core/learning/next-character.ts';
import { predictProbabilities } from '../../../src/core/learning/predict.ts';
import { RandomStream } from '../../../src/core/math/random.ts';

const seed = new Uint8Array(32).fill(5);
const steps = 6;
const vocabulary = 5;
const network: NetworkSettings = {
  layers: [
    { type: 'embedding', vocabulary, width: 4, steps },
    { type: 'lstm', inputs: 4, hidden: 7, steps, output: 'all' },
    { type: 'dense', inputs: 7, outputs: vocabulary, activation: 'none', positions: steps },
  ],
  shape: {
    input: { kind: 'tokens', steps, vocabulary },
    output: { kind: 'classes', classes: vocabulary, steps },
  },
  loss: { name: 'cross-entropy' },
};
const parameters = initialParameters(network.layers, seed).map(value => 3 * value);
const text = [0, 3, 1, 4, 2, 2, 0, 1, 3];

test('what follows the beginning of a row is what the model says at that step of the whole row', async () => {
  const features = Float32Array.from(text.slice(0, steps));
  const whole = await predictProbabilities(network, parameters, { rows: 1, width: steps, features });
  for (let seen = 1; seen <= steps; seen++) {
    const next = await nextCharacter(network, parameters, text.slice(0, seen));
    assert.deepEqual(next, whole.slice((seen - 1) * vocabulary, seen * vocabulary));
  }
});

test('of a text longer than a row its last characters count', async () => {
  const next = await nextCharacter(network, parameters, text);
  assert.deepEqual(next, await nextCharacter(network, parameters, text.slice(-steps)));
  assert.notDeepEqual(next, await nextCharacter(network, parameters, text.slice(1 - steps)));
  await assert.rejects(nextCharacter(network, parameters, []), RangeError);
});

test('a text continued is the text that its next characters make one after the other', async () => {
  const written = [...text];
  const characters = 4;
  const going = continueText(network, parameters, { text, characters, choose: mostProbable });
  for (let i = 0; i < 12; i++) {
    const probabilities = await nextCharacter(network, parameters, written);
    const { value } = await going.next();
    assert.equal(value, probabilities.indexOf(Math.max(...probabilities.subarray(0, characters))));
    written.push(value);
  }
});

test('characters are drawn as often as their probabilities say, the first of equals is the most probable', () => {
  const choose = drawnFrom(new RandomStream(seed));
  const counts = [0, 0, 0, 0];
  const draws = 20_000;
  for (let i = 0; i < draws; i++) counts[choose([0.1, 0, 0.3, 0.1])]++;
  assert.equal(counts[1], 0);
  for (const [place, share] of [
    [0, 0.2],
    [2, 0.6],
    [3, 0.2],
  ]) {
    // Five standard deviations.
    assert.ok(Math.abs(counts[place] / draws - share) < 5 * Math.sqrt((share * (1 - share)) / draws), `${counts}`);
  }
  assert.equal(mostProbable([0.2, 0.4, 0.4]), 1);
});
