/** Words of b bits as bytes on the wire: least significant bit first, the last byte filled up with zeros. */
import { Problem } from '../protocol/problem.ts';

/** Bits of a word, and of everything that is added up modulo 2^bits. */
export const wordSizes = [16, 20, 24, 32] as const;
export type Bits = (typeof wordSizes)[number];

/** The least word size that holds so many bits. A sum modulo 2^bits is that of the larger words, reduced. Throws RangeError above 32. */
export function leastBits(bits: number): Bits {
  const least = wordSizes.find(size => size >= bits);
  if (least === undefined) throw new RangeError(`words hold 32 bits at most, ${bits} are asked for`);
  return least;
}

/** Bytes of so many words. */
export function packedBytes(length: number, bits: Bits): number {
  return Math.ceil((length * bits) / 8);
}

/** The low `bits` of every word, packed: negative numbers in two's complement. Always a new array. */
export function pack(words: Int32Array, bits: Bits): Uint8Array<ArrayBuffer> {
  const out = new Uint32Array(Math.ceil((words.length * bits) / 32));
  if (bits === 32) out.set(words);
  else packBelow32(words, bits, out);
  return new Uint8Array(out.buffer, 0, packedBytes(words.length, bits));
}

/**
 * The words that these bytes hold: 0 to 2^bits − 1, as int32 for 32 bits. Throws Problem `malformed` for another number of bytes, and
 * for padding that is not zero: the same words are never two messages.
 */
export function unpack(bytes: Uint8Array, bits: Bits, length: number): Int32Array<ArrayBuffer> {
  const words = new Int32Array(length);
  const unpacker = new Unpacker(words, bits);
  unpacker.add(bytes);
  unpacker.end();
  return words;
}

/** Unpacks a stream into words while it arrives, in chunks cut anywhere. */
export class Unpacker {
  readonly #words: Int32Array;
  readonly #bits: Bits;
  readonly #bytes: number;
  #received = 0;
  /** Words complete so far, then the bits of the next one, and how many these are. */
  #at = 0;
  #next = 0;
  #held = 0;

  /** @param words filled from the start; all of them must come. */
  constructor(words: Int32Array, bits: Bits) {
    this.#words = words;
    this.#bits = bits;
    this.#bytes = packedBytes(words.length, bits);
  }

  /** Throws Problem `malformed` when more comes than the words have; then nothing of this chunk is taken. */
  add(chunk: Uint8Array): void {
    if (this.#received + chunk.length > this.#bytes) throw new Problem('malformed', 'more bytes than the words have');
    if (this.#bits === 32) {
      const { buffer, byteOffset, byteLength } = this.#words;
      new Uint8Array(buffer, byteOffset, byteLength).set(chunk, this.#received);
    } else this.#take(chunk);
    this.#received += chunk.length;
  }

  /** Throws Problem `malformed` when bytes are missing or the padding is not zero. */
  end(): void {
    if (this.#received !== this.#bytes) throw new Problem('malformed', 'fewer bytes than the words have');
    if (this.#next !== 0) throw new Problem('malformed', 'the padding behind the words is not zero');
  }

  #take(chunk: Uint8Array): void {
    const words = this.#words;
    const bits = this.#bits;
    const mask = 2 ** bits - 1;
    let at = this.#at;
    let next = this.#next;
    let held = this.#held;
    // At most 23 bits are held before a byte, 31 after it.
    for (let i = 0; i < chunk.length; i++) {
      next |= chunk[i] << held;
      held += 8;
      if (held < bits) continue;
      words[at++] = next & mask;
      next >>>= bits;
      held -= bits;
    }
    this.#at = at;
    this.#next = next;
    this.#held = held;
  }
}

function packBelow32(words: Int32Array, bits: Bits, out: Uint32Array): void {
  const mask = 2 ** bits - 1;
  let at = 0;
  let current = 0;
  let held = 0;
  for (let i = 0; i < words.length; i++) {
    const word = words[i] & mask;
    current |= word << held;
    held += bits;
    if (held < 32) continue;
    out[at++] = current;
    held -= 32;
    current = held === 0 ? 0 : word >>> (bits - held);
  }
  if (held > 0) out[at] = current;
}
