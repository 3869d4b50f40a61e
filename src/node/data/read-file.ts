/** Reading a table from disk, chunk by chunk. */
import { accessSync, constants, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import type { TableSource } from '../../core/data/csv.ts';
import { UserError } from '../../core/protocol/problem.ts';

const chunkBytes = 65_536;

/** The file at `path` as a table; errors call it by its path. Nothing is opened before the first chunk is asked for. */
export function fileSource(path: string): TableSource {
  return { name: path, chunks: fileChunks(path) };
}

/** Throws UserError, as reading would, when there is no file at the path that this user may read. Reads nothing. */
export function requireFile(path: string): void {
  try {
    if (statSync(path).isDirectory()) throw Object.assign(new Error(path), { code: 'EISDIR' });
    accessSync(path, constants.R_OK);
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

/** Bytes in memory as a table. */
export function bytesSource(name: string, bytes: Uint8Array): TableSource {
  return {
    name,
    chunks: (async function* () {
      yield bytes;
    })(),
  };
}

/**
 * The bytes of a file in chunks of at most 64 KiB; a chunk is valid until the next one is asked for. The file is closed
 * when the reader stops, early or not. Throws UserError when the file cannot be opened or read.
 */
export async function* fileChunks(path: string): AsyncGenerator<Uint8Array> {
  const file = await open(path, 'r').catch(cause => {
    throw unreadable(path, cause);
  });
  try {
    const buffer = new Uint8Array(chunkBytes);
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, chunkBytes).catch(cause => {
        throw unreadable(path, cause);
      });
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}

function unreadable(path: string, cause: unknown): UserError {
  const code = (cause as NodeJS.ErrnoException).code ?? '';
  const [what, remedy] = reasons[code] ?? [`cannot be read (${code})`, 'Check the disk and the path.'];
  return new UserError(path, what, remedy, { cause });
}

const reasons: Record<string, [what: string, remedy: string]> = {
  ENOENT: ['there is no such file', 'Check the spelling of the path.'],
  ENOTDIR: ['there is no such file', 'Check the spelling of the path.'],
  EISDIR: ['is a folder', 'Name a file in it.'],
  EACCES: ['may not be read by this user', 'Change its permissions, or run as its owner.'],
};
