/** Files as they would be without compression: gzip is undone while it is read, and never beyond a bound. */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { UserError } from '../../core/protocol/problem.ts';
import { fileChunks } from './read-file.ts';

/** Largest data file held in memory, 2 GiB. */
export const mostBytes = 2 ** 31;

/** Longest text, 256 MiB: as characters and as rows it takes sixteen times that, and a string has an end. */
export const mostTextBytes = 2 ** 28;

/** The bytes of a file in chunks, decompressed where it begins as gzip does. Throws UserError where it cannot be read or is broken. */
export async function* plainChunks(path: string): AsyncGenerator<Uint8Array> {
  const chunks = copies(path);
  try {
    const first = await chunks.next();
    if (first.done) return;
    const whole = resume(first.value, chunks);
    const isPacked = first.value[0] === 0x1f && first.value[1] === 0x8b;
    yield* isPacked ? unpacked(path, whole) : whole;
  } finally {
    // Closes the file, also where nobody reads on.
    await chunks.return(undefined);
  }
}

/** The whole file, decompressed. Throws UserError when that is more than `limit` bytes. */
export async function readPlain(path: string, limit = mostBytes): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of plainChunks(path)) {
    length += chunk.length;
    if (length > limit) throw new UserError(path, `holds more than ${limit} bytes`, 'Check that it is the right file.');
    parts.push(chunk);
  }
  return Buffer.concat(parts);
}

/** The whole file as UTF-8 text, decompressed. Throws UserError when it is longer than `limit` bytes or not UTF-8. */
export async function readText(path: string, limit = mostTextBytes): Promise<string> {
  const bytes = await readPlain(path, limit);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new UserError(path, 'is not UTF-8 text', 'Save the file as UTF-8.', { cause });
  }
}

async function* unpacked(path: string, packed: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  const gunzip = createGunzip();
  // A failure of either side destroys `gunzip`, and so reaches the loop below.
  const flow = pipeline(Readable.from(packed, { objectMode: false }), gunzip).catch(() => undefined);
  try {
    for await (const chunk of gunzip) yield chunk;
  } catch (cause) {
    if (cause instanceof UserError) throw cause;
    const what = `is not whole as a gzip file (${(cause as Error).message})`;
    throw new UserError(path, what, 'Get the file again.', { cause });
  } finally {
    gunzip.destroy();
    await flow;
  }
}

/** `fileChunks` uses its buffer again; a stream reads ahead. */
async function* copies(path: string): AsyncGenerator<Uint8Array> {
  for await (const chunk of fileChunks(path)) yield chunk.slice();
}

async function* resume(first: Uint8Array, rest: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield first;
  yield* rest;
}
