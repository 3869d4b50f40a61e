/** Random words of 32 bits from a cryptographic generator: each read once, all erased afterwards. */

/**
 * Fills the bytes, 64 KiB at most, from a cryptographically secure generator (getRandomValues, randomFillSync). A seeded one makes
 * noise worthless: for tests only.
 */
export type RandomBytes = (bytes: Uint8Array<ArrayBuffer>) => void;

/** Words of one call: 64 KiB, the most that getRandomValues gives at once. */
export const mostRandomWords = 16_384;

/** Reads words until `work` ends, and then overwrites what was drawn. What the generator throws passes through. */
export function withRandomWords<T>(
  randomBytes: RandomBytes,
  expectedWords: number,
  work: (words: RandomWords) => T,
): T {
  const words = new RandomWords(randomBytes, Math.min(mostRandomWords, Math.max(16, Math.ceil(expectedWords))));
  try {
    return work(words);
  } finally {
    words.erase();
  }
}

/** Words in the order they were drawn. */
export class RandomWords {
  readonly #randomBytes: RandomBytes;
  readonly #words: Uint32Array<ArrayBuffer>;
  #at: number;

  /** @param chunk how many words are drawn at a time. */
  constructor(randomBytes: RandomBytes, chunk: number) {
    this.#randomBytes = randomBytes;
    this.#words = new Uint32Array(chunk);
    this.#at = chunk;
  }

  /** Uniform from 0 to 2^32 − 1. */
  next(): number {
    if (this.#at === this.#words.length) {
      this.#randomBytes(new Uint8Array(this.#words.buffer));
      this.#at = 0;
    }
    return this.#words[this.#at++];
  }

  erase(): void {
    this.#words.fill(0);
    this.#at = this.#words.length;
  }
}
