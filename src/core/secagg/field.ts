/**
 * The prime field of secret sharing: GF(2^256 + 297), the least prime above 2^256, so that every 32-byte secret is an element. BigInt
 * is not constant in time and its memory cannot be wiped: for secrets of one round only, where nobody can time it.
 */

/** 2^256 + 297. */
export const fieldPrime = (1n << 256n) + 297n;

/** Bytes of a secret and of a share: an element that does not fit, one of the last 297, cannot be sent. */
export const elementBytes = 32;

/** The element congruent to `value`, an integer of any sign and size. 2^256 ≡ −297: what stands above bit 256 folds down. */
export function reduce(value: bigint): bigint {
  let rest = value;
  // One fold takes away the prime as often as 2^256 goes into the value: 247 bits, and for a negative number at most one prime too many.
  while (rest < 0n || rest >= fieldPrime) rest = BigInt.asUintN(256, rest) - 297n * (rest >> 256n);
  return rest;
}

/** The inverses of many elements for the price of one and three multiplications each. Throws RangeError for a zero among them. */
export function invertAll(elements: readonly bigint[]): bigint[] {
  // Montgomery's trick: the inverse of the product of all, taken apart from the back.
  const products: bigint[] = [1n];
  for (const element of elements) products.push(reduce(products[products.length - 1] * element));
  let inverse = invert(products[elements.length]);
  const inverses: bigint[] = new Array(elements.length);
  for (let i = elements.length - 1; i >= 0; i--) {
    inverses[i] = reduce(inverse * products[i]);
    inverse = reduce(inverse * elements[i]);
  }
  return inverses;
}

/** The element that 32 bytes say, big-endian. Throws RangeError for another length. */
export function decodeElement(bytes: Uint8Array): bigint {
  if (bytes.length !== elementBytes) throw new RangeError(`field: ${bytes.length} bytes, not ${elementBytes}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, elementBytes);
  const high = (view.getBigUint64(0) << 64n) | view.getBigUint64(8);
  return (high << 128n) | (view.getBigUint64(16) << 64n) | view.getBigUint64(24);
}

/** The element in 32 bytes, big-endian. Throws RangeError for one that does not fit. */
export function encodeElement(element: bigint): Uint8Array {
  if (element < 0n || element >> 256n !== 0n) throw new RangeError('field: the element does not fit in 32 bytes');
  const bytes = new Uint8Array(elementBytes);
  const view = new DataView(bytes.buffer);
  for (let word = 0; word < 4; word++) {
    view.setBigUint64(8 * word, BigInt.asUintN(64, element >> BigInt(192 - 64 * word)));
  }
  return bytes;
}

/** An element drawn uniformly, by rejection: about every second draw of 257 bits is one. */
export function drawElement(randomBytes: (count: number) => Uint8Array): bigint {
  for (;;) {
    const bytes = randomBytes(1 + elementBytes);
    const element = (BigInt(bytes[0] & 1) << 256n) | decodeElement(bytes.subarray(1));
    if (element < fieldPrime) return element;
  }
}

/** Extended Euclid. */
function invert(element: bigint): bigint {
  if (reduce(element) === 0n) throw new RangeError('field: zero has no inverse');
  let [a, b, x, y] = [reduce(element), fieldPrime, 1n, 0n];
  while (a !== 1n) {
    const quotient = b / a;
    [a, b, x, y] = [b - quotient * a, a, y - quotient * x, x];
  }
  return reduce(x);
}
