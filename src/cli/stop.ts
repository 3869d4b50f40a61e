/** parley stop: ends a run; the model of its last finished round stays. */
import { Command } from 'commander';
import type { Run } from '../coordinator/store.ts';
import { findRun, shortHash, withOperator } from './operator.ts';
import { printJson, printLine } from './output.ts';

export function stopCommand(): Command {
  return new Command('stop')
    .description('end a run; the model of its last finished round is kept')
    .argument('[run]', 'name or hash of the run (default: the newest)')
    .option('--home <dir>', 'home of the federation', './.parley/federation')
    .option('--json', 'print one JSON document')
    .action((wanted: string | undefined, options: { home: string; json?: boolean }) =>
      withOperator(options.home, async channel => {
        const found = await findRun(channel, wanted);
        const run = await channel.post<Run>(`/v1/runs/${found.task}/stop`, {});
        if (options.json) return printJson(run);
        printLine(
          `run ${shortHash(run.task)} of task ${run.name}: ${run.phase} in round ${Math.min(run.round, run.rounds)} of ${run.rounds}`,
        );
      }),
    );
}
