/** A pass over the rows of a cohort, as data: what is asked of every chunk, and what a chunk of a measurement answers. */
import type { CoordinateCombination, MeasureRequest, Transform } from './cohort.ts';

/** Coordinates of a chunk, the last one excepted. Sums begin anew with each; shards and workers divide a vector here only. */
export const chunkCoordinates = 32_768;

/** What to do with each chunk; can be sent to a thread as it is. */
export type Pass = MeasurePass | CombinePass;
export type MeasurePass = { readonly kind: 'measure' } & MeasureRequest;
/** Writes one value for each coordinate. */
export type CombinePass =
  | { readonly kind: 'combine'; readonly weights: Float64Array }
  | {
      readonly kind: 'combine-coordinates';
      readonly transform: Transform;
      readonly combination: CoordinateCombination;
    };

/** What is measured of one chunk. */
export interface ChunkSums {
  /** rows × rows, only j < i is filled; of length 0 where distances were not asked for. */
  readonly distances: Float64Array<ArrayBuffer>;
  readonly squaredNorms: Float64Array<ArrayBuffer>;
  /** Positive values and zeros of each row in turn; of length 0 where signs were not asked for. */
  readonly signs: Uint32Array<ArrayBuffer>;
}

/** The transform of a pass. */
export function transformOf(pass: Pass): Transform {
  return pass.kind === 'combine' ? [] : pass.transform;
}

/** Rows that come out of a transform of so many. */
export function rowsBehind(transform: Transform, rows: number): number {
  const last = transform.findLast(step => step.kind === 'average');
  return last === undefined ? rows : last.sets.length;
}

/** How many chunks a vector has. */
export function chunkCount(length: number): number {
  return Math.ceil(length / chunkCoordinates);
}

/** The chunks that a pass has to look at, ascending. */
export function chunksOf(pass: Pass, length: number): number[] {
  if (pass.kind === 'measure' && pass.coordinates !== null) {
    return [...new Set(Array.from(pass.coordinates, coordinate => Math.floor(coordinate / chunkCoordinates)))];
  }
  return Array.from({ length: chunkCount(length) }, (_, chunk) => chunk);
}

/** Throws RangeError unless the pass fits a cohort of so many rows of that length. */
export function checkPass(pass: Pass, rows: number, length: number): void {
  checkTransform(transformOf(pass), rows);
  const left = rowsBehind(transformOf(pass), rows);
  if (pass.kind === 'measure') {
    need(isBetween(pass.updates, 0, left), `${pass.updates} updates of ${left} rows`);
    checkCoordinates(pass.coordinates, length);
  } else if (pass.kind === 'combine') {
    need(pass.weights.length === rows, `${pass.weights.length} weights for ${rows} rows`);
    need(pass.weights.every(Number.isFinite), 'a weight that is not finite');
  } else {
    need(left > 0, 'no row to combine');
    const { combination } = pass;
    if (combination.kind === 'trimmed-mean') {
      need(isBetween(combination.cut, 0, (left - 1) / 2), `${combination.cut} values cut on each side of ${left}`);
    } else if (combination.kind === 'nearest-median') {
      need(isBetween(combination.keep, 1, left), `${combination.keep} values kept of ${left}`);
    }
  }
}

function checkTransform(transform: Transform, rows: number): void {
  for (const step of transform) {
    if (step.kind === 'scale') {
      need(step.factors.length === rows, `${step.factors.length} factors for ${rows} rows`);
      need(step.factors.every(Number.isFinite), 'a factor that is not finite');
      continue;
    }
    for (const set of step.sets) {
      need(set.length > 0, 'an empty set');
      need(new Set(set).size === set.length, 'a set that names a row twice');
      for (const row of set) need(isBetween(row, 0, rows - 1), `row ${row} of ${rows}`);
    }
    rows = step.sets.length;
  }
}

function checkCoordinates(coordinates: Uint32Array | null, length: number): void {
  if (coordinates === null) return;
  const isAscending = coordinates.every((coordinate, i) => i === 0 || coordinate > coordinates[i - 1]);
  need(isAscending, 'coordinates that do not ascend');
  const last = coordinates.at(-1) ?? -1;
  need(last < length, `coordinate ${last} of ${length}`);
}

function isBetween(value: number, least: number, most: number): boolean {
  return Number.isInteger(value) && value >= least && value <= most;
}

function need(holds: boolean, found: string): void {
  if (!holds) throw new RangeError(`cohort: ${found}`);
}
