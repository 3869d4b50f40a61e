/** The port to the vectors of a round: two passes over them, whatever their length and wherever they lie. */
import type { Statistics } from './statistics.ts';

/**
 * One step of a transformation of rows. References are rows like others: a step names them too.
 *
 * `scale`: row i times factors[i]; a factor of 0 gives zeros. `average`: each new row is the mean of the named rows, added in
 * float64 in the order of their indices and rounded once; a set of one row selects it.
 */
export type TransformStep =
  | { readonly kind: 'scale'; readonly factors: Float64Array }
  | { readonly kind: 'average'; readonly sets: readonly (readonly number[])[] };

/** Steps applied one after the other to every chunk as it is loaded. Empty: the rows as they are. */
export type Transform = readonly TransformStep[];

/** What makes one value of the values of all (transformed) rows at a coordinate. Ties go to the lowest row; an even median is the mean of both middles. */
export type CoordinateCombination =
  | { readonly kind: 'median' }
  /** Mean without the `cut` least and the `cut` greatest values; 2·cut < rows. */
  | { readonly kind: 'trimmed-mean'; readonly cut: number }
  /** Mean of the `keep` values nearest the median; 1 ≤ keep ≤ rows. */
  | { readonly kind: 'nearest-median'; readonly keep: number };

export interface MeasureRequest {
  readonly transform: Transform;
  /** How many of the transformed rows are updates; the rest are references. */
  readonly updates: number;
  readonly distances: boolean;
  /** False: squared norms are left out, and are NaN. */
  readonly norms?: boolean;
  readonly signs: boolean;
  /** Ascending coordinates to look at, each once; null: all. */
  readonly coordinates: Uint32Array | null;
}

/**
 * Vectors of one length. Memory: O(rows × chunk) whatever the length is. Every result is the same bytes for any number of
 * workers: chunks are cut at fixed places, and what they give is added in index order. The vectors are never written.
 * All values must be finite, and ‖x‖ ≤ 2^60: admission sees to it.
 */
export interface Cohort {
  /** Rows before any transform. */
  readonly rows: number;
  /** Values of each. */
  readonly length: number;
  /** Pass 1. */
  measure(request: MeasureRequest): Promise<Statistics>;
  /** Pass 2 of a weights rule: Σ weights[i]·rowᵢ in float64, in the order of rows, rounded to float32 once. Rows of weight 0 are not read. */
  combine(weights: Float64Array): Promise<Float32Array>;
  /** Pass 2 of a coordinate rule, over the transformed rows. */
  combineCoordinates(transform: Transform, combination: CoordinateCombination): Promise<Float32Array>;
  /** Gives back memory, files and threads. */
  close(): Promise<void>;
}

/** Vectors of one length that can be read by stretches, in any order, any number of times. */
export interface Vectors {
  readonly count: number;
  readonly length: number;
  /** Copies the values from `from` on into `target`, as many as it holds. Rejects when they cannot be read. */
  read(vector: number, from: number, target: Float32Array): Promise<void>;
  close(): Promise<void>;
}
