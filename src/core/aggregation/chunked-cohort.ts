/** A cohort over anything that can do a pass chunk by chunk: in this thread, or in several. */
import type { Cohort, CoordinateCombination, MeasureRequest, Transform } from './cohort.ts';
import { type ChunkSums, type CombinePass, checkPass, chunksOf, type MeasurePass, rowsBehind } from './passes.ts';
import type { Statistics } from './statistics.ts';

export interface ChunkRunner {
  readonly rows: number;
  readonly length: number;
  /** Does the pass over these chunks and hands over the sums of each once, in any order. Rejects when a row cannot be read. */
  measure(pass: MeasurePass, chunks: readonly number[], take: (chunk: number, sums: ChunkSums) => void): Promise<void>;
  /** Does the pass over all chunks. Rejects when a row cannot be read. */
  combine(pass: CombinePass): Promise<Float32Array>;
  close(): Promise<void>;
}

/** The sums of chunks are added in the order of chunks, whoever makes them: the same bytes for any number of workers. */
export function chunkedCohort(runner: ChunkRunner): Cohort {
  const { rows, length } = runner;
  const values = async (pass: CombinePass): Promise<Float32Array> => {
    checkPass(pass, rows, length);
    return runner.combine(pass);
  };
  return {
    rows,
    length,
    async measure(request: MeasureRequest): Promise<Statistics> {
      const pass: MeasurePass = { kind: 'measure', ...request };
      checkPass(pass, rows, length);
      const chunks = chunksOf(pass, length);
      const sums = new StatisticsSum(request, rowsBehind(request.transform, rows), chunks);
      await runner.measure(pass, chunks, (chunk, part) => sums.take(chunk, part));
      return sums.statistics(request.coordinates?.length ?? length);
    },
    combine: async (weights: Float64Array) => values({ kind: 'combine', weights }),
    combineCoordinates: async (transform: Transform, combination: CoordinateCombination) =>
      values({ kind: 'combine-coordinates', transform, combination }),
    close: () => runner.close(),
  };
}

/** Adds the sums of chunks in their order; those that come early wait. */
class StatisticsSum {
  readonly #updates: number;
  readonly #rows: number;
  readonly #chunks: readonly number[];
  readonly #waiting = new Map<number, ChunkSums>();
  readonly #distances: Float64Array;
  readonly #squaredNorms: Float64Array;
  readonly #positive: Uint32Array;
  readonly #zero: Uint32Array;
  #added = 0;

  constructor({ updates, distances, norms = true, signs }: MeasureRequest, rows: number, chunks: readonly number[]) {
    this.#updates = updates;
    this.#rows = rows;
    this.#chunks = chunks;
    this.#distances = new Float64Array(distances ? rows * rows : 0);
    this.#squaredNorms = new Float64Array(rows).fill(norms ? 0 : Number.NaN);
    this.#positive = new Uint32Array(signs ? rows : 0);
    this.#zero = new Uint32Array(signs ? rows : 0);
  }

  take(chunk: number, result: ChunkSums): void {
    this.#waiting.set(chunk, result);
    for (;;) {
      const next = this.#chunks[this.#added];
      const part = this.#waiting.get(next);
      if (part === undefined) return;
      this.#waiting.delete(next);
      this.#added++;
      this.#add(part);
    }
  }

  /** @param coordinates how many were looked at. */
  statistics(coordinates: number): Statistics {
    const rows = this.#rows;
    if (this.#distances.length > 0) {
      for (let i = 0; i < rows; i++) {
        for (let j = 0; j < i; j++) this.#distances[j * rows + i] = this.#distances[i * rows + j];
      }
    }
    return {
      updates: this.#updates,
      rows,
      coordinates,
      distances: this.#distances,
      squaredNorms: this.#squaredNorms,
      positive: this.#positive,
      zero: this.#zero,
    };
  }

  #add(part: ChunkSums): void {
    for (let i = 0; i < part.distances.length; i++) this.#distances[i] += part.distances[i];
    for (let i = 0; i < part.squaredNorms.length; i++) this.#squaredNorms[i] += part.squaredNorms[i];
    for (let i = 0; i < part.signs.length / 2; i++) {
      this.#positive[i] += part.signs[2 * i];
      this.#zero[i] += part.signs[2 * i + 1];
    }
  }
}
