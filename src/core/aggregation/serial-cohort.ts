/** A cohort in this thread. */
import type { CohortKernelSource } from '../math/kernels/cohort.ts';
import { bestCohortKernels } from '../math/kernels/cohort-best.ts';
import { cohortTwin } from '../math/kernels/cohort-twin.ts';
import { ChunkPass, combineChunk, measureChunk, type RowLoader } from './chunk-pass.ts';
import { chunkedCohort } from './chunked-cohort.ts';
import type { Cohort, Vectors } from './cohort.ts';
import { giveKernelMemory, takeKernelMemory } from './kernel-memory.ts';
import { planPass } from './pass-plan.ts';
import { chunkCount, type Pass } from './passes.ts';
import { type StretchBuffer, stretchBuffer } from './stretch-buffer.ts';

/** Below so many values to start WebAssembly costs more than it saves; the twin gives the same bits. */
const smallCohort = 4096;
const base = 64;

/** A cohort over these vectors, which it closes. Between passes it holds no memory of its own. */
export function serialCohort(vectors: Vectors, kernels?: CohortKernelSource): Cohort {
  const { count: rows, length } = vectors;
  const source = kernels ?? (rows * length < smallCohort ? cohortTwin : bestCohortKernels());
  const during = async (pass: Pass, act: (work: ChunkPass, loader: RowLoader) => Promise<void>): Promise<void> => {
    const plan = planPass(pass, rows, base);
    const buffer = stretchBuffer(plan.needed.length, vectors.count, length, 1);
    const room = takeKernelMemory(source, plan.end + buffer.bytes);
    try {
      const work = new ChunkPass(plan, room.kernels, room.memory);
      const loader = new VectorLoader(vectors, plan.needed, buffer, room.memory.buffer, plan.end);
      await act(work, loader);
    } finally {
      giveKernelMemory(source, room);
    }
  };
  return chunkedCohort({
    rows,
    length,
    measure: (pass, chunks, take) =>
      during(pass, async (work, loader) => {
        for (const chunk of chunks) take(chunk, await measureChunk(work, loader, chunk, length));
      }),
    async combine(pass) {
      const result = new Float32Array(length);
      await during(pass, async (work, loader) => {
        for (let chunk = 0; chunk < chunkCount(length); chunk++) await combineChunk(work, loader, chunk, result);
      });
      return result;
    },
    close: () => vectors.close(),
  });
}

/** Reads the needed rows into a buffer, all at once. */
class VectorLoader implements RowLoader {
  readonly stretch: number;
  readonly addresses: Uint32Array;
  readonly #vectors: Vectors;
  readonly #needed: readonly number[];
  readonly #memory: ArrayBufferLike;

  constructor(
    vectors: Vectors,
    needed: readonly number[],
    buffer: StretchBuffer,
    memory: ArrayBufferLike,
    start: number,
  ) {
    this.stretch = buffer.stretch;
    this.addresses = Uint32Array.from(needed, (_, i) => start + buffer.offset(i));
    this.#vectors = vectors;
    this.#needed = needed;
    this.#memory = memory;
  }

  async load(from: number, count: number): Promise<void> {
    const reads = this.#needed.map((row, i) =>
      this.#vectors.read(row, from, new Float32Array(this.#memory, this.addresses[i], count)),
    );
    // A read that fails must not leave others writing into a memory that is somebody else's by then.
    const failed = (await Promise.allSettled(reads)).find(read => read.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }
}
