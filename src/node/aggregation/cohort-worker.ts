/** What a thread knows of cohorts, and the passes it does on their chunks. */
import { ChunkPass, combineChunk, measureChunk, type RowLoader } from '../../core/aggregation/chunk-pass.ts';
import { giveKernelMemory, type KernelMemory, takeKernelMemory } from '../../core/aggregation/kernel-memory.ts';
import { planPass } from '../../core/aggregation/pass-plan.ts';
import {
  type ChunkSums,
  type CombinePass,
  chunkCount,
  type MeasurePass,
  type Pass,
} from '../../core/aggregation/passes.ts';
import { PlacedRows } from '../../core/aggregation/row-memory.ts';
import { stretchBuffer } from '../../core/aggregation/stretch-buffer.ts';
import type { CohortKernelSource, CohortMemory } from '../../core/math/kernels/cohort.ts';
import { bestCohortKernels } from '../../core/math/kernels/cohort-best.ts';
import { cohortTwin } from '../../core/math/kernels/cohort-twin.ts';
import { FileRows, type OpenRow } from './file-rows.ts';

/** Where the rows of a cohort lie. */
export type CohortRows =
  | { readonly kind: 'files'; readonly rows: readonly OpenRow[]; readonly length: number; readonly workers: number }
  | {
      readonly kind: 'shared';
      readonly kernels: CohortKernelSource['name'];
      readonly memory: CohortMemory;
      readonly addresses: Uint32Array;
      readonly length: number;
      /** The part of the memory that is this worker's own. */
      readonly room: readonly [number, number];
    };

/** What workers combine together: each takes the next chunk from the counter until none is left. */
export interface SharedResult {
  /** All values of the vector. In shared memory where workers are threads, like the counter. */
  readonly values: Float32Array;
  /** One number: the first chunk that nobody has taken. */
  readonly next: Int32Array;
}

/** A measurement is `begin`, any chunks, `end`; a cohort has one at a time. A combination is one request. */
export type CohortRequest =
  | { readonly kind: 'open'; readonly cohort: number; readonly rows: CohortRows }
  | { readonly kind: 'begin'; readonly cohort: number; readonly pass: MeasurePass }
  | { readonly kind: 'chunk'; readonly cohort: number; readonly chunk: number }
  | { readonly kind: 'combine'; readonly cohort: number; readonly pass: CombinePass; readonly result: SharedResult }
  | { readonly kind: 'end' | 'close'; readonly cohort: number };

/** The sums of a chunk; null for every other request. */
export type CohortReply = ChunkSums | null;

/** Whatever answers such requests: a thread, or a worker in this one. */
export interface Asked {
  ask(request: CohortRequest): Promise<CohortReply>;
}

interface RunningPass {
  readonly work: ChunkPass;
  readonly loader: RowLoader;
  /** Gives back what the pass holds. */
  end(): void;
}

interface OpenCohort {
  readonly length: number;
  begin(pass: Pass): RunningPass;
  running: RunningPass | null;
}

export class CohortWorker {
  readonly #cohorts = new Map<number, OpenCohort>();
  #last: Promise<unknown> = Promise.resolve();

  /** Answers one request after the other, in their order. */
  answer(request: CohortRequest): Promise<CohortReply> {
    const reply = this.#last.then(() => this.#answer(request));
    this.#last = reply.catch(() => undefined);
    return reply;
  }

  async #answer(request: CohortRequest): Promise<CohortReply> {
    if (request.kind === 'open') {
      this.#cohorts.set(request.cohort, openCohort(request.rows));
      return null;
    }
    const cohort = this.#cohorts.get(request.cohort);
    if (cohort === undefined) throw new TypeError(`cohort ${request.cohort} is not open`);
    if (request.kind === 'chunk') {
      if (cohort.running === null) throw new TypeError(`cohort ${request.cohort} has no pass`);
      return measureChunk(cohort.running.work, cohort.running.loader, request.chunk, cohort.length);
    }
    cohort.running?.end();
    cohort.running = null;
    if (request.kind === 'combine') {
      await combineShared(cohort.begin(request.pass), request.result);
      return null;
    }
    cohort.running = request.kind === 'begin' ? cohort.begin(request.pass) : null;
    if (request.kind === 'close') this.#cohorts.delete(request.cohort);
    return null;
  }
}

/** Nobody takes a chunk any more once one has failed. */
async function combineShared({ work, loader, end }: RunningPass, { values, next }: SharedResult): Promise<void> {
  const chunks = chunkCount(values.length);
  try {
    for (let chunk = Atomics.add(next, 0, 1); chunk < chunks; chunk = Atomics.add(next, 0, 1))
      await combineChunk(work, loader, chunk, values);
  } catch (error) {
    Atomics.store(next, 0, chunks);
    throw error;
  } finally {
    end();
  }
}

function openCohort(rows: CohortRows): OpenCohort {
  const begin = rows.kind === 'files' ? fileBegin(rows) : sharedBegin(rows);
  return { length: rows.length, begin, running: null };
}

/** The rows are read into a memory of this worker. */
function fileBegin({ rows, length, workers }: CohortRows & { kind: 'files' }): OpenCohort['begin'] {
  return pass => {
    const source = bestCohortKernels();
    const plan = planPass(pass, rows.length, 64);
    const needed = plan.needed.map(row => rows[row]);
    const buffer = stretchBuffer(needed.length, rows.length, length, workers);
    const room: KernelMemory = takeKernelMemory(source, plan.end + buffer.bytes);
    return {
      work: new ChunkPass(plan, room.kernels, room.memory),
      loader: new FileRows(needed, buffer, room.memory.buffer, plan.end),
      end: () => giveKernelMemory(source, room),
    };
  };
}

/** The rows stay where they are; what the pass needs beside them lies in this worker's room. */
function sharedBegin({ kernels: name, memory, addresses, room }: CohortRows & { kind: 'shared' }): OpenCohort['begin'] {
  const source = name === 'twin' ? cohortTwin : bestCohortKernels();
  const kernels = source.open(memory);
  const [start, end] = room;
  return pass => {
    const plan = planPass(pass, addresses.length, start);
    if (plan.end > end)
      throw new RangeError(`cohort: a pass needs ${plan.end - start} bytes, ${end - start} are there`);
    return {
      work: new ChunkPass(plan, kernels, memory),
      loader: new PlacedRows(Uint32Array.from(plan.needed, row => addresses[row])),
      end: () => undefined,
    };
  };
}
