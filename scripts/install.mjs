// Makes a checkout ready to run: installs exactly what package-lock.json says when node_modules is missing or differs, and builds the
// kernels when their sources changed. Runs under any Node ≥ 20 without dependencies. Everything is said on stderr: stdout belongs to
// the command that comes next.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withLock } from './lock.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const modules = join(root, 'node_modules');
const stampFile = join(modules, '.parley-lock');

class InstallError extends Error {
  constructor(message, remedy) {
    super(message);
    this.remedy = remedy;
  }
}

await main().catch(error => {
  if (!(error instanceof InstallError)) throw error;
  say(error.message);
  process.stderr.write(`→ ${error.remedy}\n`);
  process.exitCode = 1;
});

async function main() {
  const major = Number(process.versions.node.split('.')[0]);
  if (major < 20)
    throw new InstallError(
      `needs Node 20 or later to install; this is Node ${process.versions.node}`,
      'Install Node 24 LTS.',
    );
  const lock = readFileSync(join(root, 'package-lock.json'));
  const stamp = createHash('sha256').update(lock).digest('hex');
  if (reason(stamp, lock) !== null)
    await withLock(join(root, '.parley', 'install.lock'), say, () => install(stamp, lock));
  buildKernels();
  if (pinnedNode() === process.execPath && major < 24) {
    throw new InstallError(
      `there is no Node 24 from npm for ${process.platform}-${process.arch}, and this is Node ${process.versions.node}`,
      'Install Node 24 LTS and put it first on the PATH.',
    );
  }
}

/** Why an install is needed, or null. A tree that npm itself installed from this lockfile is taken over, not installed again. */
function reason(stamp, lock) {
  if (!existsSync(modules)) return 'node_modules is missing';
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8').trim() === stamp) return null;
  if (!holdsWhatLockSays(lock)) return 'node_modules differs from package-lock.json';
  writeFileSync(stampFile, `${stamp}\n`);
  return null;
}

/** Compares npm's own record of the installed tree with the lockfile, package by package. */
function holdsWhatLockSays(lock) {
  const record = join(modules, '.package-lock.json');
  if (!existsSync(record)) return false;
  const wanted = JSON.parse(lock.toString('utf8')).packages;
  const present = JSON.parse(readFileSync(record, 'utf8')).packages;
  const same = name =>
    wanted[name]?.version === present[name]?.version && wanted[name]?.integrity === present[name]?.integrity;
  return (
    Object.keys(present).every(name => same(name) && existsSync(join(root, name, 'package.json'))) &&
    Object.keys(wanted).every(name => name === '' || name in present || wanted[name].optional === true)
  );
}

function install(stamp, lock) {
  const why = reason(stamp, lock);
  if (why === null) return; // another process installed while this one waited
  const npm = npmCommand();
  if (process.platform === 'win32' && process.execPath.startsWith(modules)) {
    throw new InstallError(
      'Windows cannot replace the Node that runs this script',
      'Delete node_modules, then run the command again.',
    );
  }
  say(`${why}: running npm ci (once, some hundred megabytes)`);
  // stdout of npm goes to our stderr.
  const result = spawnSync(
    npm.command,
    [...npm.args, 'ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'],
    {
      cwd: root,
      stdio: ['ignore', 2, 2],
      shell: npm.shell,
    },
  );
  if (result.error)
    throw new InstallError(`npm could not be started (${result.error.message})`, 'Install npm; it comes with Node.');
  if (result.status !== 0) {
    throw new InstallError(
      'npm ci failed; its message stands above',
      'Check the network and the registry (npm ping), then run the command again.',
    );
  }
  writeFileSync(stampFile, `${stamp}\n`);
}

/** The npm that runs this script, on the Node that runs npm: the one in node_modules is about to be replaced. */
function npmCommand() {
  const { npm_execpath: script, npm_node_execpath: node } = process.env;
  if (script && node && /\.c?js$/.test(script) && existsSync(script))
    return { command: node, args: [script], shell: false };
  return { command: 'npm', args: [], shell: process.platform === 'win32' };
}

function buildKernels() {
  const script = join(root, 'scripts', 'kernels.mjs');
  if (!existsSync(script)) return;
  const result = spawnSync(pinnedNode(), [script, '--if-changed'], { cwd: root, stdio: ['ignore', 2, 2] });
  if (result.status !== 0) {
    throw new InstallError('the kernels could not be built; the message stands above', 'Run: npm run kernels');
  }
}

/** The Node that npm scripts run on: the pinned one, or this one where the platform has none. */
function pinnedNode() {
  if (process.platform === 'win32') {
    const program = join(modules, `node-win-${process.arch}`, 'bin', 'node.exe');
    return existsSync(program) ? program : process.execPath;
  }
  const program = join(modules, '.bin', 'node');
  return existsSync(program) ? program : process.execPath;
}

function say(text) {
  process.stderr.write(`parley: ${text}\n`);
}
