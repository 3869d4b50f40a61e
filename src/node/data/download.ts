/** Downloads one pinned file: resumable, bounded by its known size, in place only when its digest is right. */
import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { PinnedFile } from '../../core/data/heart.ts';
import { UserError } from '../../core/protocol/problem.ts';
import { syncFolder } from '../durable-file.ts';
import { fileDigest } from './pinned-file.ts';

export interface DownloadOptions {
  readonly url: URL;
  /** Where the file goes. Until it is complete its bytes stand in `<path>.part`, and a later call goes on from there. */
  readonly path: string;
  readonly pinned: PinnedFile;
  /** Bytes on disk so far. */
  readonly onProgress: (received: number) => void;
  readonly signal?: AbortSignal;
}

/** How often a cut connection is taken up again within one call, as long as each time brings something. */
const maxAttempts = 10;
/** A server that says nothing for so long has gone. */
const silenceMs = 30_000;

/**
 * Downloads a file. Throws UserError when the server cannot be reached, does not have the file, or gives other bytes than
 * the pinned ones (which are then deleted); the reason of `signal` when it aborts. System errors of the disk pass through.
 */
export async function downloadPinned(options: DownloadOptions): Promise<void> {
  const { path, pinned } = options;
  const part = `${path}.part`;
  await mkdir(dirname(path), { recursive: true });
  for (let attempt = 1; ; attempt++) {
    const before = await sizeOf(part);
    let after = before;
    if (before < pinned.bytes) after = await transfer(options, part, before, attempt);
    if (after < pinned.bytes) {
      if (attempt === maxAttempts) throw wrongBytes(options);
      continue;
    }
    if (after === pinned.bytes && (await fileDigest(part)) === pinned.sha256) break;
    await rm(part, { force: true });
    // Bytes of an earlier call may have spoilt it; fresh ones have no such excuse.
    if (before === 0 || attempt > 1) throw wrongBytes(options);
  }
  await rename(part, path);
  syncFolder(dirname(path));
}

/** Fetches what is missing and returns the size of the part. A cut connection is no error when it brought something. */
async function transfer(options: DownloadOptions, part: string, have: number, attempt: number): Promise<number> {
  const silence = new AbortController();
  let timer = setTimeout(() => silence.abort(), silenceMs);
  const signals = options.signal === undefined ? [silence.signal] : [options.signal, silence.signal];
  const signal = AbortSignal.any(signals);
  let size = have;
  try {
    const response = await network(options, () => fetch(options.url, { signal, headers: requestHeaders(have) }));
    const start = startOf(response, have);
    if (start === null) {
      await response.body?.cancel();
      if (response.status !== 416 && response.status !== 206) throw refusedBy(options, response.status);
      // The part does not fit what the server has. One of an earlier call may be at fault: begin again, once.
      await rm(part, { force: true });
      if (attempt > 1) throw wrongBytes(options);
      return 0;
    }
    size = start;
    const file = await open(
      part,
      constants.O_WRONLY | constants.O_CREAT | (start === 0 ? constants.O_TRUNC : 0),
      0o644,
    );
    try {
      const reader = response.body?.getReader();
      while (reader !== undefined) {
        const { done, value } = await network(options, () => reader.read());
        if (done) break;
        clearTimeout(timer);
        timer = setTimeout(() => silence.abort(), silenceMs);
        size += value.length;
        if (size > options.pinned.bytes) {
          await reader.cancel();
          break;
        }
        await writeAll(file, value, size - value.length);
        options.onProgress(size);
      }
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    options.signal?.throwIfAborted();
    if (!(error instanceof Unreachable)) throw error;
    if (size <= have || attempt === maxAttempts) throw unreachable(options, error.cause);
    return size;
  } finally {
    clearTimeout(timer);
  }
  if (size < options.pinned.bytes && size <= have) throw wrongBytes(options);
  return size;
}

/** A failure of the connection, told apart from one of the disk. */
class Unreachable extends Error {}

async function network<T>(options: DownloadOptions, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (cause) {
    throw new Unreachable(options.url.href, { cause });
  }
}

function requestHeaders(have: number): Record<string, string> {
  // A compressed answer has other offsets than the file.
  return { 'accept-encoding': 'identity', ...(have > 0 ? { range: `bytes=${have}-` } : {}) };
}

/** Offset of the answer's first byte in the file, or null when the answer is of no use. */
function startOf(response: Response, have: number): number | null {
  if (response.status === 200) return 0; // a server may ignore Range (RFC 9110 §14.2)
  const range = /^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '');
  return response.status === 206 && have > 0 && Number(range?.[1]) === have ? have : null;
}

async function writeAll(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
    throw error;
  }
}

function byHand({ path }: DownloadOptions): string {
  return `or put the file there by hand: ${path}`;
}

function unreachable(options: DownloadOptions, cause: unknown): UserError {
  const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
  const reason = inner instanceof Error ? ((inner as NodeJS.ErrnoException).code ?? inner.message) : String(inner);
  return new UserError(
    options.url.href,
    `cannot be reached, or the connection was lost (${reason})`,
    `Check the network (behind a proxy set NODE_USE_ENV_PROXY=1) and run the command again, it goes on where it stopped; ${byHand(options)}`,
    { cause },
  );
}

function refusedBy(options: DownloadOptions, status: number): UserError {
  return new UserError(
    options.url.href,
    `the server answers with status ${status}`,
    `Name a server that has the files with --url, ${byHand(options)}`,
  );
}

function wrongBytes(options: DownloadOptions): UserError {
  return new UserError(
    options.url.href,
    `gives other bytes than the published ${options.pinned.file} (${options.pinned.bytes} bytes, SHA-256 ${options.pinned.sha256})`,
    `Nothing of it was kept. Name another server with --url, ${byHand(options)}`,
  );
}
