/** IDX files on disk, gzip or not, read into memory of exactly the size their header says. */
import { statSync } from 'node:fs';
import { type IdxArray, idxHeaderBytes, parseIdx, parseIdxHeader } from '../../core/data/idx.ts';
import { UserError } from '../../core/protocol/problem.ts';
import { mostBytes, plainChunks } from './plain-chunks.ts';

/** Deflate makes at most 1,032 bytes out of one: a header that says more than that lies. */
const mostExpansion = 1032;

/**
 * Reads an IDX file of unsigned bytes. What a gzip file expands to is bounded by the size its header declares, and that
 * by 2 GiB and by what a file of this length can expand to. Throws UserError naming the file.
 */
export async function readIdxFile(path: string): Promise<IdxArray> {
  let head = new Uint8Array(0);
  let file: Uint8Array | null = null;
  let at = 0;
  for await (const chunk of plainChunks(path)) {
    if (file === null) {
      head = Buffer.concat([head, chunk]);
      at = head.length;
      if (at < idxHeaderBytes) continue;
      file = begin(path, head);
    } else {
      if (at + chunk.length > file.length) throw tooLong(path, file.length);
      file.set(chunk, at);
      at += chunk.length;
    }
  }
  file ??= begin(path, head);
  if (at < file.length) {
    throw new UserError(path, `is cut: its header says ${file.length} bytes, it has ${at}`, 'Get the file again.');
  }
  return parseIdx(file);
}

/** Memory for the whole file, its beginning filled in. */
function begin(path: string, head: Uint8Array): Uint8Array {
  const size = declaredSize(path, head);
  if (size > mostBytes || size > mostExpansion * statSync(path).size) {
    throw new UserError(path, `cannot hold the ${size} bytes that its header says`, 'Get the file again.');
  }
  if (head.length > size) throw tooLong(path, size);
  const file = new Uint8Array(size);
  file.set(head);
  return file;
}

function declaredSize(path: string, head: Uint8Array): number {
  try {
    return parseIdxHeader(head).fileBytes;
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    const what = cause.message.replace(/^idx: /, '');
    throw new UserError(path, `is no IDX file of bytes: ${what}`, 'Check that it is the right file.', { cause });
  }
}

function tooLong(path: string, size: number): UserError {
  return new UserError(path, `is longer than the ${size} bytes that its header says`, 'Get the file again.');
}
