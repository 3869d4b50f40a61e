/**
 * Kernels over the rows of a cohort. All arguments but counts are byte offsets into one memory, which threads may share: nothing
 * but `scratch`, targets and sums is written, and nothing lies at a fixed place. Unchecked, as all kernels; every implementation
 * gives the same bits.
 *
 * A *table* is `rows` unsigned 32-bit byte offsets, each of the first of `count` float32 values of one row: rows may lie anywhere,
 * at any multiple of 4. `scratch` is 16-byte aligned room of `cohortScratchBytes(rows)`. Values are finite.
 */
export interface CohortKernels {
  /**
   * sums[i·rows + j] (float64, only j < i) += ‖rowᵢ − rowⱼ‖². Direct differences, float32 lanes within blocks of 512
   * coordinates counted from the first; the lanes of a block add up in float64, (0 + 1) + (2 + 3), and so do blocks.
   */
  addSquaredDistances(table: number, rows: number, count: number, sums: number, scratch: number): void;
  /** sums[i] (float64) += ‖rowᵢ‖², in float64 in 16 lanes as `sumOfSquares` does. */
  addSquaredNorms(table: number, rows: number, count: number, sums: number, scratch: number): void;
  /** counts[2i] (unsigned 32-bit) += positive values of rowᵢ, counts[2i + 1] += values that are 0. */
  addSignCounts(table: number, rows: number, count: number, counts: number): void;
  /** target (float32) = Σ weights[i] (float64)·rowᵢ, added in float64 in the order of rows, rounded once. Rows of weight 0 count as 0. */
  combineRows(table: number, rows: number, count: number, weights: number, target: number, scratch: number): void;
  /** targetsᵢ = rowᵢ·factors[i] (float64), rounded once; 0 where the factor is 0. `targets` is a table; a target may be its own row. */
  scaleRows(table: number, rows: number, count: number, factors: number, targets: number): void;
  /**
   * targetₖ = the mean of the rows named by set k, in float64, rounded once. `sets` is unsigned 32-bit words: for each of `outputs` sets its
   * size, at least 1, then its ascending row numbers. Only rows that are named are added: (sum of all − others) would cancel beside a
   * long vector. The rows 0 to 3 are added up in order, then 4 to 7, …; then these sums in order. A set of one row copies it.
   */
  averageRows(
    table: number,
    rows: number,
    count: number,
    sets: number,
    outputs: number,
    targets: number,
    scratch: number,
  ): void;
  /**
   * Order statistics by a network that sorts, or selects (math/sorting-network.ts): `network` is `comparators` (at most 350 a row) pairs
   * of unsigned 32-bit wire numbers (low, high): after it the less of both values stands on the wire `low`. Then target = float32 of the
   * float64 mean of the values on wires `from` … `to`, both included, added to +0 in order of the wires: which zero of either sign is the
   * less is open, and never shows.
   * Fastest where consecutive comparators share a wire, as both kinds are made.
   */
  sortedMean(
    table: number,
    rows: number,
    count: number,
    network: number,
    comparators: number,
    from: number,
    to: number,
    target: number,
    scratch: number,
  ): void;
  /**
   * target = mean of the `keep` values nearest the median of each coordinate, ties to the lowest row. `network` sorts fully. The median and
   * distances are float64; of values on one side that only float64 rounds to the same distance, the nearer count first. The mean adds to +0
   * in float64, in ascending order of values, and rounds once.
   */
  nearestMedian(
    table: number,
    rows: number,
    count: number,
    network: number,
    comparators: number,
    keep: number,
    target: number,
    scratch: number,
  ): void;
}

/** Opens kernels over a memory. `memory` is what `allocate` gave, also in another thread. */
export interface CohortKernelSource {
  readonly name: 'simd' | 'twin';
  /** A memory of at least so many bytes, that threads can share; zeroed. Throws RangeError above 4 GiB, or where there is not so much. */
  allocate(bytes: number): CohortMemory;
  open(memory: CohortMemory): CohortKernels;
}

/** Shared memory: send `handle` to another thread and open it there. */
export interface CohortMemory {
  readonly buffer: ArrayBufferLike;
  /** WebAssembly.Memory for `simd`, the buffer itself for `twin`. */
  readonly handle: unknown;
}

/** Bytes of scratch that any kernel needs for so many rows. */
export function cohortScratchBytes(rows: number): number {
  return 8 * 1024 * Math.max(8, rows);
}
