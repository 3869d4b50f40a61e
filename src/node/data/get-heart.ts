/** Fills the cache with the four UCI heart files. Runs only when the user asks for it. */
import { join } from 'node:path';
import { heartFiles } from '../../core/data/heart.ts';
import { UserError } from '../../core/protocol/problem.ts';
import { downloadPinned } from './download.ts';
import { isPinned } from './pinned-file.ts';

export const heartUrl = 'https://archive.ics.uci.edu/ml/machine-learning-databases/heart-disease/';

export interface GetHeartOptions {
  /** See `dataCacheFolder`. */
  readonly cacheDir: string;
  /** Folder of the files on the web; https, or http on this machine. */
  readonly url?: string;
  readonly onProgress?: (progress: {
    readonly file: string;
    readonly received: number;
    readonly total: number;
  }) => void;
  readonly signal?: AbortSignal;
}

export interface GotFile {
  readonly site: string;
  readonly path: string;
  readonly bytes: number;
  /** False when the cache already held it. */
  readonly isNew: boolean;
}

/**
 * Downloads what the cache lacks, one file after the other, and checks every file by SHA-256; a cached file that differs
 * is replaced. Throws UserError (see `downloadPinned`).
 */
export async function getHeart({ cacheDir, url = heartUrl, onProgress, signal }: GetHeartOptions): Promise<GotFile[]> {
  const base = baseUrl(url);
  const got: GotFile[] = [];
  for (const pinned of heartFiles) {
    const path = join(cacheDir, 'heart', pinned.file);
    const isNew = !(await isPinned(path, pinned));
    if (isNew) {
      await downloadPinned({
        url: new URL(pinned.file, base),
        path,
        pinned,
        signal,
        onProgress: received => onProgress?.({ file: pinned.file, received, total: pinned.bytes }),
      });
    }
    got.push({ site: pinned.site, path, bytes: pinned.bytes, isNew });
  }
  return got;
}

function baseUrl(text: string): URL {
  const base = URL.parse(text.endsWith('/') ? text : `${text}/`);
  if (base === null)
    throw new UserError(text, 'is not a URL', 'Name a folder on the web, such as https://example.org/heart/');
  const isLocal = ['localhost', '127.0.0.1', '[::1]'].includes(base.hostname);
  if (base.protocol === 'https:' || (base.protocol === 'http:' && isLocal)) return base;
  throw new UserError(text, 'is not an https address', 'Use https.');
}
