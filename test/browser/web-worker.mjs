// A Web Worker that trains when it is told with which kernels.
import { train } from './trained.ts';

self.onmessage = async ({ data }) => {
  try {
    self.postMessage({ trained: await train(data) });
  } catch (error) {
    self.postMessage({ error: String(error?.stack ?? error) });
  }
};
