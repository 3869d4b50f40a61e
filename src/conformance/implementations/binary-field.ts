/** Fields of 2^m elements, and interpolation over them: how peers share secrets. Only for their vectors; this build shares over a prime. */

/** Points of a polynomial: place and value. */
export type Point = readonly [x: bigint, y: bigint];

export class BinaryField {
  readonly #modulus: bigint;
  readonly #bits: number;

  /** @param modulus the irreducible polynomial, bit i for x^i. */
  constructor(modulus: bigint) {
    this.#modulus = modulus;
    this.#bits = modulus.toString(2).length - 1;
  }

  multiply(a: bigint, b: bigint): bigint {
    let product = 0n;
    let shifted = a;
    for (let rest = b; rest > 0n; rest >>= 1n) {
      if (rest & 1n) product ^= shifted;
      shifted <<= 1n;
      if (shifted >> BigInt(this.#bits)) shifted ^= this.#modulus;
    }
    return product;
  }

  power(base: bigint, exponent: number): bigint {
    let result = 1n;
    for (let i = 0; i < exponent; i++) result = this.multiply(result, base);
    return result;
  }

  /** The value at `at` of the polynomial of least degree through the points. Throws RangeError for a place that stands twice. */
  interpolate(points: readonly Point[], at: bigint): bigint {
    if (new Set(points.map(([x]) => x)).size !== points.length)
      throw new RangeError('interpolation: a place stands twice');
    return points.reduce((sum, [own, y]) => {
      const others = points.map(([x]) => x).filter(x => x !== own);
      const numerator = others.reduce((product, x) => this.multiply(product, x ^ at), y);
      const denominator = others.reduce((product, x) => this.multiply(product, x ^ own), 1n);
      return sum ^ this.multiply(numerator, this.#inverse(denominator));
    }, 0n);
  }

  /** a^(2^m − 2). */
  #inverse(element: bigint): bigint {
    let result = 1n;
    let square = element;
    for (let i = 1; i < this.#bits; i++) {
      square = this.multiply(square, square);
      result = this.multiply(result, square);
    }
    return result;
  }
}
