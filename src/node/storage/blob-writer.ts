/** Writing one blob: temporary file → fsync → rename → fsync of the folder. A crash leaves the old value or the new one. */
import { closeSync, fsync, openSync, renameSync, write } from 'node:fs';
import { rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import type { BlobWriter } from '../../core/protocol/ports.ts';
import type { BlobFolders } from './blob-folders.ts';
import { storageFailure, systemCode } from './storage-failure.ts';

const writeFile = promisify(write);
const fsyncFile = promisify(fsync);

/** Chunks shorter than this are gathered, so that a value that arrives in network frames costs few writes. */
const gatherBytes = 64 * 1024;

/** What has just been done for a value, in order. Kill tests end the process here. */
export const blobStages = ['created', 'written', 'synced', 'renamed', 'durable'] as const;
export type BlobStage = (typeof blobStages)[number];

export class FileBlobWriter implements BlobWriter {
  readonly #temporary: string;
  readonly #target: string;
  readonly #folders: BlobFolders;
  readonly #stage: (stage: BlobStage) => void;
  /** Descriptor of the temporary file; null once the value is committed or forgotten. */
  #file: number | null;
  #gathered: Uint8Array | null = null;
  #count = 0;
  /** The temporary file may exist. */
  #pending = true;

  /** Creates the file `temporary`, on the disk of `target`. Throws Problem `storage-full`, UserError. */
  constructor(temporary: string, target: string, folders: BlobFolders, stage: (stage: BlobStage) => void) {
    this.#temporary = temporary;
    this.#target = target;
    this.#folders = folders;
    this.#stage = stage;
    try {
      this.#file = openSync(temporary, 'wx', 0o600);
    } catch (error) {
      throw storageFailure(error, temporary);
    }
    stage('created');
  }

  async write(chunk: Uint8Array): Promise<void> {
    const file = this.#opened();
    if (this.#count + chunk.length > gatherBytes) await this.#flush(file);
    if (chunk.length >= gatherBytes) return this.#append(file, chunk);
    this.#gathered ??= new Uint8Array(gatherBytes);
    this.#gathered.set(chunk, this.#count);
    this.#count += chunk.length;
  }

  async commit(): Promise<void> {
    const file = this.#opened();
    await this.#flush(file);
    this.#stage('written');
    try {
      await fsyncFile(file);
      this.#stage('synced');
      this.#file = null;
      closeSync(file);
      this.#rename();
      this.#pending = false;
      this.#stage('renamed');
      await this.#folders.sync(dirname(this.#target));
      this.#stage('durable');
    } catch (error) {
      if (isPrefixConflict(error)) throw new RangeError(`blobs: a key is the folder of another: ${this.#target}`);
      throw storageFailure(error, this.#target);
    }
  }

  async abort(): Promise<void> {
    if (this.#file !== null) closeSync(this.#file);
    this.#file = null;
    if (!this.#pending) return;
    this.#pending = false;
    try {
      await rm(this.#temporary, { force: true });
    } catch (error) {
      throw storageFailure(error, this.#temporary);
    }
  }

  #opened(): number {
    if (this.#file === null) throw new TypeError('blobs: this value was committed or forgotten');
    return this.#file;
  }

  async #flush(file: number): Promise<void> {
    if (this.#gathered === null || this.#count === 0) return;
    const bytes = this.#gathered.subarray(0, this.#count);
    this.#count = 0;
    await this.#append(file, bytes);
  }

  async #append(file: number, bytes: Uint8Array): Promise<void> {
    try {
      for (let at = 0; at < bytes.length; ) {
        at += (await writeFile(file, bytes, at, bytes.length - at)).bytesWritten;
      }
    } catch (error) {
      throw storageFailure(error, this.#target);
    }
  }

  #rename(): void {
    const folder = dirname(this.#target);
    try {
      this.#folders.make(folder);
      renameSync(this.#temporary, this.#target);
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') throw error;
      this.#folders.forget(folder);
      this.#folders.make(folder);
      renameSync(this.#temporary, this.#target);
    }
  }
}

/** A value lies where a folder would have to be, or the other way round. */
function isPrefixConflict(error: unknown): boolean {
  return ['ENOTDIR', 'EISDIR'].includes(systemCode(error) ?? '');
}
