/** Batches of private training: every row drawn by itself, from words that nobody else can know. */
import { mostRandomWords, type RandomBytes, withRandomWords } from '../privacy/random-words.ts';
import { requireCount, requireProbability } from '../privacy/ranges.ts';

/**
 * Row numbers of one batch, ascending: each of `rows` with exactly the probability given, independently of the others. It may be empty,
 * and is then run like any other. A random fraction is compared with the binary digits of the probability, all of them: one word of
 * 32 bits decides but for one row in 2^32, for which further words are drawn.
 */
export function drawBatch(rows: number, probability: number, randomBytes: RandomBytes): Uint32Array {
  requireCount('rows', rows);
  requireProbability('sampling probability', probability);
  if (probability === 1) return Uint32Array.from({ length: rows }, (_, row) => row);
  const [first = 0, ...others] = binaryDigits(probability);
  const words = new Uint32Array(Math.min(rows, mostRandomWords));
  const chosen: number[] = [];
  try {
    for (let row = 0; row < rows; ) {
      const filled = words.subarray(0, rows - row);
      randomBytes(new Uint8Array(filled.buffer, 0, filled.byteLength));
      for (let i = 0; i < filled.length; i++, row++) {
        const word = words[i];
        if (word < first || (word === first && isBelow(others, randomBytes))) chosen.push(row);
      }
    }
  } finally {
    words.fill(0);
  }
  return new Uint32Array(chosen);
}

/** Whether a random fraction is below the one with these digits. */
function isBelow(digits: readonly number[], randomBytes: RandomBytes): boolean {
  return withRandomWords(randomBytes, 1, words => {
    for (const digit of digits) {
      const word = words.next();
      if (word !== digit) return word < digit;
    }
    return false;
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
