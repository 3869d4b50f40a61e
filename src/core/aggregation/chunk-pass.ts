/** The work of a pass on one chunk after the other: the same in the serial cohort and in threads. */
import type { CohortKernels, CohortMemory } from '../math/kernels/cohort.ts';
import { blockAddress, blockCoordinates, type PassPlan } from './pass-plan.ts';
import { type ChunkSums, chunkCoordinates } from './passes.ts';

/** Brings stretches of the needed rows of a pass into the memory of its kernels. */
export interface RowLoader {
  /** Coordinates brought at a time: a multiple of the plan's block. It changes no result. */
  readonly stretch: number;
  /** Byte offsets of the rows' first value of the stretch that was loaded last. */
  readonly addresses: Uint32Array;
  /** Rejects, or throws, when a row cannot be read. */
  load(from: number, count: number): Promise<void> | undefined;
}

/** Measures the chunk of rows of that length: `rows` brings it stretch by stretch. */
export async function measureChunk(
  pass: ChunkPass,
  rows: RowLoader,
  chunk: number,
  length: number,
): Promise<ChunkSums> {
  pass.beginSums();
  await addChunk(pass, rows, chunk, length);
  return pass.sums();
}

/** Combines the chunk into its place in `result`, all values of the vector. */
export async function combineChunk(
  pass: ChunkPass,
  rows: RowLoader,
  chunk: number,
  result: Float32Array,
): Promise<void> {
  const from = chunk * chunkCoordinates;
  pass.beginValues(result.subarray(from, from + chunkCoordinates));
  await addChunk(pass, rows, chunk, result.length);
}

async function addChunk(pass: ChunkPass, rows: RowLoader, chunk: number, length: number): Promise<void> {
  const from = chunk * chunkCoordinates;
  const end = Math.min(length, from + chunkCoordinates);
  for (let at = from; at < end; at += rows.stretch) {
    const count = Math.min(rows.stretch, end - at);
    if (!pass.wants(at, count)) continue;
    const loading = rows.load(at, count);
    if (loading !== undefined) await loading;
    pass.add(rows.addresses, at, count);
  }
}

/** One pass over one memory. A chunk begins, then its stretches are added in order; `sums` ends one of a measurement. */
export class ChunkPass {
  readonly #plan: PassPlan;
  readonly #kernels: CohortKernels;
  readonly #words: Uint32Array;
  readonly #floats: Float32Array;
  readonly #doubles: Float64Array;
  /** Where the values of the chunk go. */
  #values: Float32Array = new Float32Array(0);
  /** Values of the chunk that stand, or coordinates in the gathered block. */
  #filled = 0;

  /** Writes the constants of the plan into the memory, which the pass then has for itself from the plan's base to its end. */
  constructor(plan: PassPlan, kernels: CohortKernels, memory: CohortMemory) {
    this.#plan = plan;
    this.#kernels = kernels;
    plan.write(memory);
    this.#words = new Uint32Array(memory.buffer);
    this.#floats = new Float32Array(memory.buffer);
    this.#doubles = new Float64Array(memory.buffer);
  }

  /** @param values overwritten, one for each coordinate of the chunk. */
  beginValues(values: Float32Array): void {
    this.#filled = 0;
    this.#values = values;
    // No block adds to a sum of no rows.
    if (this.#plan.rows === 0) values.fill(0);
  }

  beginSums(): void {
    const { distances, squaredNorms, signs, rows } = this.#plan;
    this.#filled = 0;
    if (distances > 0) this.#doubles.fill(0, distances / 8, distances / 8 + rows * rows);
    this.#doubles.fill(0, squaredNorms / 8, squaredNorms / 8 + rows);
    if (signs > 0) this.#words.fill(0, signs / 4, signs / 4 + 2 * rows);
  }

  /** Whether the pass looks at any of these coordinates. */
  wants(from: number, count: number): boolean {
    const coordinates = this.#coordinates();
    return coordinates === null || firstFrom(coordinates, from) < firstFrom(coordinates, from + count);
  }

  /** @param addresses of the needed rows' values at coordinate `from`. `count`: a multiple of the plan's block, but for the last of the chunk. */
  add(addresses: Uint32Array, from: number, count: number): void {
    const coordinates = this.#coordinates();
    if (coordinates !== null) return this.#gather(coordinates, addresses, from, count);
    const { block } = this.#plan;
    const input = this.#plan.input / 4;
    for (let at = 0; at < count; at += block) {
      for (let row = 0; row < addresses.length; row++) this.#words[input + row] = addresses[row] + 4 * at;
      this.#block(Math.min(block, count - at));
    }
  }

  /** Of the chunk that was begun with `beginSums`. */
  sums(): ChunkSums {
    const { distances, squaredNorms, signs, rows } = this.#plan;
    if (this.#coordinates() !== null) this.#gatheredBlock();
    const doubles = (at: number, count: number) => new Float64Array(this.#doubles.subarray(at / 8, at / 8 + count));
    return {
      distances: doubles(distances, distances > 0 ? rows * rows : 0),
      squaredNorms: doubles(squaredNorms, rows),
      signs: new Uint32Array(this.#words.subarray(signs / 4, signs / 4 + (signs > 0 ? 2 * rows : 0))),
    };
  }

  #coordinates(): Uint32Array | null {
    const { pass } = this.#plan;
    return pass.kind === 'measure' ? pass.coordinates : null;
  }

  /** Collects the wanted coordinates; blocks run on over the stretches of a chunk. */
  #gather(coordinates: Uint32Array, addresses: Uint32Array, from: number, count: number): void {
    const end = firstFrom(coordinates, from + count);
    for (let first = firstFrom(coordinates, from); first < end; ) {
      const taken = Math.min(end - first, blockCoordinates - this.#filled);
      for (let row = 0; row < addresses.length; row++) {
        const target = blockAddress(this.#plan.gathered, row) / 4 + this.#filled;
        const source = addresses[row] / 4 - from;
        for (let i = 0; i < taken; i++) this.#floats[target + i] = this.#floats[source + coordinates[first + i]];
      }
      this.#filled += taken;
      first += taken;
      if (this.#filled === blockCoordinates) this.#gatheredBlock();
    }
  }

  #gatheredBlock(): void {
    const count = this.#filled;
    if (count === 0) return;
    const { input, gathered, needed } = this.#plan;
    for (let row = 0; row < needed.length; row++) this.#words[input / 4 + row] = blockAddress(gathered, row);
    this.#filled = 0;
    this.#block(count);
  }

  /** Takes the block whose rows stand in the input table through all steps. */
  #block(count: number): void {
    const table = this.#transform(count);
    if (this.#plan.combination === null) this.#measure(table, count);
    else this.#combine(table, count);
  }

  /** Table of the transformed rows. */
  #transform(count: number): number {
    const { input, needed, steps, scratch } = this.#plan;
    let table = input;
    let rows = needed.length;
    for (const step of steps) {
      switch (step.kind) {
        case 'select':
          for (const [i, row] of step.rows.entries()) this.#words[step.table / 4 + i] = this.#words[table / 4 + row];
          table = step.table;
          rows = step.rows.length;
          break;
        case 'scale':
          this.#kernels.scaleRows(table, rows, count, step.factors, step.targets);
          table = step.targets;
          break;
        case 'average':
          this.#kernels.averageRows(table, rows, count, step.sets, step.outputs, step.targets, scratch);
          rows = step.outputs;
          table = step.targets;
      }
    }
    return table;
  }

  #measure(table: number, count: number): void {
    const { pass, rows, distances, squaredNorms, signs, scratch } = this.#plan;
    if (distances > 0) this.#kernels.addSquaredDistances(table, rows, count, distances, scratch);
    if (pass.kind === 'measure' && pass.norms !== false)
      this.#kernels.addSquaredNorms(table, rows, count, squaredNorms, scratch);
    if (signs > 0) this.#kernels.addSignCounts(table, rows, count, signs);
  }

  #combine(table: number, count: number): void {
    const { combination, rows, target, scratch } = this.#plan;
    // Weights of 0 only: the values of the chunk are 0 already.
    if (combination === null || rows === 0) return;
    switch (combination.kind) {
      case 'weights':
        this.#kernels.combineRows(table, rows, count, combination.weights, target, scratch);
        break;
      case 'ranks': {
        const { network, comparators, from, to } = combination;
        this.#kernels.sortedMean(table, rows, count, network, comparators, from, to, target, scratch);
        break;
      }
      case 'nearest': {
        const { network, comparators, keep } = combination;
        this.#kernels.nearestMedian(table, rows, count, network, comparators, keep, target, scratch);
      }
    }
    this.#values.set(this.#floats.subarray(target / 4, target / 4 + count), this.#filled);
    this.#filled += count;
  }
}

/** Index of the first coordinate that is `from` or greater. */
function firstFrom(coordinates: Uint32Array, from: number): number {
  let low = 0;
  for (let high = coordinates.length; low < high; ) {
    const middle = (low + high) >> 1;
    if (coordinates[middle] < from) low = middle + 1;
    else high = middle;
  }
  return low;
}
