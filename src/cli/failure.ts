/** How a command fails: what is said on stderr, and the exit code. */
import { CommanderError } from 'commander';
import { Problem, UserError } from '../core/protocol/problem.ts';
import { TaskError } from '../core/protocol/task.ts';
import { issueLine } from '../core/protocol/task-issue.ts';

/** The user can mend it: a flag, a file, a disk, a refusal of the coordinator. */
export const exitRefused = 2;
/** A defect of ours (EX_SOFTWARE of sysexits.h). */
export const exitDefect = 70;

/** System errors that the environment causes. Commands translate what they foresee; this is the net below. */
const remedies: Record<string, string> = {
  EACCES: 'Run as the owner of the path, or change its permissions.',
  EADDRINUSE: 'Stop the other process on this port, or choose another one.',
  EADDRNOTAVAIL: 'Listen on an address that this machine has.',
  ECONNREFUSED: 'Start the coordinator, or check its address.',
  ECONNRESET: 'Try again; if it stays so, see the log of the coordinator.',
  EDQUOT: 'Free some space, or raise the quota.',
  EHOSTUNREACH: 'Check the address and the network.',
  EISDIR: 'Name a file, not a folder.',
  EMFILE: 'Raise the limit of open files (ulimit -n).',
  ENETUNREACH: 'Check the network of this machine.',
  ENOENT: 'Check the spelling of the path.',
  ENOSPC: 'Free some space on the disk; nothing acknowledged was lost.',
  ENOTDIR: 'Name a folder, not a file.',
  ENOTFOUND: 'Check the name of the host and the network.',
  EPERM: 'Run as the owner of the file.',
  EPIPE: 'Try again; the other side hung up.',
  EROFS: 'Use a directory that can be written to.',
  ETIMEDOUT: 'Check the address, the network and the firewall.',
};

/** Writes the failure to stderr, with its remedy, and returns the exit code. PARLEY_DEBUG=1 adds the stack. */
export function reportFailure(
  error: unknown,
  write: (text: string) => void = text => void process.stderr.write(text),
): number {
  if (error instanceof CommanderError) return commanderExit(error);
  const stack = process.env.PARLEY_DEBUG === '1' && error instanceof Error ? `${error.stack}\n` : '';
  const known = describe(error);
  if (known !== null) {
    write(`${known}\n${stack}`);
    return exitRefused;
  }
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  write(`parley: this is a defect of parley: ${text}\n`);
  write(`→ Please report it with the command you ran${stack === '' ? ' and what PARLEY_DEBUG=1 adds' : ''}.\n${stack}`);
  return exitDefect;
}

function describe(error: unknown): string | null {
  if (error instanceof TaskError) {
    return `${taskErrorLines(error)}\n→ Correct the task file, then run: parley task check ${error.file ?? 'FILE'}`;
  }
  if (error instanceof UserError || error instanceof Problem) return `parley: ${error.message}\n→ ${error.remedy}`;
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return null;
  if (error.code === 'EACCES' && 'syscall' in error && error.syscall === 'listen')
    return `parley: ${error.message}\n→ Choose a port above 1023, or allow this user the port.`;
  const remedy = Object.hasOwn(remedies, error.code) ? remedies[error.code] : undefined;
  return remedy === undefined ? null : `parley: ${error.message}\n→ ${remedy}`;
}

/** The errors of a task, one a line, each with the file. */
export function taskErrorLines({ errors, file }: TaskError): string {
  return errors.map(error => `parley: ${file ?? 'task'}: ${issueLine(error)}`.replace(': (file): ', ': ')).join('\n');
}

/** Commander has already printed help, a version, or what was wrong with the command line. */
function commanderExit(error: CommanderError): number {
  return error.exitCode === 0 ? 0 : exitRefused;
}
