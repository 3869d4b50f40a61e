/** Lines and counted bytes from a stream, never more in memory than the caller allows. */
import type { Readable } from 'node:stream';

export class BoundedReader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #held: Uint8Array = new Uint8Array(0);

  constructor(stream: Readable) {
    this.#chunks = stream[Symbol.asyncIterator]();
  }

  /** Bytes that have come and were not asked for. */
  get held(): number {
    return this.#held.length;
  }

  /** The bytes up to the next line feed, without it; null when the stream ends before, `too long` when there are more than `most`. */
  async line(most: number): Promise<Uint8Array | null | 'too long'> {
    let length = 0;
    const parts: Uint8Array[] = [];
    for (;;) {
      const end = this.#held.indexOf(0x0a);
      length += end === -1 ? this.#held.length : end;
      if (length > most) return 'too long';
      parts.push(this.#take(end === -1 ? this.#held.length : end));
      if (end !== -1) {
        this.#take(1);
        return Buffer.concat(parts);
      }
      if (!(await this.#more())) return null;
    }
  }

  /** Exactly so many bytes, in memory of their own; null when the stream ends before. */
  async exactly(length: number): Promise<Uint8Array | null> {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; ) {
      if (this.#held.length === 0 && !(await this.#more())) return null;
      const part = this.#take(Math.min(length - at, this.#held.length));
      bytes.set(part, at);
      at += part.length;
    }
    return bytes;
  }

  #take(length: number): Uint8Array {
    const taken = this.#held.subarray(0, length);
    this.#held = this.#held.subarray(length);
    return taken;
  }

  async #more(): Promise<boolean> {
    const { done, value } = await this.#chunks.next();
    if (done) return false;
    this.#held = value;
    return true;
  }
}
