/** parley coordinator: runs the coordinator of a federation, and its certificate authority in a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { readFederation } from '../node/authority/home.ts';
import { fileLog, streamLog } from '../node/logger.ts';
import { runCoordinator } from '../node/run-coordinator.ts';
import { aborted, untilStopped } from './lifetime.ts';

interface Options {
  home: string;
  host: string;
  port?: number;
  authority: boolean;
  log?: string;
  withParent?: boolean;
}

export function coordinatorCommand(): Command {
  return new Command('coordinator')
    .description('run the coordinator of a federation until it is told to stop')
    .option('--home <dir>', 'home of the federation', './.parley/federation')
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option('--port <number>', 'port to listen on (default: that of the federation)', port)
    .option('--no-authority', 'do not start the certificate authority beside it')
    .option('--log <file>', 'append the log to a file instead of standard error')
    .option('--with-parent', 'also end when standard input closes')
    .addHelpText('after', '\nThe log is one JSON object a line: refusals name the client and the reason. Stop it with Ctrl-C or SIGTERM.')
    .action(run);
}

async function run(options: Options): Promise<void> {
  const signal = untilStopped(options.withParent);
  const { coordinatorUrl, authorityUrl } = readFederation(options.home);
  const log = options.log === undefined ? streamLog(process.stderr) : fileLog(options.log);
  const running = await runCoordinator({
    home: options.home,
    host: options.host,
    port: options.port ?? portOf(coordinatorUrl),
    log,
  });
  const authority = options.authority ? startAuthority(options, portOf(authorityUrl)) : null;
  authority?.once('exit', code => {
    if (!signal.aborted) log({ event: 'authority-ended', level: 'error', detail: `exit code ${code}: nobody can join or renew; see its log` });
  });
  await aborted(signal);
  authority?.kill('SIGTERM');
  await running.close();
}

/** The authority holds the issuing key; this process never reads it. It ends when this process does: its input closes. */
function startAuthority(options: Options, portNumber: number): ChildProcess {
  const args = ['authority', '--home', options.home, '--host', options.host, '--port', String(portNumber), '--with-parent'];
  if (options.log !== undefined) args.push('--log', `${options.log}.authority`);
  return spawn(process.execPath, [join(import.meta.dirname, 'main.ts'), ...args], { stdio: ['pipe', 'ignore', 'inherit'] });
}

function portOf(url: string): number {
  return Number(new URL(url).port || 443);
}

/** A TCP port of the command line. */
export function port(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0 || value > 65_535) throw new InvalidArgumentError('expected a port, 0–65535');
  return value;
}
