import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { findChromium, runInPage } from './chromium.ts';
import { type Trained, train } from './trained.ts';

const chromium = findChromium();
const run = promisify(execFile);

test('a page, a Web Worker and the twin in a Web Worker train the same bytes as Node', {
  skip: chromium === null ? 'needs Chromium (set CHROMIUM to its path)' : false,
}, async () => {
  const posted = (await runInPage(chromium ?? '', 'test/browser/page.mjs')) as Record<string, Trained>;
  assert.equal(posted.error, undefined);
  const here = await train('best');
  assert.deepEqual(posted, { page: here, worker: here, twin: { ...here, kernels: 'twin' } });
});

test('where WebAssembly SIMD is not there the twin takes over, and trains the same bytes', async () => {
  const program = `import { train } from ${JSON.stringify(join(import.meta.dirname, 'trained.ts'))};
    process.stdout.write(JSON.stringify(await train('best')));`;
  const { stdout } = await run(process.execPath, ['--no-enable-sse4-1', '--input-type=module', '-e', program]);
  const here = await train('best');
  const without: Trained = JSON.parse(stdout);
  assert.deepEqual(without.parameters, here.parameters);
  // The flag is x64's; other processors keep their SIMD.
  if (process.arch === 'x64') assert.equal(without.kernels, 'twin');
});
