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

/** Counts in place: a list of all characters of a long text would take more memory than there is. */
function strayCharacter(text: string, at: number, file: string): UserError {
  let line = 1;
  let column = 1;
  let count = 0;
  for (const character of text) {
    if (count++ === at) {
      if (character === '\r') return carriageReturn(file, line, column);
      break;
    }
    column = character === '\n' ? 1 : column + 1;
    line += Number(character === '\n');
  }
  return new UserError(
    `${file}:line ${line}, column ${column}`,
    'a character is not in the alphabet of the task',
    'Take it out, or let the task add it to data.alphabet or declare data.unknown.',
  );
}

function carriageReturn(file: string, line: number, column: number): UserError {
  return new UserError(
    `${file}:line ${line}, column ${column}`,
    'a carriage return is not in the alphabet of the task',
    'Save the file with line feeds alone (LF, not CR LF), or let the task add it to data.alphabet.',
  );
}
