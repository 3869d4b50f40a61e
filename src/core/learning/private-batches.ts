/** Batches of private training: every row drawn by itself, from words that nobody else can know. */
import { type RandomBytes, withRandomWords } from '../privacy/random-words.ts';
import { requireCount, requireProbability } from '../privacy/ranges.ts';

/**
 * Row numbers of one batch, ascending: each of `rows` with exactly the probability given, independently of the others. It may be empty,
 * and is then run like any other. A row takes one word of 32 bits, and more in one case of 2^32: a random fraction is compared with the
 * binary digits of the probability, all of them.
 */
export function drawBatch(rows: number, probability: number, randomBytes: RandomBytes): Uint32Array {
  requireCount('rows', rows);
  requireProbability('sampling probability', probability);
  if (probability === 1) return Uint32Array.from({ length: rows }, (_, row) => row);
  const digits = binaryDigits(probability);
  return withRandomWords(randomBytes, rows, words => {
    const chosen: number[] = [];
    for (let row = 0; row < rows; row++) {
      let word = words.next();
      let at = 0;
      while (at < digits.length && word === digits[at]) {
        at++;
        word = words.next();
      }
      if (at < digits.length && word < digits[at]) chosen.push(row);
    }
    return Uint32Array.from(chosen);
  });
}

/** Digits of a number in [0, 1) to the base 2^32, after the point. A float64 has finitely many. */
function binaryDigits(fraction: number): readonly number[] {
  const digits: number[] = [];
  for (let rest = fraction; rest > 0; ) {
    // Exact: a multiplication by a power of two, and what a float64 has behind its point.
    rest *= 2 ** 32;
    digits.push(Math.floor(rest));
    rest -= Math.floor(rest);
  }
  return digits;
}
