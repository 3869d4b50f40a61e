/** The authority as a child process, so that the coordinator's process never opens the issuing key. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Log, LogEvent } from '../../core/protocol/ports.ts';
import { UserError } from '../../core/protocol/problem.ts';

/** What the child says to its parent. */
export type AuthorityMessage =
  | { readonly ready: { readonly url: string } }
  | { readonly log: LogEvent }
  | { readonly failed: { readonly message: string; readonly remedy: string } };

export interface AuthorityProcess {
  readonly url: string;
  readonly pid: number;
  /** Resolves when the child has ended, asked or not; true when it was asked to by `close`. */
  readonly ended: Promise<boolean>;
  /** Asks the child to end and waits for it. */
  close(): Promise<void>;
}

/**
 * Starts the authority of a federation's home in a process of its own and waits until it listens. It ends when `close` is called
 * or when this process ends in any way. Rejects with a UserError when it cannot start.
 */
export async function startAuthority(home: string, log: Log): Promise<AuthorityProcess> {
  // process.ts in a checkout, process.js in a package.
  const entry = fileURLToPath(
    new URL(import.meta.url.endsWith('.ts') ? './process.ts' : './process.js', import.meta.url),
  );
  const child = fork(entry, [home], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'], execArgv: [] });
  let closing = false;
  const ended = once(child, 'exit').then(() => closing);
  const ready = new Promise<string>((resolve, reject) => {
    child.on('message', (message: AuthorityMessage) => {
      if ('log' in message) log(message.log);
      else if ('ready' in message) resolve(message.ready.url);
      else reject(new UserError('authority', message.failed.message, message.failed.remedy));
    });
    child.once('error', reject);
    void ended.then(() =>
      reject(new UserError('authority', 'ended before it was ready', 'Run it alone to see why: parley authority.')),
    );
  });
  const url = await ready;
  return {
    url,
    pid: child.pid ?? 0,
    ended,
    async close() {
      closing = true;
      if (child.connected) child.disconnect();
      await ended;
    },
  };
}
