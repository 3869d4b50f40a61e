// A thread that hashes what lies in shared memory. Plain JavaScript: loading TypeScript would cost this thread 20 MB.
import { hash } from 'node:crypto';
import { parentPort } from 'node:worker_threads';

parentPort.on('message', ({ id, buffer, length }) => {
  const digest = Uint8Array.from(hash('sha256', new Uint8Array(buffer, 0, length), 'buffer'));
  parentPort.postMessage({ id, digest });
});
