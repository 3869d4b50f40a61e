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
        if (options.json) return printJson(runs.map(runSummary));
        if (runs.length === 0) return printLine('no run yet; start one: parley run TASK');
        printLine(table([['run', 'task', 'phase', 'rounds', 'submitted (UTC)'], ...runs.map(runRow)]));
      }),
    );
}

/** What a list says of a run, its rounds as `parley status` counts them: those that were combined, however it ended. */
export function runRow({ task, name, phase, round, rounds, submittedAt }: Run): string[] {
  const submitted = new Date(submittedAt).toISOString().slice(0, 19).replace('T', ' ');
  return [shortHash(task), name, phase, `${round - 1}/${rounds}`, submitted];
}

/** The same for programs, with the current round of a run that has not finished; the whole is in parley status --json. Milliseconds since 1970. */
export function runSummary({ task, name, phase, round, rounds, parameters, submittedAt, finishedAt }: Run) {
  const at = phase === 'finished' ? round - 1 : Math.min(round, rounds);
  return { task, name, phase, round: at, rounds, parameters, submittedAt, finishedAt };
}
