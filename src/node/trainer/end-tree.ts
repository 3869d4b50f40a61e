/** Ending a process with everything it started. */
import type { ChildProcess } from 'node:child_process';
import { isAlive, type ProcessId, processTree, showsProcesses } from './process-tree.ts';

/** A process that leads a session of its own, and the mark of its children: see `processTree`. */
export interface Marked {
  readonly child: ChildProcess;
  readonly mark: string;
}

/** Time between the request to end and the end, and from there until what was killed is gone. */
const graceMs = 2000;
const lookEveryMs = 10;

/**
 * SIGTERM to the process and, on Linux, to everything it started, elsewhere to its group; SIGKILL after 2 s, or to what is left when the
 * process itself has ended before. Resolves when they have ended.
 *
 * Not on Windows, where only the process itself is ended.
 */
export async function endTree(marked: Marked, ended: Promise<void>): Promise<void> {
  const { child } = marked;
  if (child.pid === undefined || hasEnded(child)) return;
  const tree = treeOf(marked);
  signalAll(marked, tree, 'SIGTERM');
  const grace = Promise.withResolvers<void>();
  const timer = setTimeout(grace.resolve, graceMs);
  await Promise.race([ended, grace.promise]);
  clearTimeout(timer);
  const left = [...tree, ...treeOf(marked)];
  signalAll(marked, left, 'SIGKILL');
  await ended;
  for (let waitedMs = 0; left.some(isAlive) && waitedMs < graceMs; waitedMs += lookEveryMs) await later(lookEveryMs);
}

/** SIGKILL to the process and all it started, at once: when this process ends, or when the process itself has ended a moment ago. */
export function killTreeNow(marked: Marked): void {
  signalAll(marked, treeOf(marked), 'SIGKILL');
}

const guarded = new Set<Marked>();
const killGuarded = (): void => guarded.forEach(killTreeNow);

/** Kills the process and all it started when this process ends by itself; the function returned takes that back. */
export function endWithThisProcess(marked: Marked): () => void {
  if (guarded.size === 0) process.once('exit', killGuarded);
  guarded.add(marked);
  return () => {
    guarded.delete(marked);
    if (guarded.size === 0) process.removeListener('exit', killGuarded);
  };
}

function treeOf({ child, mark }: Marked): readonly ProcessId[] {
  return showsProcesses && child.pid !== undefined ? processTree(child.pid, hasEnded(child), mark) : [];
}

function signalAll({ child }: Marked, tree: readonly ProcessId[], signal: NodeJS.Signals): void {
  for (const one of tree) if (isAlive(one)) attempt(one.pid, signal);
  if (showsProcesses || child.pid === undefined) return;
  if (process.platform === 'win32') child.kill(signal);
  else attempt(-child.pid, signal);
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

function attempt(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended meanwhile.
  }
}

function later(milliseconds: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, milliseconds));
}
