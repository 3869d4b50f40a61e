/** The processes that a trainer has started, from /proc (Linux). */
import { existsSync, readdirSync, readFileSync } from 'node:fs';

/** A process, told apart from a later one with the same number. */
export interface ProcessId {
  readonly pid: number;
  /** Start in clock ticks since the system's. */
  readonly started: string;
}

/** Whether this platform shows the processes of a tree and their memory: Linux, unless /proc is not mounted. */
export const showsProcesses = process.platform === 'linux' && existsSync('/proc/self/stat');

/**
 * The process, every one of its session and of its group, every one that has its mark, and all their descendants. So a daemon is found,
 * which left the session and whose parents have ended, unless it threw its environment away as well.
 *
 * @param root its number. Once it has been waited for (`hasEnded`) a process of that number is another one: Linux gives a number away
 *   only when no session and no group has it any more, so then nothing but the mark tells whose a process is.
 * @param mark `NAME=value` in the environment that the process was started with and its children inherit; of no other process.
 */
export function processTree(root: number, hasEnded: boolean, mark: string): ProcessId[] {
  const all = readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .flatMap(name => readStat(Number(name)) ?? []);
  const isReused = hasEnded && all.some(({ pid }) => pid === root);
  const isOurs = ({ pid, group, session }: (typeof all)[number]): boolean =>
    (!isReused && [pid, group, session].includes(root)) || `\0${read(pid, 'environ')}`.includes(`\0${mark}\0`);
  const found = new Map(all.filter(isOurs).map(p => [p.pid, p] as const));
  for (let size = -1; size !== found.size; ) {
    size = found.size;
    for (const p of all) if (found.has(p.parent)) found.set(p.pid, p);
  }
  return [...found.values()].map(({ pid, started }) => ({ pid, started }));
}

/** Resident memory of all of them, bytes; pages that several share count once for each. */
export function residentBytes(tree: readonly ProcessId[]): number {
  const kibibytes = tree.map(({ pid }) => Number(/^VmRSS:\s*(\d+) kB$/m.exec(read(pid, 'status'))?.[1] ?? 0));
  return 1024 * kibibytes.reduce((a, b) => a + b, 0);
}

/** Whether this very process is there. */
export function isAlive({ pid, started }: ProcessId): boolean {
  return readStat(pid)?.started === started;
}

/** proc(5): the second field, in parentheses, may hold anything; the state is field 3. A zombie is no process any more. */
function readStat(pid: number) {
  const text = read(pid, 'stat');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  if (fields.length < 20 || fields[0] === 'Z' || fields[0] === 'X') return null;
  const [parent, group, session] = fields.slice(1, 4).map(Number);
  return { pid, parent, group, session, started: fields[19] };
}

function read(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1');
  } catch {
    return ''; // it has ended, or is another user's
  }
}
