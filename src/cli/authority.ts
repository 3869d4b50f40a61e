/** `parley authority`: runs the certificate authority by itself. */
import { once } from 'node:events';
import { Command } from 'commander';
import { serveAuthority } from '../node/authority/serve.ts';
import { parsePort } from './init.ts';

interface Options {
  readonly home: string;
  readonly host?: string;
  readonly port?: number;
}

/** Serves until SIGINT or SIGTERM; one JSON line per event on stderr. */
export function authorityCommand(): Command {
  return new Command('authority')
    .description(
      'Runs the certificate authority: enrolment, renewal, revocation lists. parley coordinator starts it by itself.',
    )
    .option('--home <dir>', "the federation's folder", './.parley/federation')
    .option('--host <address>', 'address to listen on (default: loopback for a federation on localhost, else all)')
    .option('--port <port>', 'TCP port to listen on (default: as in federation.json)', parsePort)
    .action(async ({ home, host, port }: Options) => {
      const log = (event: object): void =>
        void process.stderr.write(`${JSON.stringify({ time: new Date().toISOString(), ...event })}\n`);
      const authority = await serveAuthority(home, { host, port, log });
      await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
      await authority.close();
    });
}
