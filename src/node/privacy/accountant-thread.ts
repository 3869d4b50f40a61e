/** Entry of the thread that accountants run in. */
import { parentPort } from 'node:worker_threads';
import { answerTo } from './accountant-request.ts';
import type { AccountantMessage, AccountantReply } from './start-accountant-thread.ts';

parentPort?.on('message', ({ id, request }: AccountantMessage) => {
  try {
    parentPort?.postMessage({ id, reply: answerTo(request) } satisfies AccountantReply);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const kind = error instanceof RangeError ? 'range' : 'failure';
    parentPort?.postMessage({ id, refusal: { message, kind } } satisfies AccountantReply);
  }
});
