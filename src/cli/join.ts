/** `parley join URL`: joins a federation with an invitation. */
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import { Command } from 'commander';
import { UserError } from '../core/protocol/problem.ts';
import { join } from '../node/authority/join.ts';
import { printJson, printLine } from './output.ts';

interface Options {
  readonly token?: string;
  readonly tokenFile?: string;
  readonly home: string;
  readonly replace?: true;
  readonly json?: true;
}

/** Makes the keys here, shows the token to the authority it names, and writes the member's home. */
export function joinCommand(): Command {
  return new Command('join')
    .description('Joins a federation. The keys are made on this machine and never leave it.')
    .argument('<url>', 'address of the authority, as parley invite printed it')
    .option(
      '--token <token>',
      'the invitation; - reads it from standard input, where other users of this machine cannot see it',
    )
    .option('--token-file <file>', 'a file that holds the invitation; - is standard input')
    .option('--home <dir>', "the member's folder", './.parley/member')
    .option('--replace', 'give the member of this folder new credentials, with an invitation made for that')
    .option('--json', 'print one JSON document')
    .action(async (url: string, options: Options) => {
      const { home } = options;
      const token = await readToken(options);
      const { principal, notAfter } = await join(url, token, home, { replace: options.replace === true });
      if (options.json) return printJson({ ...principal, home, expires: new Date(notAfter).toISOString() });
      printLine(
        `${principal.name} of ${principal.organisation} joined ${principal.federation} as ${principal.role}. Its credentials lie in ${home}.`,
      );
      if (principal.role === 'client') printLine(`Start the client:  parley client --home ${home} --data FILE`);
    });
}

async function readToken({ token, tokenFile }: Options): Promise<string> {
  if ((token === undefined) === (tokenFile === undefined)) {
    throw new UserError(
      'parley join',
      'needs the invitation, once',
      'Give --token - and paste it, or --token-file FILE.',
    );
  }
  const source = token === '-' ? '-' : tokenFile;
  if (source === undefined) return token ?? '';
  if (source === '-') return readStdin();
  try {
    return readFileSync(source, 'utf8');
  } catch (cause) {
    throw new UserError(source, 'cannot be read', 'Name the file that holds the invitation.', { cause });
  }
}

/** The first line. A person is asked for it. */
async function readStdin(): Promise<string> {
  if (process.stdin.isTTY) process.stderr.write('Invitation: ');
  const lines = createInterface({ input: process.stdin });
  for await (const line of lines) {
    lines.close();
    process.stdin.destroy();
    return line;
  }
  return '';
}
