/** Deals the chunks of a measurement to workers: whoever is done gets the next. */
import type { ChunkSums, MeasurePass } from '../../core/aggregation/passes.ts';
import type { Asked } from './cohort-worker.ts';

/** Chunks that a worker has at a time: while it answers one, the next lies ready. */
const chunksAhead = 2;
/** Chunks per worker that may be done before the oldest: their sums wait in memory. */
const window = 8;

/** Does the pass over the chunks; `take` gets every result once. Rejects with the first failure when no worker is at work any more. */
export async function dealChunks(
  workers: readonly Asked[],
  cohort: number,
  pass: MeasurePass,
  chunks: readonly number[],
  take: (chunk: number, sums: ChunkSums) => void,
): Promise<void> {
  const failures: unknown[] = [];
  const attempt = async (work: Promise<unknown>): Promise<void> => {
    try {
      await work;
    } catch (error) {
      failures.push(error);
    }
  };
  await Promise.all(workers.map(worker => attempt(worker.ask({ kind: 'begin', cohort, pass }))));
  /** Under way: index in `chunks`, ascending, and when it is over. */
  const under = new Map<number, Promise<void>>();
  let next = 0;
  const chunkOf = async (worker: Asked, index: number): Promise<void> => {
    const reply = await worker.ask({ kind: 'chunk', cohort, chunk: chunks[index] });
    if (reply !== null) take(chunks[index], reply);
  };
  const deal = async (worker: Asked): Promise<void> => {
    while (next < chunks.length && failures.length === 0) {
      const [oldest] = under;
      if (oldest !== undefined && next - oldest[0] >= window * workers.length) {
        await oldest[1];
        continue;
      }
      const index = next++;
      const work = attempt(chunkOf(worker, index));
      under.set(index, work);
      await work;
      under.delete(index);
    }
  };
  await Promise.all(workers.flatMap(worker => Array.from({ length: chunksAhead }, () => deal(worker))));
  await Promise.allSettled(workers.map(worker => worker.ask({ kind: 'end', cohort })));
  if (failures.length > 0) throw failures[0];
}
