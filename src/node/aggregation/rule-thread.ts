/** Entry of the thread that a rule runs in. */
import { parentPort } from 'node:worker_threads';
import { carryOut } from '../../core/aggregation/aggregation-order.ts';
import type { Cohort } from '../../core/aggregation/cohort.ts';
import { smallValues, threadCount } from './coordinator-cohorts.ts';
import { Kept } from './kept.ts';
import type { RuleAnswer, RuleRequest } from './start-rule-thread.ts';
import { startAggregationThreads } from './threads.ts';

/** Of no threads: passes are done in this one. */
const alone = new Kept(() => startAggregationThreads(0));
const threads = new Kept(() => startAggregationThreads(threadCount()));

parentPort?.on('message', async ({ id, request }: RuleRequest) => {
  try {
    const reply = await carryOut(request, open);
    const { buffer } = reply.vector;
    // Shared memory is not handed over: both threads have it.
    parentPort?.postMessage({ id, reply } satisfies RuleAnswer, buffer instanceof ArrayBuffer ? [buffer] : []);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const refusal = { message, isRange: error instanceof RangeError };
    parentPort?.postMessage({ id, refusal } satisfies RuleAnswer);
  }
});

async function open(paths: readonly string[], length: number): Promise<Cohort> {
  const running = await (paths.length * length < smallValues ? alone : threads).get();
  return running.files(paths, length);
}
