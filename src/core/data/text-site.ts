/** Text as rows: characters in, windows to train and to test on out. */
import { UserError } from '../protocol/problem.ts';
import { characterNumbers, characterRows } from './characters.ts';
import type { SiteData } from './dataset.ts';
import { type TextSchema, vocabularySize } from './text-schema.ts';

/**
 * The site of a text: its characters are split in two, the last part for testing, then each part is cut into windows. So
 * no character is in both, and none predicts one of the other part.
 *
 * Throws UserError for a character outside of the alphabet (line and column), and where a part makes no window.
 */
export function textSite(schema: TextSchema, text: string, name: string): SiteData<Float32Array> {
  const numbers = characterNumbers(text, [...schema.alphabet], unknownToken(schema), name);
  const trainCount = trainCharacters(schema, numbers.length);
  const train = characterRows(numbers.subarray(0, trainCount), schema.window);
  const test = characterRows(numbers.subarray(trainCount), schema.window);
  if (train.rows === 0 || test.rows === 0) {
    throw new UserError(
      name,
      `has ${numbers.length} characters; split at ${schema.split.trainFraction}, a part is shorter than a window of ${schema.window} and one more`,
      'Add text, or let the task use a smaller data.window.',
    );
  }
  return { train, test, featureNames: [], classes: vocabularySize(schema), scaler: null, droppedRows: 0 };
}

/** True where a text of so many characters makes a window to train on and one to test on. */
export function isLongEnough(schema: TextSchema, characters: number): boolean {
  const train = trainCharacters(schema, characters);
  return Math.min(train, characters - train) > schema.window;
}

function trainCharacters({ split }: TextSchema, characters: number): number {
  return Math.floor(split.trainFraction * characters);
}

function unknownToken(schema: TextSchema): number | null {
  return schema.unknown === 'token' ? [...schema.alphabet].length : null;
}
