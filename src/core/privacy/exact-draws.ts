/**
 * Random decisions of exact probability from uniform words (Canonne, Kamath and Steinke 2020): integers and comparisons only, no
 * rounding. How many words one takes depends on what it decides: timing is not protected.
 */
import type { RandomWords } from './random-words.ts';

/** Up to here a numerator times 2^32 is exact as a Number. */
const mostNumber = 2 ** 21;

/** Uniform from 0 to n − 1, n an integer from 1 to 2^32: words beyond the last whole multiple of n are drawn again. */
export function drawBelow(words: RandomWords, n: number): number {
  const limit = 2 ** 32 - (2 ** 32 % n);
  let value = words.next();
  while (value >= limit) value = words.next();
  return value % n;
}

/**
 * True with probability numerator / denominator, integers with 0 ≤ numerator ≤ denominator < 2^53: the digits of the fraction to the base
 * 2^32 against random ones, until two differ.
 */
export function drawFraction(words: RandomWords, numerator: number, denominator: number): boolean {
  if (numerator === denominator) return true;
  if (denominator > mostNumber) return drawWideFraction(words, BigInt(numerator), BigInt(denominator));
  for (let rest = numerator; rest !== 0; ) {
    const scaled = rest * 2 ** 32;
    const digit = Math.floor(scaled / denominator);
    const word = words.next();
    if (word !== digit) return word < digit;
    rest = scaled % denominator;
  }
  return false;
}

function drawWideFraction(words: RandomWords, numerator: bigint, denominator: bigint): boolean {
  for (let rest = numerator; rest !== 0n; ) {
    const scaled = rest << 32n;
    const digit = Number(scaled / denominator);
    const word = words.next();
    if (word !== digit) return word < digit;
    rest = scaled % denominator;
  }
  return false;
}

/** True with probability exp(−numerator / denominator), integers from 0, the denominator from 1 (Algorithm 1). */
export function drawExpOfMinus(words: RandomWords, numerator: number, denominator: number): boolean {
  for (let whole = Math.floor(numerator / denominator); whole > 0; whole--)
    if (!drawExpOfMinusFraction(words, 1, 1)) return false;
  return drawExpOfMinusFraction(words, numerator % denominator, denominator);
}

function drawExpOfMinusFraction(words: RandomWords, numerator: number, denominator: number): boolean {
  let k = 1;
  while (drawFraction(words, numerator, denominator) && drawFraction(words, 1, k)) k++;
  return k % 2 === 1;
}

/**
 * The discrete Laplace distribution: P(x) ∝ exp(−|x|·denominator / numerator), whose scale is numerator / denominator, both integers from
 * 1 to 2^32 (Algorithm 2).
 */
export function drawDiscreteLaplace(words: RandomWords, numerator: number, denominator: number): number {
  for (;;) {
    const start = drawBelow(words, numerator);
    if (!drawExpOfMinus(words, start, numerator)) continue;
    let turns = 0;
    while (drawExpOfMinus(words, 1, 1)) turns++;
    const size = Math.floor((start + numerator * turns) / denominator);
    const isNegative = drawBelow(words, 2) === 1;
    if (!(isNegative && size === 0)) return isNegative ? -size : size;
  }
}
