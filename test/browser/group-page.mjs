// Starts the Web Worker that is a member of a group, and sends how it went to the server of the test.
const worker = new Worker('/test/browser/group-worker.mjs', { type: 'module' });
const result = await new Promise(resolve => {
  worker.onmessage = ({ data }) => resolve(data);
  worker.onerror = event => resolve({ error: event.message });
  worker.postMessage(null);
});
await fetch('/result', { method: 'POST', body: JSON.stringify(result) });
