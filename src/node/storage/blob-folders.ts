/** The folders that blobs lie in: made durably when a value needs them, removed when the last value has gone. */
import { closeSync, fsync, mkdirSync, openSync, rmdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { syncFolder } from '../durable-file.ts';
import { systemCode } from './storage-failure.ts';

const fsyncFile = promisify(fsync);

export class BlobFolders {
  readonly #root: string;
  /** Folders whose own entry is known to be on the disk. */
  readonly #durable: Set<string>;

  /** @param root absolute path of a durable folder; everything happens below it. */
  constructor(root: string) {
    this.#root = root;
    this.#durable = new Set([root]);
  }

  /**
   * Makes the folder and those above it, and their entries durable. It does not yield, so that a rename right after it finds the
   * folder whatever is removed beside it; a folder costs one blocking fsync in its life.
   */
  make(folder: string): void {
    if (this.#durable.has(folder)) return;
    this.make(dirname(folder));
    try {
      mkdirSync(folder, { mode: 0o700 });
    } catch (error) {
      if (systemCode(error) !== 'EEXIST') throw error;
    }
    syncFolder(dirname(folder));
    this.#durable.add(folder);
  }

  /** Makes the names in a folder durable. Windows has no such call and journals names by itself. */
  async sync(folder: string): Promise<void> {
    if (process.platform === 'win32') return;
    const handle = openSync(folder, 'r');
    try {
      await fsyncFile(handle);
    } finally {
      closeSync(handle);
    }
  }

  /** Somebody else removed the folder, or one above it: `make` looks again. */
  forget(folder: string): void {
    for (let at = folder; at !== this.#root; at = dirname(at)) this.#durable.delete(at);
  }

  /** Removes the folder and those above it as far as they are empty. A value that is being written makes them again. */
  removeEmpty(folder: string): void {
    for (let at = folder; at !== this.#root; at = dirname(at)) {
      this.#durable.delete(at);
      try {
        rmdirSync(at);
      } catch {
        return; // not empty, or gone
      }
    }
  }
}
