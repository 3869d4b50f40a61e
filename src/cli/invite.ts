/** `parley invite NAME`: makes a one-time invitation. */
import { Command, InvalidArgumentError, Option } from 'commander';
import { invite, invitedRoles } from '../node/authority/federation.ts';
import { printJson, printLine } from './output.ts';

interface Options {
  readonly home: string;
  readonly organisation?: string;
  readonly role: (typeof invitedRoles)[number];
  readonly hours: number;
  readonly replace?: true;
  readonly json?: true;
}

/** Prints the token and the command that uses it; `--json`: `{name, organisation, role, token, expires, authorityUrl}`. */
export function inviteCommand(): Command {
  return new Command('invite')
    .description('Makes an invitation that works once. Hand it to the member over a channel that you trust.')
    .argument('<name>', 'name of the new member (a–z, 0–9, dot, dash)')
    .option('--home <dir>', "the federation's folder", './.parley/federation')
    .option('--organisation <name>', 'organisation of the member (default: its name)')
    .addOption(new Option('--role <role>', 'what the member may do').choices([...invitedRoles]).default('client'))
    .option('--hours <hours>', 'how long the invitation works, at most 24', parseHours, 24)
    .option('--replace', 'give an active member new keys; its old ones are revoked when the invitation is used')
    .option('--json', 'print one JSON document')
    .action((name: string, options: Options) => {
      const { home, role, organisation = name } = options;
      const result = invite(home, {
        name,
        organisation,
        role,
        hours: options.hours,
        replace: options.replace === true,
      });
      const expires = new Date(result.expiresMs).toISOString();
      const { token, authorityUrl } = result;
      if (options.json) return printJson({ name, organisation, role, token, expires, authorityUrl });
      printLine(token);
      if (result.withdrawn > 0) process.stderr.write(`An older invitation of ${name} works no more.\n`);
      process.stderr.write(
        `For ${name} of ${organisation}, until ${expires}, works once. The member runs, and pastes the token:\n`,
      );
      process.stderr.write(`  parley join ${authorityUrl} --token -${options.replace ? ' --replace' : ''}\n`);
    });
}

function parseHours(text: string): number {
  const hours = Number(text);
  if (!(hours > 0 && hours <= 24)) throw new InvalidArgumentError('Use a number of hours, more than 0 and at most 24.');
  return hours;
}
