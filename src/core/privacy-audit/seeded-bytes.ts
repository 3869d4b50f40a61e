/** Random bytes that come again: to replay a release with the same noise, and for tests. Worthless as a source of noise. */
import { RandomStream } from '../math/random.ts';
import type { RandomBytes } from '../privacy/random-words.ts';

export interface Replayed {
  readonly randomBytes: RandomBytes;
  /** Bytes drawn so far. */
  readonly drawn: () => number;
}

/** The same bytes for the same label, however often. */
export function seededBytes(label: string): Replayed {
  const stream = new RandomStream(new Uint8Array(32).fill(7)).split(label);
  let drawn = 0;
  return {
    randomBytes: bytes => {
      drawn += bytes.length;
      let i = 0;
      for (; i + 4 <= bytes.length; i += 4) {
        const word = stream.uint32();
        bytes[i] = word;
        bytes[i + 1] = word >>> 8;
        bytes[i + 2] = word >>> 16;
        bytes[i + 3] = word >>> 24;
      }
      for (let word = stream.uint32(); i < bytes.length; i++, word >>>= 8) bytes[i] = word;
    },
    drawn: () => drawn,
  };
}
