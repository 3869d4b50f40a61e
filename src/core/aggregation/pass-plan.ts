/** What a pass needs beside the rows, laid out in the memory of the kernels: constants, tables and buffers. */
import { type CohortMemory, cohortScratchBytes } from '../math/kernels/cohort.ts';
import { selectionNetwork, sortingNetwork } from '../math/sorting-network.ts';
import type { CoordinateCombination, Transform } from './cohort.ts';
import { chunkCoordinates, type Pass, rowsBehind, transformOf } from './passes.ts';

/** Coordinates that go through the steps of a transform at a time, so that they stay in the second-level cache. */
export const blockCoordinates = 1024;
/** Rows that no step computes are read along, so far that the memory brings what comes next in time. */
const longBlockCoordinates = 8192;
/** So many rows have long blocks: of more, a block is memory by itself. */
const mostLongRows = 512;

/**
 * Coordinates that kernels are given at a time, of rows that are not transformed. Squared norms are summed block by block, and another
 * length would give other last bits: it hangs on the rows of the cohort alone. A multiple of 512, the block of the distance kernel.
 */
export function plainBlock(rows: number): number {
  return rows <= mostLongRows ? longBlockCoordinates : blockCoordinates;
}

/** From one row of a buffer of blocks to the next: not a multiple of 4 KiB, at which rows would displace each other in the cache. */
const blockBytes = 4 * blockCoordinates + 576;

/** A step of a transform as kernels take it. Addresses are byte offsets. */
export type PlannedStep =
  | { readonly kind: 'select'; readonly rows: readonly number[]; readonly table: number }
  | { readonly kind: 'scale'; readonly factors: number; readonly targets: number }
  | { readonly kind: 'average'; readonly sets: number; readonly outputs: number; readonly targets: number };

/** `ranks`: the mean of the values on wires `from` … `to` behind the network; they hold those ranks, in any order. */
export type PlannedCombination =
  | { readonly kind: 'weights'; readonly weights: number }
  | {
      readonly kind: 'ranks';
      readonly network: number;
      readonly comparators: number;
      readonly from: number;
      readonly to: number;
    }
  | { readonly kind: 'nearest'; readonly network: number; readonly comparators: number; readonly keep: number };

export interface PassPlan {
  readonly pass: Pass;
  /** Rows of the cohort that are looked at, ascending: the rows that a loader brings. */
  readonly needed: readonly number[];
  /** Table of the needed rows. */
  readonly input: number;
  /** Where a subset of coordinates is collected, one row after the other; 0 when all are looked at. */
  readonly gathered: number;
  readonly steps: readonly PlannedStep[];
  /** Rows behind the steps. */
  readonly rows: number;
  readonly scratch: number;
  /** Coordinates given to kernels at a time. */
  readonly block: number;
  /** Null for a measurement. */
  readonly combination: PlannedCombination | null;
  /** One block of the result. */
  readonly target: number;
  readonly distances: number;
  readonly squaredNorms: number;
  readonly signs: number;
  /** First byte behind all of it, a multiple of 64. */
  readonly end: number;
  /** Writes the constants into the memory. */
  write(memory: CohortMemory): void;
}

/** @param base a multiple of 64, above 0. The pass must fit the cohort (`checkPass`). */
export function planPass(pass: Pass, cohortRows: number, base: number): PassPlan {
  const { needed, transform, weights } = narrowed(pass, cohortRows);
  const rows = rowsBehind(transform, needed.length);
  const room = new Room(base);
  const widest = Math.max(
    needed.length,
    ...transform.map(step => (step.kind === 'average' ? step.sets.length : step.factors.length)),
  );
  const isMeasure = pass.kind === 'measure';
  // What is combined hangs on no block: as much of a chunk as there is, so that a network is prepared once.
  const plain = isMeasure ? plainBlock(cohortRows) : chunkCoordinates;
  const block = transform.every(isSelection) ? plain : blockCoordinates;
  return {
    pass,
    block,
    needed,
    input: room.take(4 * needed.length),
    gathered: isMeasure && pass.coordinates !== null ? room.take(blockBytes * needed.length) : 0,
    steps: planSteps(transform, room),
    rows,
    scratch: room.take(cohortScratchBytes(widest)),
    combination: isMeasure ? null : planCombination(pass, rows, weights, room),
    target: isMeasure ? 0 : room.take(4 * block),
    distances: isMeasure && pass.distances ? room.take(8 * rows * rows) : 0,
    squaredNorms: isMeasure ? room.take(8 * rows) : 0,
    signs: isMeasure && pass.signs ? room.take(8 * rows) : 0,
    end: room.end,
    write: memory => room.write(memory),
  };
}

/** Address of row `row` in a buffer of blocks. */
export function blockAddress(buffer: number, row: number): number {
  return buffer + blockBytes * row;
}

/** Room that no pass over so many rows exceeds, with up to four averages into at most as many rows. */
export function largestPassBytes(rows: number): number {
  const everyRow = Array.from({ length: rows }, (_, row) => row);
  const average = { kind: 'average' as const, sets: everyRow.map(() => everyRow) };
  const select = { kind: 'average' as const, sets: everyRow.map(row => [row]) };
  const transform = [{ kind: 'scale' as const, factors: new Float64Array(rows) }, average, average, average, average];
  const measure: Pass = {
    kind: 'measure',
    transform: [...transform, select, select],
    updates: rows,
    distances: true,
    signs: true,
    coordinates: new Uint32Array(0),
  };
  const network = 4 * networkOf(sortingNetwork, rows, 0, rows - 1).length;
  return planPass(measure, rows, 64).end + network + 4 * chunkCoordinates;
}

/** The pass over the rows that it needs only: a row of weight 0, or that a first selection leaves out, is not read. */
function narrowed(
  pass: Pass,
  rows: number,
): { needed: number[]; transform: Transform; weights: Float64Array<ArrayBuffer> } {
  const all = Array.from({ length: rows }, (_, row) => row);
  if (pass.kind === 'combine') {
    const needed = all.filter(row => pass.weights[row] !== 0);
    return { needed, transform: [], weights: Float64Array.from(needed, row => pass.weights[row]) };
  }
  const transform = transformOf(pass);
  const weights = new Float64Array(0);
  const [first, ...others] = transform;
  if (first?.kind !== 'average') return { needed: all, transform, weights };
  const named = new Set(first.sets.flat());
  const needed = all.filter(row => named.has(row));
  const places = new Map(needed.map((row, place) => [row, place]));
  // Every row of a set is named, so it has a place.
  const sets = first.sets.map(set => set.map(row => places.get(row) as number));
  return { needed, transform: [{ kind: 'average', sets }, ...others], weights };
}

/** Results of steps go to one of two buffers by turns: a step never reads what it writes. */
function planSteps(transform: Transform, room: Room): PlannedStep[] {
  const outputs = transform.map(step => (step.kind === 'average' ? step.sets.length : step.factors.length));
  const computed = transform.map(step => !isSelection(step));
  const widest = Math.max(0, ...outputs.filter((_, i) => computed[i]));
  const buffers = [0, 1].map(nth => {
    const isUsed = computed.filter(Boolean).length > nth;
    return isUsed ? room.take(blockBytes * widest) : 0;
  });
  let turn = 0;
  return transform.map((step, i) => {
    const rows = outputs[i];
    if (step.kind === 'average' && isSelection(step)) {
      return { kind: 'select', rows: step.sets.map(([row]) => row), table: room.take(4 * rows) };
    }
    const buffer = buffers[turn++ % 2];
    const targets = room.words(Uint32Array.from({ length: rows }, (_, row) => blockAddress(buffer, row)));
    if (step.kind === 'scale') return { kind: 'scale', factors: room.words(step.factors.slice()), targets };
    const sets = step.sets.flatMap(set => [set.length, ...[...set].sort((a, b) => a - b)]);
    return { kind: 'average', sets: room.words(Uint32Array.from(sets)), outputs: rows, targets };
  });
}

/** Rows that are picked, not computed. */
function isSelection(step: Transform[number]): boolean {
  return step.kind === 'average' && step.sets.every(set => set.length === 1);
}

function planCombination(
  pass: Exclude<Pass, { kind: 'measure' }>,
  rows: number,
  weights: Float64Array<ArrayBuffer>,
  room: Room,
): PlannedCombination {
  if (pass.kind === 'combine') return { kind: 'weights', weights: room.words(weights) };
  const { combination } = pass;
  const isNearest = combination.kind === 'nearest-median';
  const [from, to] = wantedWires(combination, rows);
  const pairs = networkOf(isNearest ? sortingNetwork : selectionNetwork, rows, from, to);
  const network = room.words(pairs);
  const comparators = pairs.length / 2;
  return isNearest
    ? { kind: 'nearest', network, comparators, keep: combination.keep }
    : { kind: 'ranks', network, comparators, from, to };
}

/** Networks that were made, by kind, wires and ranks: to prune one takes longer than to sort a small cohort with it. */
const networks = new Map<string, Uint32Array<ArrayBuffer>>();
const keptNetworks = 16;

function networkOf(make: typeof sortingNetwork, rows: number, from: number, to: number): Uint32Array<ArrayBuffer> {
  const key = [make.name, rows, from, to].join();
  const made = networks.get(key) ?? make(rows, from, to);
  if (!networks.has(key) && networks.size >= keptNetworks) networks.clear();
  networks.set(key, made);
  return made;
}

/** Wires that the combination reads: ranks, in order for the nearest to the median only. */
function wantedWires(combination: CoordinateCombination, rows: number): [number, number] {
  switch (combination.kind) {
    case 'median':
      return [(rows - 1) >> 1, rows >> 1];
    case 'trimmed-mean':
      return [combination.cut, rows - 1 - combination.cut];
    case 'nearest-median':
      return [0, rows - 1];
  }
}

/** Lays out pieces at multiples of 64 bytes, and keeps what is to stand in them. */
class Room {
  readonly #constants: { readonly at: number; readonly bytes: Uint8Array }[] = [];
  end: number;

  constructor(base: number) {
    this.end = base;
  }

  take(bytes: number): number {
    const at = this.end;
    this.end += Math.ceil(bytes / 64) * 64;
    return at;
  }

  words(values: Uint32Array<ArrayBuffer> | Float64Array<ArrayBuffer>): number {
    const at = this.take(values.byteLength);
    this.#constants.push({ at, bytes: new Uint8Array(values.buffer, values.byteOffset, values.byteLength) });
    return at;
  }

  write({ buffer }: CohortMemory): void {
    const memory = new Uint8Array(buffer);
    for (const { at, bytes } of this.#constants) memory.set(bytes, at);
  }
}
