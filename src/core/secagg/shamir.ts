/**
 * Shamir's secret sharing of 32-byte secrets (Shamir 1979, over GF(2^256 + 297)): `threshold` shares give the secret, fewer give
 * nothing at all about it. A wrong share gives a wrong secret and no error: whoever combines must hold each share against its
 * commitment first. Not constant in time (see field.ts).
 */
import { decodeElement, drawElement, elementBytes, encodeElement, reduce } from './field.ts';
import { lagrangeAtZero, maxPlace } from './lagrange.ts';

export interface Share {
  /** Place of the holder, from 1. */
  readonly x: number;
  /** 32 bytes. */
  readonly value: Uint8Array;
}

/**
 * The shares of a 32-byte secret for `count` holders, 32 bytes each; the one at index i belongs to place i + 1. Any `threshold` of them
 * give the secret back. `randomBytes` must reach a CSPRNG, or a stream keyed with a secret. Throws RangeError unless
 * 1 ≤ threshold ≤ count ≤ 65,535.
 */
export function split(
  secret: Uint8Array,
  threshold: number,
  count: number,
  randomBytes: (count: number) => Uint8Array,
): Uint8Array[] {
  if (
    !Number.isInteger(threshold) ||
    !Number.isInteger(count) ||
    threshold < 1 ||
    count < threshold ||
    count > maxPlace
  )
    throw new RangeError(`shamir: ${threshold} of ${count} shares; 1 ≤ threshold ≤ count ≤ ${maxPlace}`);
  const constant = decodeElement(secret);
  for (;;) {
    const coefficients = Array.from({ length: threshold - 1 }, () => drawElement(randomBytes));
    coefficients.unshift(constant);
    const values = Array.from({ length: count }, (_, i) => evaluate(coefficients, i + 1));
    // A value of 2^256 or more, one in 2^247, has no encoding: another polynomial then.
    if (values.every(value => value >> 256n === 0n)) return values.map(encodeElement);
  }
}

/**
 * The secret that exactly `threshold` shares give. Throws RangeError for another number of shares, for a place that is out of range or
 * stands twice, for a share that is not 32 bytes, and for a result that is no 32-byte secret.
 */
export function combine(shares: readonly Share[], threshold: number): Uint8Array {
  if (shares.length !== threshold) throw new RangeError(`shamir: ${shares.length} shares, not ${threshold}`);
  return combineWith(
    lagrangeAtZero(shares.map(({ x }) => x)),
    shares.map(({ value }) => value),
  );
}

/** As `combine`, with the weights that `lagrangeAtZero` gave for the places of `values`, in the same order. */
export function combineWith(lambda: readonly bigint[], values: readonly Uint8Array[]): Uint8Array {
  if (values.length !== lambda.length) throw new RangeError(`shamir: ${values.length} shares, not ${lambda.length}`);
  let sum = 0n;
  for (const [i, value] of values.entries()) sum += lambda[i] * decodeElement(value);
  return encodeElement(reduce(sum));
}

/** Bits that a value may grow to before it is folded: one fold then costs less than the longer products. */
const foldBits = 8 * elementBytes + 192;

/** The polynomial at x, by Horner's rule. */
function evaluate(coefficients: readonly bigint[], x: number): bigint {
  const place = BigInt(x);
  const stepBits = x.toString(2).length + 1;
  let value = 0n;
  let bits = 257;
  for (let j = coefficients.length - 1; j >= 0; j--) {
    value = value * place + coefficients[j];
    bits += stepBits;
    if (bits > foldBits) [value, bits] = [reduce(value), 257];
  }
  return reduce(value);
}
