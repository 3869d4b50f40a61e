/** Entry of a thread that adds masks. */
import { parentPort } from 'node:worker_threads';
import { applyMasks } from '../../core/secagg/apply-masks.ts';
import { nodeHkdf } from '../hkdf.ts';
import { nodeKeystream } from '../keystream.ts';
import type { MaskAnswer, MaskRequest } from './mask-threads.ts';

parentPort?.on('message', async ({ id, request }: MaskRequest) => {
  const { masks, segment, vector, from, to } = request;
  let answer: MaskAnswer;
  try {
    await applyMasks(masks, segment, vector, nodeKeystream, { hkdf: nodeHkdf }, { from, to });
    answer = { id, reply: null };
  } catch (error) {
    answer = { id, refusal: error instanceof Error ? error.message : String(error) };
  }
  parentPort?.postMessage(answer);
});
