/** Adds masks to a vector, or takes them from it: the long part of a round, in bounded memory. */
import type { GroupPrimitives, Keystream } from '../crypto/group-primitives.ts';
import { bestKernels } from '../math/kernels/best.ts';
import { type KernelSource, type Kernels, Layout } from '../math/kernels/kernels.ts';
import type { Mask } from './mask.ts';
import { expectMaskable, type MaskSegment, streamKey, wordBytes } from './mask-plan.ts';

export interface MaskOptions {
  /** Hears now and then which fraction is done, 0–1. */
  readonly onProgress?: (fraction: number) => void;
  /** Ends the work early, with its reason; the vector is then neither masked nor clear and must be thrown away. */
  readonly signal?: AbortSignal;
  /** First word of the part to mask (default 0) and the word behind its last (default: all). Parts together are the whole. */
  readonly from?: number;
  readonly to?: number;
  /** Default: the fastest of this platform. */
  readonly kernels?: KernelSource;
}

type Reader = ReturnType<Keystream['open']>;

/** Words masked at a time: they and their keystream lie in the second-level cache. */
const chunkWords = 16_384;
/** Keystreams open at once. */
const openStreams = 64;
/** Chunks of keystream in the making, where the platform makes them beside this thread. */
const slots = 4;

/**
 * vector = vector + Σ sign·PRG(seed) modulo 2^bits, in place: values leave as 0 to 2^bits − 1, those of 32 bits as signed integers. Any
 * 32-bit integers may come in. The order of the masks does not matter. With a keystream that answers at once this thread does nothing else
 * until it is done. Throws RangeError for a vector of another length than the segment's, a part outside it, or seeds of another length.
 */
export async function applyMasks(
  masks: readonly Mask[],
  segment: MaskSegment,
  vector: Int32Array,
  keystream: Keystream,
  primitives: Pick<GroupPrimitives, 'hkdf'>,
  options: MaskOptions = {},
): Promise<void> {
  const { from = 0, to = segment.length, onProgress, signal, kernels: source = bestKernels() } = options;
  expectMaskable(masks, segment, vector, from, to);
  const adder = new Adder(source, segment);
  const fromByte = from * wordBytes(segment);
  const total = Math.max(1, masks.length) * (to - from);
  try {
    // Without masks once as well: values leave in their range.
    for (let first = 0; first === 0 || first < masks.length; first += openStreams) {
      const batch = masks.slice(first, first + openStreams);
      const readers = batch.map(({ seed }) => keystream.open(streamKey(seed, segment, primitives), fromByte));
      for (let start = from; start < to; start += chunkWords) {
        signal?.throwIfAborted();
        const chunk = vector.subarray(start, Math.min(start + chunkWords, to));
        const pending = adder.add(batch, readers, chunk);
        if (pending !== undefined) await pending;
        onProgress?.((first * (to - from) + batch.length * (start + chunk.length - from)) / total);
      }
    }
  } finally {
    await adder.close();
  }
}

/** Holds a chunk of the vector, and keystream for it, in the memory of the kernels. */
class Adder {
  readonly #source: KernelSource;
  readonly #kernels: Kernels;
  readonly #bits: number;
  readonly #wordBytes: 2 | 4;
  readonly #sums: number;
  readonly #stream: number;
  /** Of each slot used so far: the fill under way, which writes into the memory until it has settled. */
  #filling: (Promise<void> | undefined)[] = [];

  constructor(source: KernelSource, segment: MaskSegment) {
    const layout = new Layout();
    this.#bits = segment.bits;
    this.#wordBytes = wordBytes(segment);
    this.#sums = layout.float32(chunkWords);
    this.#stream = layout.float32(slots * chunkWords);
    this.#source = source;
    this.#kernels = source.acquire(layout.bytes);
  }

  /** chunk += the next words of every reader, with the signs of the masks; a promise where the readers answer with promises. */
  add(masks: readonly Mask[], readers: readonly Reader[], chunk: Int32Array): Promise<void> | undefined {
    const sums = new Int32Array(this.#kernels.buffer, this.#sums, chunk.length);
    sums.set(chunk);
    for (const [i, reader] of readers.entries()) {
      const pending = this.#fill(reader, 0, chunk.length);
      if (pending !== undefined) return this.#addLater(masks, readers, chunk, sums);
      this.#addSlot(0, masks[i], chunk.length);
    }
    this.#finish(chunk, sums);
    return undefined;
  }

  /** As `add`, from the moment on when the first fill has answered with a promise. */
  async #addLater(
    masks: readonly Mask[],
    readers: readonly Reader[],
    chunk: Int32Array,
    sums: Int32Array,
  ): Promise<void> {
    let filled = 1;
    for (let added = 0; added < readers.length; added++) {
      for (; filled < Math.min(added + slots, readers.length); filled++) {
        this.#fill(readers[filled], filled % slots, chunk.length);
      }
      await this.#filling[added % slots];
      this.#addSlot(added % slots, masks[added], chunk.length);
    }
    this.#finish(chunk, sums);
  }

  /** Gives the memory back, without what was in it. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#filling);
    new Int32Array(this.#kernels.buffer, this.#sums, chunkWords).fill(0);
    new Int32Array(this.#kernels.buffer, this.#stream, this.#filling.length * chunkWords).fill(0);
    this.#source.release(this.#kernels);
  }

  #fill(reader: Reader, slot: number, words: number): Promise<void> | undefined {
    const target = new Uint8Array(this.#kernels.buffer, this.#slot(slot), words * this.#wordBytes);
    const pending = reader.fill(target) ?? undefined;
    this.#filling[slot] = pending;
    // Whoever waits for it hears of its failure; until then nobody does.
    pending?.catch(() => undefined);
    return pending;
  }

  #addSlot(slot: number, { sign }: Mask, words: number): void {
    if (this.#wordBytes === 2) this.#kernels.addWords16(this.#slot(slot), this.#sums, words, sign);
    else this.#kernels.addWords32(this.#slot(slot), this.#sums, words, sign);
  }

  #finish(chunk: Int32Array, sums: Int32Array): void {
    if (this.#bits < 32) this.#kernels.keepLowBits(this.#sums, chunk.length, this.#bits);
    chunk.set(sums);
  }

  #slot(slot: number): number {
    return this.#stream + 4 * chunkWords * slot;
  }
}
