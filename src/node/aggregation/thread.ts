/** Entry of an aggregation thread. */
import { parentPort } from 'node:worker_threads';
import { type CohortReply, CohortWorker } from './cohort-worker.ts';
import { RowFailure } from './file-rows.ts';
import type { AggregationAnswer, AggregationRequest } from './threads.ts';

const worker = new CohortWorker();

parentPort?.on('message', async ({ id, request }: AggregationRequest) => {
  try {
    const reply = await worker.answer(request);
    parentPort?.postMessage({ id, reply } satisfies AggregationAnswer, buffersOf(reply));
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const { path, code } = error instanceof RowFailure ? error : { path: null, code: null };
    parentPort?.postMessage({ id, refusal: { message, path, code } } satisfies AggregationAnswer);
  }
});

/** What is handed over instead of copied. */
function buffersOf(reply: CohortReply): ArrayBuffer[] {
  return reply === null ? [] : [reply.distances.buffer, reply.squaredNorms.buffer, reply.signs.buffer];
}
