/** Folders that only their owner reads. */
import { mkdirSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { UserError } from '../../core/protocol/problem.ts';
import { syncFolder } from '../durable-file.ts';
import { storageFailure, systemCode } from './storage-failure.ts';

/**
 * Makes the folder and those above it that are missing, with mode 0700, durably. A folder that exists keeps its mode.
 * Throws UserError, Problem `storage-full`.
 */
export function makePrivateFolder(path: string): void {
  const folder = resolve(path);
  try {
    const found = statSync(folder, { throwIfNoEntry: false });
    if (found?.isDirectory()) return;
    if (found !== undefined) throw notFolder(folder);
    makePrivateFolder(dirname(folder));
    mkdirSync(folder, { mode: 0o700 });
    syncFolder(dirname(folder));
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ENOTDIR') throw notFolder(folder, error);
    if (code !== 'EEXIST') throw storageFailure(error, folder);
  }
}

function notFolder(path: string, cause?: unknown): UserError {
  return new UserError(path, 'is not a folder', 'Name a folder, or move the file that has its name.', { cause });
}
