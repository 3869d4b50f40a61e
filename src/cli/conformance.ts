/** `parley conformance FILE…`: checks this build against published test vectors. */
import { Command } from 'commander';
import { readCases } from '../conformance/files.ts';
import { implementations } from '../conformance/implementations.ts';
import { type Report, runCases } from '../conformance/report.ts';
import { printJson, printLine, table } from './output.ts';

/** Exit code 1 when a case failed, 0 otherwise; a file that cannot be read is a UserError. */
export function conformanceCommand(): Command {
  return new Command('conformance')
    .description(
      'Runs test vectors against this build. A case whose function is not built is counted as unsupported, never as passed.\n' +
        'Exit code: 0 no case failed, 1 some did, 2 a file could not be read.',
    )
    .argument('<file...>', 'vector files, or folders of them')
    .option('--json', 'print one JSON document')
    .action(async (files: string[], options: { json?: true }) => {
      const report = await runCases(readCases(files), implementations);
      if (options.json) printJson(report);
      else printReport(report);
      if (report.failed > 0) process.exitCode = 1;
    });
}

function printReport(report: Report): void {
  const rows = Object.entries(report.groups).map(([group, { passed, failed, unsupported }]) => [
    group,
    passed,
    failed,
    unsupported,
  ]);
  printLine(
    table([
      ['group', 'passed', 'failed', 'unsupported'],
      ...rows,
      ['total', report.passed, report.failed, report.unsupported],
    ]),
  );
  for (const { id, expected, got } of report.failures) {
    printLine(`failed: ${id}\n  expected ${brief(expected)}\n  got      ${brief(got)}`);
  }
}

function brief(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length <= 300 ? text : `${text.slice(0, 299)}…`;
}
