/** parley coordinator: runs the coordinator of a federation, and its certificate authority in a process of its own. */
import { Command, InvalidArgumentError } from 'commander';
import type { Log } from '../core/protocol/ports.ts';
import { type AuthorityProcess, startAuthority } from '../node/authority/child.ts';
import { readFederation } from '../node/authority/home.ts';
import { fileLog, streamLog } from '../node/logger.ts';
import { runCoordinator } from '../node/run-coordinator.ts';
import { aborted, untilStopped } from './lifetime.ts';

interface Options {
  home: string;
  host?: string;
  port?: number;
  authority: boolean;
  log?: string;
  withParent?: boolean;
}

export function coordinatorCommand(): Command {
  return new Command('coordinator')
    .description('run the coordinator of a federation until it is told to stop')
    .option('--home <dir>', 'home of the federation', './.parley/federation')
    .option('--host <address>', 'address to listen on (default: loopback for a federation on localhost, else all)')
    .option('--port <number>', 'port to listen on (default: that of the federation)', port)
    .option('--no-authority', 'do not start the certificate authority beside it')
    .option('--log <file>', 'append the log to a file instead of standard error')
    .option('--with-parent', 'also end when standard input closes')
    .addHelpText(
      'after',
      '\nThe log is one JSON object a line: refusals name the client and the reason. Stop it with Ctrl-C or SIGTERM.',
    )
    .action(run);
}

async function run(options: Options): Promise<void> {
  const signal = untilStopped(options.withParent);
  const url = new URL(readFederation(options.home).coordinatorUrl);
  const log = options.log === undefined ? streamLog(process.stderr) : fileLog(options.log);
  let authority: AuthorityProcess | null = null;
  const running = await runCoordinator({
    home: options.home,
    host: options.host ?? (url.hostname === 'localhost' ? '127.0.0.1' : '::'),
    port: options.port ?? Number(url.port || 443),
    log,
    async prepare() {
      // The authority holds the issuing key; this process never reads it.
      if (options.authority) authority = await beside(options.home, log);
    },
  }).catch(async error => {
    // A child that lives on would keep this process alive, and the authority's port taken.
    await (authority as AuthorityProcess | null)?.close();
    throw error;
  });
  await aborted(signal);
  await (authority as AuthorityProcess | null)?.close();
  await running.close();
}

async function beside(home: string, log: Log): Promise<AuthorityProcess> {
  const authority = await startAuthority(home, log);
  void authority.ended.then(asked => {
    if (asked) return;
    log({
      event: 'authority-ended',
      level: 'error',
      detail: 'nobody can join or renew; start it again: parley authority',
    });
  });
  return authority;
}

/** A TCP port of the command line. */
export function port(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0 || value > 65_535)
    throw new InvalidArgumentError('expected a port, 0–65535');
  return value;
}
