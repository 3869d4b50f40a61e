/** Text as numbers of characters, and rows of it: each asks at every step for the character that follows. */
import { UserError } from '../protocol/problem.ts';
import type { Dataset } from './dataset.ts';

/**
 * The place in the alphabet of each character (code point) of a text.
 *
 * @param alphabet each character once, at most 65,536.
 * @param unknown place that stands for characters outside of it, or null to refuse them.
 * Throws UserError naming line and column of the first character that is refused. It does not repeat the character.
 */
export function characterNumbers(
  text: string,
  alphabet: readonly string[],
  unknown: number | null,
  file: string,
): Uint16Array {
  const places = new Map(alphabet.map((character, place) => [character, place]));
  const numbers = new Uint16Array(text.length);
  let count = 0;
  for (const character of text) {
    const place = places.get(character) ?? unknown;
    if (place === null) throw strayCharacter(text, count, file);
    numbers[count++] = place;
  }
  return numbers.subarray(0, count);
}

/**
 * Cuts character numbers s into rows of w = `windowLength` inputs s[i], …, s[i + w − 1] and as many labels, the character
 * after each: s[i + 1], …, s[i + w]. Rows do not overlap; the characters left at the end make no row.
 */
export function characterRows(numbers: Uint16Array, windowLength: number): Dataset<Float32Array> {
  const rows = Math.max(0, Math.floor((numbers.length - 1) / windowLength));
  const count = rows * windowLength;
  return {
    rows,
    width: windowLength,
    features: Float32Array.from(numbers.subarray(0, count)),
    labelWidth: windowLength,
    labels: Float32Array.from(numbers.subarray(rows === 0 ? 0 : 1, rows === 0 ? 0 : count + 1)),
  };
}

function strayCharacter(text: string, at: number, file: string): UserError {
  const before = [...text].slice(0, at).join('').split('\n');
  return new UserError(
    `${file}:line ${before.length}, column ${[...before[before.length - 1]].length + 1}`,
    'a character is not in the alphabet of the task',
    'Take it out, or let the task add it to data.alphabet or declare data.unknown.',
  );
}
