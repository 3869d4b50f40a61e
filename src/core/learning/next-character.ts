/** What follows a text: a model of text asked for the next character, once or again and again. */
import type { RandomStream } from '../math/random.ts';
import type { NetworkSettings } from './network.ts';
import { type PredictOptions, predictProbabilities } from './predict.ts';

/**
 * The probability of each token after a text. The model sees as many of the last characters as a row of its task has, as in
 * training; fewer where the text is shorter.
 *
 * @param text token numbers, one at least. Throws RangeError for none, and for a model that does not read text.
 */
export async function nextCharacter(
  network: NetworkSettings,
  parameters: Float32Array,
  text: ArrayLike<number>,
  options: PredictOptions = {},
): Promise<Float32Array> {
  const { input, output } = network.shape;
  if (input.kind !== 'tokens' || output.kind !== 'classes') throw new RangeError('next character: no model of text');
  if (text.length === 0) throw new RangeError('next character: the text is empty');
  const seen = Math.min(text.length, input.steps);
  // What is asked at a step depends on no later one: the rest of the row may hold anything.
  const features = new Float32Array(input.steps);
  for (let i = 0; i < seen; i++) features[i] = text[text.length - seen + i];
  const probabilities = await predictProbabilities(
    network,
    parameters,
    { rows: 1, width: input.steps, features },
    options,
  );
  return probabilities.slice((seen - 1) * output.classes, seen * output.classes);
}

/** Picks one of several places by their probabilities, which need not add up to 1. */
export type Choice = (probabilities: ArrayLike<number>) => number;

/** The most probable place, the first of equals. */
export const mostProbable: Choice = probabilities => {
  let best = 0;
  for (let i = 1; i < probabilities.length; i++) if (probabilities[i] > probabilities[best]) best = i;
  return best;
};

/** Each place as often as its probability says. The same stream gives the same places. */
export function drawnFrom(stream: RandomStream): Choice {
  return probabilities => {
    let total = 0;
    for (let i = 0; i < probabilities.length; i++) total += probabilities[i];
    let left = stream.float64() * total;
    for (let i = 0; i < probabilities.length - 1; i++) {
      left -= probabilities[i];
      if (left < 0) return i;
    }
    return probabilities.length - 1;
  };
}

/**
 * Goes on with a text without end, character by character.
 *
 * @param characters how many tokens are characters: one that stands for unknown ones comes after them and is never chosen.
 */
export async function* continueText(
  network: NetworkSettings,
  parameters: Float32Array,
  { text, characters, choose }: { text: ArrayLike<number>; characters: number; choose: Choice },
  options: PredictOptions = {},
): AsyncGenerator<number, never> {
  const written = Array.from(text);
  for (;;) {
    const probabilities = await nextCharacter(network, parameters, written, options);
    const next = choose(probabilities.subarray(0, characters));
    written.push(next);
    yield next;
  }
}
