/** `parley init`: creates a federation on this machine. */
import { Command, InvalidArgumentError } from 'commander';
import { createFederation } from '../node/authority/federation.ts';
import { printJson, printLine } from './output.ts';

interface Options {
  readonly home: string;
  readonly federation: string;
  readonly host: string;
  readonly port: number;
  readonly authorityPort: number;
  readonly json?: true;
}

/** Prints where the federation lies and what to do next. Refuses a folder that is not empty. */
export function initCommand(): Command {
  return new Command('init')
    .description('Creates a federation: its certificate authority and the identities of coordinator and operator.')
    .option('--home <dir>', "the federation's folder, new or empty", './.parley/federation')
    .option('--federation <name>', 'name of the federation (a–z, 0–9, dot, dash)', 'federation')
    .option('--host <host>', 'DNS name or address by which members reach this machine', 'localhost')
    .option('--port <port>', 'TCP port of the coordinator', parsePort, 7443)
    .option('--authority-port <port>', 'TCP port of the certificate authority', parsePort, 7444)
    .option('--json', 'print one JSON document')
    .action(async (options: Options) => {
      const { home } = options;
      const description = await createFederation(home, options);
      if (options.json) return printJson({ home, ...description });
      const { federation, coordinatorUrl, rootFingerprint } = description;
      printLine(`Federation ${federation} lies in ${home}.`);
      printLine(`Root certificate (SHA-256): ${rootFingerprint}`);
      printLine(`Its key is ${home}/authority/root.key: move it to an offline place; daily work does not need it.`);
      printLine();
      printLine(`Start the coordinator (${coordinatorUrl}):  parley coordinator --home ${home}`);
      printLine(`Invite a member:  parley invite NAME --home ${home}`);
    });
}

/** A TCP port from the command line. */
export function parsePort(text: string): number {
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port < 1 || port > 65535)
    throw new InvalidArgumentError('Use a number from 1 to 65535.');
  return port;
}
