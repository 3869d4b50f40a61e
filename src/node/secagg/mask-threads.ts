/** Worker threads that add masks: each takes part after part of a vector in shared memory. */

import { UserError } from '../../core/protocol/problem.ts';
import { applyMasks, type MaskOptions } from '../../core/secagg/apply-masks.ts';
import type { Mask } from '../../core/secagg/mask.ts';
import { expectMaskable, type MaskSegment } from '../../core/secagg/mask-plan.ts';
import { type AnswerMessage, type AskedMessage, startAskedThreads } from '../asked-thread.ts';
import { nodeHkdf } from '../hkdf.ts';
import { nodeKeystream } from '../keystream.ts';

/** A part of a vector, words `from` to `to`, and what to add to it. The seeds are copied to the thread, which does not wipe them. */
export interface MaskPart {
  readonly masks: readonly Mask[];
  readonly segment: MaskSegment;
  readonly vector: Int32Array<SharedArrayBuffer>;
  readonly from: number;
  readonly to: number;
}
export type MaskRequest = AskedMessage<MaskPart>;
/** A refusal is what the part failed with. */
export type MaskAnswer = AnswerMessage<null, string>;

export interface MaskThreads {
  /** Threads beside this one; with none the work is done in this one. */
  readonly count: number;
  /**
   * As `applyMasks` of the core, with Node's keystream. A vector in shared memory is masked in place, any other in a copy of it; after a
   * rejection no thread writes into it any more. Work of less than half a millisecond is done in this thread.
   */
  applyMasks(
    masks: readonly Mask[],
    segment: MaskSegment,
    vector: Int32Array,
    options?: Omit<MaskOptions, 'kernels'>,
  ): Promise<void>;
  /** Ends the threads; what they were at rejects, and what they would get later. */
  close(): Promise<void>;
}

/** Words times masks below which asking a thread is not worth it. */
const smallWork = 2 ** 19;
/** Most words of a part, so that progress is told and an abort is heard; a multiple of the core's chunks. */
const partWords = 2 ** 18;
const chunkWords = 2 ** 14;

/** Whether so many masks on so many words take less than half a millisecond, about. */
export function isSmallMasking(masks: number, words: number): boolean {
  return masks * words < smallWork;
}

/** Starts so many threads. They do not keep the process alive. Rejects when one cannot start. */
export async function maskThreads(count: number): Promise<MaskThreads> {
  // mask-thread.ts in a checkout, mask-thread.js in a package.
  const file = import.meta.url.endsWith('.ts') ? './mask-thread.ts' : './mask-thread.js';
  const threads = await startAskedThreads<MaskPart, null, string>(count, new URL(file, import.meta.url), {
    refused: message => new Error(message),
    ended,
  });
  return {
    count,
    async applyMasks(masks, segment, vector, options = {}) {
      const { from = 0, to = segment.length } = options;
      if (count === 0 || isSmallMasking(masks.length, to - from)) {
        return applyMasks(masks, segment, vector, nodeKeystream, { hkdf: nodeHkdf }, options);
      }
      expectMaskable(masks, segment, vector, from, to);
      const work = { masks, segment, vector: shared(vector), from, to };
      await shareOut(threads, work, options);
      if (work.vector !== vector) vector.set(work.vector);
    },
    close: async () => void (await Promise.all(threads.map(thread => thread.close()))),
  };
}

/** Deals the parts out; rejects when no thread is at work any more. */
async function shareOut(
  threads: readonly { ask(part: MaskPart): Promise<null> }[],
  work: MaskPart,
  { onProgress, signal }: MaskOptions,
): Promise<void> {
  const { from, to } = work;
  const share = Math.ceil((to - from) / threads.length / chunkWords) * chunkWords;
  const words = Math.min(partWords, share);
  let next = from;
  let done = 0;
  const takeParts = async (thread: (typeof threads)[number]) => {
    while (next < to) {
      signal?.throwIfAborted();
      const part = { ...work, from: next, to: Math.min(next + words, to) };
      next = part.to;
      try {
        await thread.ask(part);
      } catch (error) {
        // The rest is of no use.
        next = to;
        throw error;
      }
      done += part.to - part.from;
      onProgress?.(done / (to - from));
    }
  };
  const ends = await Promise.allSettled(threads.map(takeParts));
  const failed = ends.find(end => end.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

/** The vector itself where it is shared, else a copy. */
function shared(vector: Int32Array): Int32Array<SharedArrayBuffer> {
  if (isShared(vector)) return vector;
  const copy = new Int32Array(new SharedArrayBuffer(vector.byteLength));
  copy.set(vector);
  return copy;
}

function isShared(vector: Int32Array): vector is Int32Array<SharedArrayBuffer> {
  return vector.buffer instanceof SharedArrayBuffer;
}

function ended(what: string, cause?: unknown): Error {
  return new UserError('mask thread', what, 'Restart this process; with fewer threads it takes less memory.', {
    cause,
  });
}
