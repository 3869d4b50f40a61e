/** The weighted mean of update vectors, streamed: float64 sums, one update after the other, chunk by chunk. */
import { bestKernels } from '../math/kernels/best.ts';
import { type KernelSource, type Kernels, Layout } from '../math/kernels/kernels.ts';
import { sumOfSquaresTwin } from '../math/kernels/sum-twin.ts';
import { twinKernels } from '../math/kernels/twin.ts';

/** Values copied into kernel memory at a time: they stay in the cache between copy and use. */
const blockFloats = 16_384;
/** Below so many values a kernel call costs more than it saves; the twin gives the same bits. */
const smallLength = 4_096;

export interface UpdateScan {
  /** False when a value is NaN or infinite. */
  readonly finite: boolean;
  /** Σx² in float64; not a finite number when `finite` is false. */
  readonly sumOfSquares: number;
}

/**
 * Finiteness and squared L2 norm of a vector, or of one chunk of it, in one pass. The order of addition is fixed for a
 * chunk; cut into other chunks, the same vector may differ in the last bits of its float64 sum.
 */
export function scanUpdate(values: Float32Array, source: KernelSource = bestKernels()): UpdateScan {
  const sumOfSquares =
    values.length < smallLength || source.name === 'twin'
      ? sumBlocks(values, sumOfSquaresTwin)
      : sumInKernel(values, source);
  return { finite: Number.isFinite(sumOfSquares), sumOfSquares };
}

/**
 * Σ weight·update over the updates of a cohort. For each element the terms add up in the order of the calls, whatever
 * the chunks are; the caller fixes that order. Memory: one float64 vector.
 */
export class WeightedSum {
  readonly #length: number;
  readonly #source: KernelSource;
  readonly #sums: number;
  readonly #block: number;
  #kernels: Kernels | null;

  /** @param length number of values of an update. */
  constructor(length: number, source: KernelSource = length < smallLength ? twinKernels : bestKernels()) {
    if (!Number.isInteger(length) || length < 0) throw new RangeError(`WeightedSum: the length is ${length}`);
    const layout = new Layout();
    this.#length = length;
    this.#source = source;
    this.#sums = layout.float64(length);
    this.#block = layout.float32(Math.min(length, blockFloats));
    this.#kernels = source.acquire(layout.bytes);
    new Float64Array(this.#kernels.buffer, this.#sums, length).fill(0);
  }

  /**
   * Adds weight × chunk to the elements from `offset`.
   * Throws RangeError for a chunk outside the vector or a weight that is not positive and finite.
   */
  add(chunk: Float32Array, offset: number, weight: number): void {
    const kernels = this.#open();
    if (!(weight > 0 && Number.isFinite(weight))) throw new RangeError(`WeightedSum: the weight is ${weight}`);
    if (!Number.isInteger(offset) || offset < 0 || offset + chunk.length > this.#length) {
      throw new RangeError(`WeightedSum: ${chunk.length} values at ${offset} are outside ${this.#length}`);
    }
    const block = new Float32Array(kernels.buffer, this.#block, Math.min(this.#length, blockFloats));
    for (let at = 0; at < chunk.length; at += blockFloats) {
      const part = at === 0 && chunk.length <= blockFloats ? chunk : chunk.subarray(at, at + blockFloats);
      block.set(part);
      kernels.addWeighted(this.#block, this.#sums + 8 * (offset + at), part.length, weight);
    }
  }

  /** The sum divided by `totalWeight` (> 0), in float32. Ends the sum: nothing can be added afterwards. */
  mean(totalWeight: number): Float32Array<ArrayBuffer> {
    const kernels = this.#open();
    if (!(totalWeight > 0 && Number.isFinite(totalWeight))) {
      throw new RangeError(`WeightedSum: the total weight is ${totalWeight}`);
    }
    const result = new Float32Array(this.#length);
    for (let at = 0; at < this.#length; at += blockFloats) {
      const count = Math.min(blockFloats, this.#length - at);
      kernels.divideToFloat(this.#sums + 8 * at, this.#block, count, totalWeight);
      result.set(new Float32Array(kernels.buffer, this.#block, count), at);
    }
    this.#close(kernels);
    return result;
  }

  /** The sum itself. Ends it: nothing can be added afterwards. */
  sum(): Float64Array<ArrayBuffer> {
    const kernels = this.#open();
    const result = new Float64Array(this.#length);
    result.set(new Float64Array(kernels.buffer, this.#sums, this.#length));
    this.#close(kernels);
    return result;
  }

  #close(kernels: Kernels): void {
    this.#kernels = null;
    this.#source.release(kernels);
  }

  #open(): Kernels {
    if (this.#kernels === null) throw new TypeError('WeightedSum: it was already taken');
    return this.#kernels;
  }
}

function sumBlocks(values: Float32Array, sumOfBlock: (block: Float32Array) => number): number {
  let sum = 0;
  for (let at = 0; at < values.length; at += blockFloats) sum += sumOfBlock(values.subarray(at, at + blockFloats));
  return sum;
}

function sumInKernel(values: Float32Array, source: KernelSource): number {
  const layout = new Layout();
  const at = layout.float32(blockFloats);
  const kernels = source.acquire(layout.bytes);
  const scratch = new Float32Array(kernels.buffer, at, blockFloats);
  const sum = sumBlocks(values, block => {
    scratch.set(block);
    return kernels.sumOfSquares(at, block.length);
  });
  source.release(kernels);
  return sum;
}
