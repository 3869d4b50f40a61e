/** Blobs for a measurement: large values lie in one scratch file without fsync, small ones in memory. Nothing outlives the process. */
import { closeSync, openSync, read, unlinkSync, write } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Blobs, BlobWriter } from '../src/core/protocol/ports.ts';
import { MemoryBlobs } from '../src/simulation/memory-blobs.ts';

const readAt = promisify(read);
const writeAt = promisify(write);

const chunkBytes = 1024 * 1024;

export class SpilledBlobs implements Blobs {
  readonly #small = new MemoryBlobs();
  readonly #file: number;
  readonly #slotBytes: number;
  readonly #places = new Map<string, { readonly slot: number; readonly bytes: number }>();
  readonly #freeSlots: number[] = [];
  readonly #freeBuffers: Uint8Array[] = [];
  readonly #freeChunks: Uint8Array[][] = [];
  #slots = 0;

  /** @param slotBytes longest value. */
  constructor(slotBytes: number) {
    const path = join(tmpdir(), `parley-bench-${process.pid}.scratch`);
    this.#slotBytes = slotBytes;
    this.#file = openSync(path, 'wx+', 0o600);
    // Without a name it is gone with the process.
    unlinkSync(path);
  }

  close(): void {
    closeSync(this.#file);
  }

  async write(key: string): Promise<BlobWriter> {
    let buffer: Uint8Array | null = this.#freeBuffers.pop() ?? new Uint8Array(this.#slotBytes);
    let held = 0;
    const release = (): void => {
      if (buffer !== null) this.#freeBuffers.push(buffer);
      buffer = null;
    };
    return {
      write: async chunk => {
        buffer?.set(chunk, held);
        held += chunk.length;
      },
      commit: async () => {
        if (buffer === null) return;
        if (held < chunkBytes) await this.#writeSmall(key, buffer.subarray(0, held));
        else {
          const slot = this.#freeSlots.pop() ?? this.#slots++;
          await writeAt(this.#file, buffer, 0, held, slot * this.#slotBytes);
          this.#forget(key);
          this.#places.set(key, { slot, bytes: held });
        }
        release();
      },
      abort: async () => release(),
    };
  }

  async read(key: string): Promise<Uint8Array | null> {
    const place = this.#places.get(key);
    if (place === undefined) return this.#small.read(key);
    const bytes = new Uint8Array(place.bytes);
    await readAt(this.#file, bytes, 0, place.bytes, place.slot * this.#slotBytes);
    return bytes;
  }

  async stream(key: string): Promise<AsyncIterable<Uint8Array> | null> {
    const place = this.#places.get(key);
    return place === undefined ? this.#small.stream(key) : this.#chunks(place.slot * this.#slotBytes, place.bytes);
  }

  async list(prefix: string): Promise<string[]> {
    return [...this.#places.keys()].filter(key => key.startsWith(prefix)).concat(await this.#small.list(prefix));
  }

  async remove(key: string): Promise<void> {
    if (this.#places.has(key)) this.#forget(key);
    else await this.#small.remove(key);
  }

  async #writeSmall(key: string, bytes: Uint8Array): Promise<void> {
    const writer = await this.#small.write(key);
    await writer.write(bytes);
    await writer.commit();
  }

  #forget(key: string): void {
    const place = this.#places.get(key);
    if (place === undefined) return;
    this.#freeSlots.push(place.slot);
    this.#places.delete(key);
  }

  /** Reads one chunk ahead. */
  async *#chunks(start: number, bytes: number): AsyncGenerator<Uint8Array> {
    const buffers = this.#freeChunks.pop() ?? [new Uint8Array(chunkBytes), new Uint8Array(chunkBytes)];
    const fetch = (index: number): Promise<Uint8Array> | null => {
      const at = index * chunkBytes;
      if (at >= bytes) return null;
      const length = Math.min(chunkBytes, bytes - at);
      const buffer = buffers[index % 2];
      return readAt(this.#file, buffer, 0, length, start + at).then(() => buffer.subarray(0, length));
    };
    let next = fetch(0);
    for (let index = 1; next !== null; index++) {
      const chunk: Uint8Array = await next;
      next = fetch(index);
      yield chunk;
    }
    this.#freeChunks.push(buffers);
  }
}
