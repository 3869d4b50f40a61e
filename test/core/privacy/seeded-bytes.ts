/** Random bytes of a seed in place of a generator, and whether what was drawn has been erased. */
import { RandomStream } from '../../../src/core/math/random.ts';
import type { RandomBytes } from '../../../src/core/privacy/random-words.ts';

export interface SeededBytes {
  readonly randomBytes: RandomBytes;
  /** Bytes drawn so far. */
  readonly drawn: () => number;
  /** Whether every place that was ever filled holds only zeros now. */
  readonly isErased: () => boolean;
}

export function seededBytes(seed = 7): SeededBytes {
  const stream = new RandomStream(new Uint8Array(32).fill(seed));
  const places: Uint8Array[] = [];
  return {
    randomBytes: bytes => {
      if (bytes.length > 65_536) throw new RangeError(`${bytes.length} bytes are more than a generator gives at once`);
      const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
      for (let i = 0; i < words.length; i++) words[i] = stream.uint32();
      places.push(bytes);
    },
    drawn: () => places.reduce((sum, { length }) => sum + length, 0),
    isErased: () => places.every(bytes => bytes.every(byte => byte === 0)),
  };
}

/** A generator that gives so many times and then fails. */
export function failingBytes(times: number): SeededBytes {
  const seeded = seededBytes();
  let left = times;
  return {
    ...seeded,
    randomBytes: bytes => {
      if (left-- === 0) throw new Error('the generator failed');
      seeded.randomBytes(bytes);
    },
  };
}
