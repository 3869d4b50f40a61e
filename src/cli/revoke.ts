/** `parley revoke NAME`: ends a membership. */
import { Command } from 'commander';
import { revoke } from '../node/authority/federation.ts';
import { printJson, printLine } from './output.ts';

/** Revokes at once, without a question: it can be run from a script at night. `--json`: `{name, serials, denyVersion, invitations}`. */
export function revokeCommand(): Command {
  return new Command('revoke')
    .description('Revokes a member for good: its certificates are refused within a second, its connections are closed.')
    .argument('<name>', 'name of the member')
    .option('--home <dir>', "the federation's folder", './.parley/federation')
    .option('--json', 'print one JSON document')
    .action(async (name: string, { home, json }: { home: string; json?: true }) => {
      const result = await revoke(home, name);
      if (json) return printJson(result);
      const withdrawn = result.invitations === 0 ? '' : `, open invitations withdrawn: ${result.invitations}`;
      printLine(
        `${name} is revoked (certificates refused now: ${result.serials.length}${withdrawn}; deny list version ${result.denyVersion}).`,
      );
    });
}
