/** Checks files against the digests pinned in the source. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import type { PinnedFile } from '../../core/data/heart.ts';
import { UserError } from '../../core/protocol/problem.ts';
import { fileChunks } from './read-file.ts';

/** SHA-256 of a file, hex. Throws UserError when it cannot be read. */
export async function fileDigest(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of fileChunks(path)) hash.update(chunk);
  return hash.digest('hex');
}

/** True when the file is there and is the pinned one. */
export async function isPinned(path: string, pinned: PinnedFile): Promise<boolean> {
  return existsSync(path) && (await fileDigest(path)) === pinned.sha256;
}

/** Throws UserError naming the file unless its bytes are the pinned ones. */
export async function verifyPinned(path: string, pinned: PinnedFile): Promise<void> {
  const digest = await fileDigest(path);
  if (digest === pinned.sha256) return;
  throw new UserError(
    path,
    `is not the published ${pinned.file}: its SHA-256 is ${digest}, expected ${pinned.sha256}`,
    'Delete it and run: parley data get heart. To train on your own files, name their folder with --data.',
  );
}
