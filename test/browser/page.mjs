// Trains in the page, in a Web Worker, and in a Web Worker without WebAssembly; sends what came out to the server of the test.
import { train } from './trained.ts';

const inWorker = kernels =>
  new Promise((resolve, reject) => {
    const worker = new Worker('/test/browser/web-worker.mjs', { type: 'module' });
    worker.onmessage = ({ data }) => (data.error === undefined ? resolve(data.trained) : reject(new Error(data.error)));
    worker.onerror = event => reject(new Error(event.message));
    worker.postMessage(kernels);
  });

let result;
try {
  result = { page: await train('best'), worker: await inWorker('best'), twin: await inWorker('twin') };
} catch (error) {
  result = { error: String(error?.stack ?? error) };
}
await fetch('/result', { method: 'POST', body: JSON.stringify(result) });
