/** Ending a process with everything it started. */
import type { ChildProcess } from 'node:child_process';
import { isAlive, type ProcessId, processTree, showsProcesses } from './process-tree.ts';

/** Time between the request to end and the end. */
const graceMs = 2000;

/**
 * SIGTERM to the process, its group and, on Linux, what left the group; SIGKILL after 2 s, or to what is left when the process itself
 * has ended before. Resolves when it has ended.
 *
 * Not on Windows, where only the process itself is ended. Nowhere a daemon whose parents have ended: see `processTree`.
 */
export async function endTree(child: ChildProcess, ended: Promise<void>): Promise<void> {
  const { pid } = child;
  if (pid === undefined) return;
  const strays = treeOf(pid);
  signalGroup(child, 'SIGTERM');
  signalEach(strays, 'SIGTERM');
  const timer = Promise.withResolvers<void>();
  const timeout = setTimeout(timer.resolve, graceMs);
  await Promise.race([ended, timer.promise]);
  clearTimeout(timeout);
  const later = treeOf(pid);
  signalGroup(child, 'SIGKILL');
  signalEach([...strays, ...later], 'SIGKILL');
  await ended;
}

/** SIGKILL to the process and its group, at once. For the end of this process, and for what an ended trainer has left behind. */
export function killTreeNow(child: ChildProcess): void {
  if (child.pid === undefined) return;
  const strays = treeOf(child.pid);
  signalGroup(child, 'SIGKILL');
  signalEach(strays, 'SIGKILL');
}

function treeOf(pid: number): readonly ProcessId[] {
  return showsProcesses ? processTree(pid) : [];
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (process.platform === 'win32') child.kill(signal);
  else attempt(-(child.pid ?? 0), signal);
}

function signalEach(processes: readonly ProcessId[], signal: NodeJS.Signals): void {
  for (const one of processes) if (isAlive(one)) attempt(one.pid, signal);
}

function attempt(pid: number, signal: NodeJS.Signals): void {
  if (pid === 0) return; // it would be our own group
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended meanwhile.
  }
}
