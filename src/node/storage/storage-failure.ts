/** What a disk or SQLite refuses, said to the person who can mend it: where, what, what to do next. */
import { Problem, UserError } from '../../core/protocol/problem.ts';

/** Primary result codes of SQLite (sqlite.org/rescode.html); `errcode & 0xff` of an error of node:sqlite. */
const sqlite = {
  perm: 3,
  busy: 5,
  readonly: 8,
  ioerr: 10,
  corrupt: 11,
  full: 13,
  cantopen: 14,
  protocol: 15,
  notadb: 26,
};
/** SQLITE_IOERR_SHMSIZE: the shared-memory file beside a WAL cannot grow, which in practice is a full disk. */
const sharedMemorySize = 10 | (19 << 8);

/**
 * The error to throw instead of `error`: Problem `storage-full` when the disk or quota is used up, UserError for what the operator of
 * this machine can mend (permissions, a read-only disk, a damaged or foreign file), and `error` itself for anything else.
 */
export function storageFailure(error: unknown, path: string): unknown {
  if (!(error instanceof Error) || !('code' in error)) return error;
  if (error.code === 'ERR_SQLITE_ERROR' && 'errcode' in error) return sqliteFailure(error, Number(error.errcode), path);
  return systemFailure(error, String(error.code), path);
}

/** The code of a system error (`ENOENT`), or null. */
export function systemCode(error: unknown): string | null {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null;
}

function systemFailure(cause: Error, code: string, path: string): Error {
  switch (code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new Problem('storage-full', path, { cause });
    case 'EROFS':
      return new UserError(path, 'lies on a read-only disk', 'Use a directory that can be written to.', { cause });
    case 'EACCES':
    case 'EPERM':
      return new UserError(path, 'may not be written by this user', 'Run as its owner, or change its permissions.', {
        cause,
      });
    case 'EIO':
      return new UserError(path, 'the disk failed', 'Check the disk, then start again.', { cause });
    case 'EMFILE':
    case 'ENFILE':
      return new UserError(path, 'too many open files', 'Raise the limit of open files (ulimit -n).', { cause });
    default:
      return cause;
  }
}

function sqliteFailure(cause: Error, resultCode: number, path: string): Error {
  if (resultCode === sharedMemorySize) return new Problem('storage-full', path, { cause });
  switch (resultCode & 0xff) {
    case sqlite.full:
      return new Problem('storage-full', path, { cause });
    case sqlite.readonly:
    case sqlite.perm:
    case sqlite.cantopen:
      return new UserError(
        path,
        `cannot be opened for writing (${cause.message})`,
        'Check its folder and permissions.',
        {
          cause,
        },
      );
    case sqlite.notadb:
      return notDatabase(path, { cause });
    case sqlite.corrupt:
      return damaged(path, cause.message, { cause });
    case sqlite.busy:
    case sqlite.protocol:
      return new UserError(path, 'is in use by another process', 'Stop the other process first.', { cause });
    case sqlite.ioerr:
      return new UserError(path, `the disk failed (${cause.message})`, 'Check the disk, its space and quota.', {
        cause,
      });
    default:
      return cause;
  }
}

/** The error for a file that no database was ever in. */
export function notDatabase(path: string, options?: { cause?: unknown }): UserError {
  return new UserError(
    path,
    'is not a database',
    'Keep the file, and restore the newest backup; without one, what was in it is forgotten.',
    options,
  );
}

/** The error for a database file whose content does not hold together. */
export function damaged(path: string, what: string, options?: { cause?: unknown }): UserError {
  return new UserError(
    path,
    `the database is damaged (${what})`,
    'Restore it from a backup; keep the damaged file.',
    options,
  );
}
