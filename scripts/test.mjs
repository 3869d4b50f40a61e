// npm test: type check of every layer, lint, then all tests. `npm test -- test/core test/node/primitives.test.ts` runs those tests only;
// flags go to node --test. PARLEY_DATA_DIR and PARLEY_VECTORS_DIR, where set, let the tests that need data run; they are never guessed.
import { spawnSync } from 'node:child_process';
import { globSync, statSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkTypes } from './types.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const filesAtOnce = 2;

const args = process.argv.slice(2);
const flags = args.filter(arg => arg.startsWith('-'));
const paths = args.filter(arg => !arg.startsWith('-'));
const failed = [];

if (paths.length === 0) {
  if ((await checkTypes()).length > 0) failed.push('type check');
  if (
    run('lint', join('node_modules', '@biomejs', 'biome', 'bin', 'biome'), ['check', '--error-on-warnings', '.']) !== 0
  )
    failed.push('lint');
}
const files = testFiles(paths);
if (files.length === 0) {
  failed.push(`tests: no file *.test.ts in ${paths.join(', ') || 'test/'}`);
} else if (
  run('tests', '--test', [`--test-concurrency=${filesAtOnce}`, '--test-timeout=420000', ...flags, ...files]) !== 0
) {
  failed.push('tests');
}
for (const what of failed) process.stderr.write(`parley: failed: ${what}\n`);
process.exitCode = failed.length === 0 ? 0 : 1;

/** The test files under the given files and folders; under test/ where none are given. */
function testFiles(given) {
  const found = (given.length === 0 ? ['test'] : given).flatMap(path => {
    const inRoot = relative(root, join(process.env.INIT_CWD ?? process.cwd(), path));
    const place = statSync(join(root, inRoot), { throwIfNoEntry: false }) === undefined ? path : inRoot;
    const isFolder = statSync(join(root, place), { throwIfNoEntry: false })?.isDirectory();
    return globSync(isFolder ? `${place.replaceAll(sep, '/')}/**/*.test.ts` : place, { cwd: root });
  });
  return [...new Set(found)].sort();
}

function run(name, program, programArgs) {
  process.stdout.write(`${name}: running\n`);
  const result = spawnSync(process.execPath, [program, ...programArgs], { cwd: root, stdio: 'inherit' });
  if (result.error) throw result.error;
  return result.status;
}
