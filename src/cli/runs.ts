/** parley runs: the runs of a coordinator and their results. */
import { Command } from 'commander';
import type { Run } from '../coordinator/store.ts';
import { type RunList, shortHash, withOperator } from './operator.ts';
import { printJson, printLine, table } from './output.ts';

export function runsCommand(): Command {
  return new Command('runs')
    .description('list the runs, oldest first')
    .option('--home <dir>', 'home of the federation', './.parley/federation')
    .option('--json', 'print one JSON document')
    .action((options: { home: string; json?: boolean }) =>
      withOperator(options.home, async channel => {
        const { runs } = await channel.get<RunList>('/v1/runs');
        if (options.json) return printJson(runs.map(summary));
        if (runs.length === 0) return printLine('no run yet; start one: parley run TASK');
        const rows = runs.map(run => [
          shortHash(run.task),
          run.name,
          run.phase,
          `${Math.min(run.phase === 'training' ? run.round - 1 : run.round, run.rounds)}/${run.rounds}`,
          new Date(run.submittedAt).toISOString().slice(0, 19).replace('T', ' '),
        ]);
        printLine(table([['run', 'task', 'phase', 'rounds', 'submitted (UTC)'], ...rows]));
      }),
    );
}

/** What a list says of a run; the whole of one is in parley status --json. Times in milliseconds since 1970. */
function summary({ task, name, phase, round, rounds, parameters, submittedAt, finishedAt }: Run) {
  return { task, name, phase, round: Math.min(round, rounds), rounds, parameters, submittedAt, finishedAt };
}
