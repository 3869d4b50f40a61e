/** parley status: what the coordinator is doing now. */
import { Command } from 'commander';
import type { RunStatus } from '../coordinator/status.ts';
import { declineReasons } from './declines.ts';
import { roundLine, statusLine } from './follow.ts';
import { neverCountedText } from './left-out.ts';
import { findRun, type RunList, shortHash, withOperator } from './operator.ts';
import { printJson, printLine, table } from './output.ts';
import { resultTable } from './result.ts';

export function statusCommand(): Command {
  return new Command('status')
    .description('what the coordinator is doing: present clients, the open round, refusals')
    .argument('[run]', 'name or hash of a run (default: the newest)')
    .option('--home <dir>', 'home of the federation', './.parley/federation')
    .option('--json', 'print one JSON document')
    .action((wanted: string | undefined, options: { home: string; json?: boolean }) =>
      withOperator(options.home, async channel => {
        const { runs, present } = await channel.get<RunList>('/v1/runs');
        const status =
          runs.length === 0 && wanted === undefined
            ? null
            : await channel.get<RunStatus>(`/v1/runs/${(await findRun(channel, wanted)).task}`);
        if (options.json) return printJson({ present, run: status });
        printLine(`present: ${present.join(', ') || 'no client'}`);
        if (status === null) return printLine('no run yet; start one: parley run TASK');
        printLine(`run ${shortHash(status.task)} of task ${status.name}: ${statusLine(status)}`);
        for (const report of status.reports.slice(-5)) printLine(`  ${roundLine(report, status)}`);
        if (status.refusals.length > 0) {
          printLine('refused messages:');
          printLine(
            table([
              ['client', 'reason', 'count'],
              ...status.refusals.map(r => [r.client ?? 'unknown', r.code, r.count]),
            ]),
          );
          for (const line of declineReasons(status.refusals)) printLine(line);
        }
        if (status.clients.length > 0 || status.privacy?.noisyCounts) printLine(resultTable(status));
        const never = neverCountedText(status.reports);
        if (never !== null) printLine(never);
      }),
    );
}
