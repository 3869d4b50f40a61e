/** parley predict for text: what the next character may be, or the text continued. */
import { characterNumbers } from '../core/data/characters.ts';
import type { TextSchema } from '../core/data/text-schema.ts';
import { taskNetwork } from '../core/learning/model.ts';
import { continueText, drawnFrom, mostProbable, nextCharacter } from '../core/learning/next-character.ts';
import { UserError } from '../core/protocol/problem.ts';
import { readText } from '../node/data/plain-chunks.ts';
import { streamOf } from '../simulation/stream.ts';
import { csvText } from './csv-output.ts';
import type { Model } from './model-file.ts';
import { createProgress } from './output.ts';
import type { Predicted } from './predict-classes.ts';

export interface TextOptions {
  readonly data: string;
  /** Characters to continue by; none: the next one's probabilities are printed. */
  readonly characters?: number;
  /** Draws the characters; without it each is the most probable. */
  readonly seed?: number;
}

/** The text is the whole file, a line break at its end included. */
export async function predictText(model: Model, schema: TextSchema, options: TextOptions): Promise<Predicted> {
  const alphabet = [...schema.alphabet];
  const unknown = schema.unknown === 'token' ? alphabet.length : null;
  const text = characterNumbers(await readText(options.data), alphabet, unknown, options.data);
  if (text.length === 0) throw new UserError(options.data, 'is empty', 'Give it the text that is to be continued.');
  if (options.characters === undefined) return distribution(model, alphabet, text);
  const continuation = await continued(model, alphabet, text, options.characters, options.seed);
  return { text: `${continuation}\n`, document: { seed: options.seed ?? null, continuation } };
}

/** All characters, the most probable first; the token of unknown ones has no character. */
async function distribution({ task, parameters }: Model, alphabet: readonly string[], text: Uint16Array) {
  const probabilities = await nextCharacter(taskNetwork(task), parameters, text);
  const next = Array.from(probabilities, (probability, token) => ({ character: alphabet[token] ?? null, probability }));
  next.sort((a, b) => b.probability - a.probability);
  const lines = next.map(({ character, probability }, i) => [i + 1, character ?? '(unknown)', probability]);
  return { text: csvText([['rank', 'character', 'probability'], ...lines]), document: { next } };
}

async function continued(
  { task, parameters }: Model,
  alphabet: readonly string[],
  text: Uint16Array,
  count: number,
  seed: number | undefined,
): Promise<string> {
  const choose = seed === undefined ? mostProbable : drawnFrom(streamOf(seed, 'predict/characters'));
  const progress = createProgress();
  const characters: string[] = [];
  try {
    const setting = { text, characters: alphabet.length, choose };
    for await (const token of continueText(taskNetwork(task), parameters, setting)) {
      characters.push(alphabet[token]);
      progress.status(`character ${characters.length} of ${count}`);
      if (characters.length === count) break;
    }
  } finally {
    progress.end();
  }
  return characters.join('');
}
