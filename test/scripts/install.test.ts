import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

const scripts = join(import.meta.dirname, '..', '..', 'scripts');
const scratch = mkdtempSync(join(tmpdir(), 'parley-install-'));
after(() => rmSync(scratch, { recursive: true }));

/** Stands for npm: writes down that it ran, and leaves the tree and the record that `npm ci` leaves. */
const npm = `
import { appendFileSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
appendFileSync('npm-runs', process.argv.slice(2).join(' ') + '\\n');
console.log('npm talks on stdout');
if (process.env.NPM_FAILS) process.exit(1);
rmSync('node_modules', { recursive: true, force: true });
await new Promise(resolve => setTimeout(resolve, 300));
mkdirSync('node_modules/one', { recursive: true });
writeFileSync('node_modules/one/package.json', '{}');
const lock = JSON.parse(readFileSync('package-lock.json', 'utf8'));
delete lock.packages[''];
delete lock.packages['node_modules/other-platform'];
writeFileSync('node_modules/.package-lock.json', JSON.stringify(lock));
`;

interface Checkout {
  readonly path: string;
  run(env?: Record<string, string>): Promise<{ code: number | null; stdout: string; stderr: string }>;
  npmRuns(): number;
  lock(version: string): void;
}

function checkout(name: string): Checkout {
  const path = join(scratch, name);
  mkdirSync(join(path, 'scripts'), { recursive: true });
  for (const file of ['install.mjs', 'lock.mjs']) copyFileSync(join(scripts, file), join(path, 'scripts', file));
  writeFileSync(join(path, 'npm.mjs'), npm);
  writeFileSync(join(path, 'npm.cjs'), "import('./npm.mjs');");
  const lock = (version: string): void => {
    const packages = {
      '': { name: 'parley' },
      'node_modules/one': { version, integrity: `sha512-${version}` },
      'node_modules/other-platform': { version, integrity: 'sha512-x', optional: true },
    };
    writeFileSync(join(path, 'package-lock.json'), JSON.stringify({ lockfileVersion: 3, packages }));
  };
  lock('1.0.0');
  return {
    path,
    lock,
    npmRuns: () =>
      existsSync(join(path, 'npm-runs')) ? readFileSync(join(path, 'npm-runs'), 'utf8').trim().split('\n').length : 0,
    run(env = {}) {
      const child = spawn(process.execPath, [join(path, 'scripts', 'install.mjs')], {
        env: { ...process.env, npm_execpath: join(path, 'npm.cjs'), npm_node_execpath: process.execPath, ...env },
      });
      let stdout = '';
      let stderr = '';
      child.stdout.on('data', chunk => {
        stdout += chunk;
      });
      child.stderr.on('data', chunk => {
        stderr += chunk;
      });
      return new Promise(resolve => child.on('close', code => resolve({ code, stdout, stderr })));
    },
  };
}

test('a fresh clone installs once, says why on stderr, and keeps stdout clean; the next run is silent', async () => {
  const clone = checkout('fresh');
  const first = await clone.run();
  assert.deepEqual([first.code, first.stdout], [0, '']);
  assert.match(first.stderr, /^parley: node_modules is missing: running npm ci/);
  assert.match(readFileSync(join(clone.path, 'npm-runs'), 'utf8'), /^ci --ignore-scripts /);
  assert.deepEqual(await clone.run(), { code: 0, stdout: '', stderr: '' });
  assert.equal(clone.npmRuns(), 1);
});

test('a changed lockfile installs again', async () => {
  const clone = checkout('changed');
  await clone.run();
  clone.lock('1.0.1');
  assert.match((await clone.run()).stderr, /node_modules differs from package-lock\.json/);
  assert.equal(clone.npmRuns(), 2);
});

test('a tree that npm itself installed from this lockfile is taken over', async () => {
  const clone = checkout('adopted');
  await clone.run();
  rmSync(join(clone.path, 'node_modules', '.parley-lock'));
  assert.deepEqual(await clone.run(), { code: 0, stdout: '', stderr: '' });
  assert.equal(clone.npmRuns(), 1);
  rmSync(join(clone.path, 'node_modules', '.parley-lock'));
  rmSync(join(clone.path, 'node_modules', 'one'), { recursive: true });
  await clone.run();
  assert.equal(clone.npmRuns(), 2, 'a package that is gone is noticed');
});

test('processes that start together install once, and all go on after it', async () => {
  const clone = checkout('together');
  const results = await Promise.all(Array.from({ length: 4 }, () => clone.run()));
  assert.deepEqual(
    results.map(result => result.code),
    [0, 0, 0, 0],
  );
  assert.equal(clone.npmRuns(), 1);
  assert.deepEqual(readdirSync(join(clone.path, '.parley')), []);
});

test('a failed installation exits 1 with a remedy and is tried again the next time', async () => {
  const clone = checkout('failing');
  const failed = await clone.run({ NPM_FAILS: '1' });
  assert.deepEqual([failed.code, failed.stdout], [1, '']);
  assert.match(failed.stderr, /npm ci failed; its message stands above\n→ Check the network and the registry/);
  assert.equal((await clone.run()).code, 0);
  assert.equal(clone.npmRuns(), 2);
});

test('a machine without npm is told so', async () => {
  const clone = checkout('no-npm');
  const { code, stderr } = await clone.run({ npm_execpath: '', PATH: clone.path });
  assert.equal(code, 1);
  assert.match(stderr, /npm could not be started .*\n→ Install npm/);
});

test('the lock of a process that was killed is taken over', async () => {
  const clone = checkout('stale');
  mkdirSync(join(clone.path, '.parley'));
  const gone = spawn(process.execPath, ['-e', '']);
  await new Promise(resolve => gone.on('close', resolve));
  writeFileSync(join(clone.path, '.parley', 'install.lock'), `${gone.pid} ${hostname()} abc`);
  assert.equal((await clone.run()).code, 0);
  assert.equal(clone.npmRuns(), 1);
});
