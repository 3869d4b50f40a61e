#!/usr/bin/env node
// Launcher of `parley`: the TypeScript sources in a checkout, dist/ in an installed package; on the Node that parley pins when the
// Node that started this file is too old. Plain JavaScript for any Node ≥ 20.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import module from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const source = join(root, 'src', 'cli', 'main.ts');
const entry = existsSync(source) ? source : join(root, 'dist', 'src', 'cli', 'main.js');

if (Number(process.versions.node.split('.')[0]) >= 24) {
  if (entry === source) cacheCompiledSources();
  // The entry point reads the command line as if Node had started it.
  process.argv[1] = entry;
  await import(pathToFileURL(entry).href);
} else {
  const node = pinnedNode();
  if (node === null) {
    process.stderr.write(`parley: needs Node 24 or later; this is Node ${process.versions.node}\n`);
    process.stderr.write('→ In a checkout run: npm ci. Otherwise, and on macOS, install Node 24 LTS.\n');
    process.exitCode = 2;
  } else {
    relay(node, [entry, ...process.argv.slice(2)]);
  }
}

/**
 * Keeps the sources of a checkout compiled, for this process and its children: a start takes half the time and 40 MB less. The folder
 * is the owner's, not the common one below /tmp: what lies in it is executed.
 */
function cacheCompiledSources() {
  const folder = join(root, 'node_modules', '.cache', 'parley');
  process.env.NODE_COMPILE_CACHE ??= folder;
  module.enableCompileCache(process.env.NODE_COMPILE_CACHE);
}

/** node_modules/.bin/node of this package, or of a folder above that this package is installed in. */
function pinnedNode() {
  const name = process.platform === 'win32' ? 'node.cmd' : 'node';
  for (let at = root; ; at = dirname(at)) {
    const bin = join(at, 'node_modules', '.bin', name);
    // On Windows .bin holds a script; the program itself stands in the package.
    const program =
      process.platform === 'win32' ? join(at, 'node_modules', `node-win-${process.arch}`, 'bin', 'node.exe') : bin;
    if (existsSync(bin) && existsSync(program)) return program;
    if (dirname(at) === at) return null;
  }
}

/** Runs the command in a child process that gets our signals, and ends as it ends. */
function relay(command, args) {
  const child = spawn(command, args, { stdio: 'inherit' });
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const signal of signals) process.on(signal, () => child.kill(signal));
  child.on('error', error => {
    process.stderr.write(`parley: could not start ${command}: ${error.message}\n`);
    process.exitCode = 2;
  });
  child.on('exit', (code, signal) => {
    for (const name of signals) process.removeAllListeners(name);
    if (signal === null) process.exit(code ?? 1);
    process.kill(process.pid, signal);
  });
}
