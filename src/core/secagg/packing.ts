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
  if (bits === 32) return new Uint8Array(words.slice().buffer);
  // A typed array keeps the low bits of what is set.
  if (bits === 16) return new Uint8Array(new Uint16Array(words).buffer);
  return packBits(words, bits);
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
    let from = 0;
    while (this.#held > 0 && from < chunk.length) this.#takeByte(chunk[from++]);
    if (this.#held > 0) return;
    // Two words end with a byte, whatever their size.
    const whole = 2 * Math.floor((4 * (chunk.length - from)) / this.#bits);
    const words = this.#words.subarray(this.#at, this.#at + whole);
    unpackBits(chunk.subarray(from), words, this.#bits);
    this.#at += words.length;
    for (from += (words.length * this.#bits) / 8; from < chunk.length; from++) this.#takeByte(chunk[from]);
  }

  /** At most 23 bits are held before, 31 with the byte. */
  #takeByte(byte: number): void {
    const bits = this.#bits;
    this.#next |= byte << this.#held;
    this.#held += 8;
    if (this.#held < bits) return;
    this.#words[this.#at++] = this.#next & (2 ** bits - 1);
    this.#next >>>= bits;
    this.#held -= bits;
  }
}

/** Words of 20 or 24 bits, 32 bits at a time. */
function packBits(words: Int32Array, bits: number): Uint8Array<ArrayBuffer> {
  const out = new Uint32Array(Math.ceil((words.length * bits) / 32));
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
    current = word >>> (bits - held);
  }
  if (held > 0) out[at] = current;
  return new Uint8Array(out.buffer, 0, Math.ceil((words.length * bits) / 8));
}

/** As many words of 16, 20 or 24 bits as there is room for, each from the three bytes that it lies within. */
function unpackBits(bytes: Uint8Array, words: Int32Array, bits: number): void {
  const mask = 2 ** bits - 1;
  for (let i = 0, at = 0, shift = 0; i < words.length; i++) {
    words[i] = ((bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16)) >>> shift) & mask;
    const bit = shift + bits;
    at += bit >>> 3;
    shift = bit & 7;
  }
}
