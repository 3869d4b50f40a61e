// A lock between processes of one checkout: a file that names its holder.
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

/** A holder that did not end well (kill -9, power) leaves its file behind: taken over when its process is gone, or after this time. */
const longestHoldMs = 30 * 60_000;

/** Runs `work` while no other process that asks for the same lock does. `say` gets one line when there is a wait. */
export async function withLock(path, say, work) {
  mkdirSync(dirname(path), { recursive: true });
  const owner = `${process.pid} ${hostname()} ${Math.random().toString(36).slice(2)}`;
  for (let waited = false; !take(path, owner); waited = true) {
    if (!waited) say('waiting for another process that installs');
    removeStale(path);
    await wait(200);
  }
  try {
    return await work();
  } finally {
    if (read(path) === owner) rmSync(path, { force: true });
  }
}

/** True when the lock file is ours now. A link of a complete file: nobody ever reads half an owner. */
function take(path, owner) {
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, owner);
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
    return false;
  } finally {
    rmSync(draft, { force: true });
  }
}

function removeStale(path) {
  const owner = read(path);
  if (owner === null || !isStale(path, owner)) return;
  const aside = `${path}.stale.${process.pid}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if (error.code === 'ENOENT') return;
    throw error;
  }
  // Between the look and the rename another process may have taken the lock: then give it back.
  if (read(aside) !== owner) linkSync(aside, path);
  rmSync(aside, { force: true });
}

function isStale(path, owner) {
  const [pid, host] = owner.split(' ');
  if (host === hostname() && !isAlive(Number(pid))) return true;
  try {
    return Date.now() - statSync(path).mtimeMs > longestHoldMs;
  } catch (error) {
    if (error.code === 'ENOENT') return false;
    throw error;
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

function read(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') return null;
    throw error;
  }
}
