/** `parley authority`: runs the certificate authority by itself. */
import { once } from 'node:events';
import { Command } from 'commander';
import { serveAuthority } from '../node/authority/serve.ts';
import { fileLog, streamLog } from '../node/logger.ts';
import { parsePort } from './init.ts';

interface Options {
  readonly home: string;
  readonly host?: string;
  readonly port?: number;
  readonly log?: string;
}

/** Serves until SIGINT or SIGTERM; one JSON line per event on stderr or in the file of --log. */
export function authorityCommand(): Command {
  return new Command('authority')
    .description(
      'Runs the certificate authority: enrolment, renewal, revocation lists. parley coordinator starts it by itself.',
    )
    .option('--home <dir>', "the federation's folder", './.parley/federation')
    .option('--host <address>', 'address to listen on (default: loopback for a federation on localhost, else all)')
    .option('--port <port>', 'TCP port to listen on (default: as in federation.json)', parsePort)
    .option('--log <file>', 'append the log to a file instead of standard error')
    .action(async ({ home, host, port, log: file }: Options) => {
      const log = file === undefined ? streamLog(process.stderr) : fileLog(file);
      const authority = await serveAuthority(home, { host, port, log });
      await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
      await authority.close();
    });
}
