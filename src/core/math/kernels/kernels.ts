/** The port to the numeric kernels: functions over one memory, addressed by byte offsets. Two implementations, equal to the bit. */
import type { GramKernels } from './gram.ts';
import type { HadamardKernels } from './hadamard.ts';
import type { ImageKernels } from './image.ts';
import type { LossKernels } from './loss.ts';
import type { MaskKernels } from './mask.ts';
import type { NoiseKernels } from './noise.ts';
import type { NormaliseKernels } from './normalise.ts';
import type { PackedProductKernels } from './packed-product.ts';
import type { RecurrentKernels } from './recurrent.ts';
import type { RowKernels } from './rows.ts';
import type { StepKernels } from './step.ts';
import type { TokenKernels } from './token.ts';
import type { WordSumKernels } from './word-sum.ts';

/** Codes of hidden-layer activations. */
export const activations = { none: 0, relu: 1, tanh: 2, sigmoid: 3 } as const;
export type Activation = keyof typeof activations;

/** The first bytes of every memory are scratch of the kernels; `Layout` leaves them out. */
export const reservedBytes = 147_456;

/**
 * Every argument named after a tensor is the byte offset of float32 values, row-major, inside what a `Layout` laid out.
 * Nothing is checked: offsets and counts outside the memory are our own misuse. Every element is computed in a fixed
 * order, so that all implementations give the same bits; only the bits of a NaN are open.
 */
export interface KernelFunctions
  extends GramKernels,
    HadamardKernels,
    ImageKernels,
    LossKernels,
    MaskKernels,
    NoiseKernels,
    NormaliseKernels,
    PackedProductKernels,
    RecurrentKernels,
    RowKernels,
    StepKernels,
    TokenKernels,
    WordSumKernels {
  /** C = A·B: A rows × inner, B inner × columns. Every element adds up in float32, inner index ascending. */
  product(a: number, b: number, c: number, rows: number, inner: number, columns: number): void;
  /** C = activation(A·Bᵀ + bias): A rows × inner, B columns × inner, bias one value per column (0: none). */
  productTransposed(
    a: number,
    b: number,
    bias: number,
    c: number,
    rows: number,
    inner: number,
    columns: number,
    activation: number,
  ): void;
  /** C += Aᵀ·B: A inner × rows, B inner × columns. */
  addTransposedProduct(a: number, b: number, c: number, rows: number, inner: number, columns: number): void;
  /**
   * C += A·B with strides in bytes: aOuter between rows of A, aInner between its inner indices, bInner and bOuter the same
   * for B (outer: columns), stride between rows of C, whose columns are adjacent. One of aOuter and aInner is 4, and one of bInner and bOuter.
   */
  addProduct(
    a: number,
    aOuter: number,
    aInner: number,
    b: number,
    bInner: number,
    bOuter: number,
    c: number,
    stride: number,
    rows: number,
    inner: number,
    columns: number,
  ): void;
  /** sums += the sum of the rows of A (rows × columns), `stride` bytes from one row to the next. */
  addColumnSums(a: number, stride: number, sums: number, rows: number, columns: number): void;
  /** values = activation(values). */
  activate(values: number, count: number, activation: number): void;
  /** gradient *= derivative of the activation where it gave `values`. A gradient of relu at 0 is 0. */
  activationGradient(values: number, gradient: number, count: number, activation: number): void;
  /** Sum of squares in float64, in 16 lanes; not finite exactly when a value is not. */
  sumOfSquares(values: number, count: number): number;
  /** sums (float64) += weight·values, in float64. */
  addWeighted(values: number, sums: number, count: number, weight: number): void;
  /** output (float32) = sums (float64) / divisor. */
  divideToFloat(sums: number, output: number, count: number, divisor: number): void;
}

export interface Kernels extends KernelFunctions {
  /** `simd` is WebAssembly; `twin` the same in plain TypeScript. */
  readonly name: 'simd' | 'twin';
  /** The memory that offsets point into. */
  readonly buffer: ArrayBuffer;
}

/** Makes kernels with a memory of at least so many bytes, zeroed or not; `release` lets another caller reuse the memory. */
export interface KernelSource {
  readonly name: Kernels['name'];
  acquire(bytes: number): Kernels;
  release(kernels: Kernels): void;
}

/** Lays tensors out in a memory to be: 16-byte boundaries, behind the scratch. */
export class Layout {
  #bytes = reservedBytes;

  /** Bytes laid out so far. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Byte offset of `count` float32 values, padded to whole vectors of 16 bytes. */
  float32(count: number): number {
    return this.#take(4 * count);
  }

  /** Byte offset of `count` float64 values. */
  float64(count: number): number {
    return this.#take(8 * count);
  }

  #take(bytes: number): number {
    const offset = this.#bytes;
    this.#bytes += Math.ceil(bytes / 16) * 16;
    return offset;
  }
}
