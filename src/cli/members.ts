/** `parley members`: who is in the federation. */
import { Command } from 'commander';
import { members } from '../node/authority/federation.ts';
import { printJson, printLine, table } from './output.ts';

/** Prints members and open invitations; `--json`: `[{name, organisation, role, status, joined, expires}]`, times in ISO 8601. */
export function membersCommand(): Command {
  return new Command('members')
    .description('Lists the members of the federation and its open invitations.')
    .option('--home <dir>', "the federation's folder", './.parley/federation')
    .option('--json', 'print one JSON document')
    .action(({ home, json }: { home: string; json?: true }) => {
      const list = members(home);
      if (json) return printJson(list);
      const rows = list.map(({ name, organisation, role, status, joined, expires }) => [
        name,
        organisation,
        role,
        status,
        joined ?? '',
        expires ?? '',
      ]);
      printLine(table([['name', 'organisation', 'role', 'status', 'joined', 'expires'], ...rows]));
    });
}
