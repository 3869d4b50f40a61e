// Type check: one compiler run per layer (tsconfig/<layer>.json), two at a time. A layer sees only what its configuration allows.
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
const atOnce = 2;

/** Checks every layer, prints what the compiler says of those that fail, and returns their names. */
export async function checkTypes() {
  const layers = readdirSync(join(root, 'tsconfig'))
    .filter(name => name.endsWith('.json') && name !== 'base.json')
    .sort();
  if (layers.length === 0) throw new Error('tsconfig/ names no layer');
  const waiting = [...layers];
  const failed = [];
  const worker = async () => {
    for (let layer = waiting.shift(); layer !== undefined; layer = waiting.shift()) {
      const { code, output } = await compile(layer);
      if (code === 0) continue;
      failed.push(layer);
      process.stdout.write(`types: ${layer} fails\n${output}`);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  process.stdout.write(`types: ${layers.length - failed.length} of ${layers.length} layers pass\n`);
  return failed;
}

function compile(layer) {
  const child = spawn(process.execPath, [compiler, '--pretty', 'false', '-p', join('tsconfig', layer)], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const chunks = [];
  child.stdout.on('data', chunk => chunks.push(chunk));
  child.stderr.on('data', chunk => chunks.push(chunk));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', code => resolve({ code, output: Buffer.concat(chunks).toString('utf8') }));
  });
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  process.exitCode = (await checkTypes()).length === 0 ? 0 : 1;
}
