/** `parley bench SUITE`: measures this build on this machine. Suites live in bench/ of a checkout. */
import { Argument, Command } from 'commander';
import { type BenchResult, machine, onResult } from '../../bench/harness.ts';
import { createProgress, printJson, printLine, table } from './output.ts';

const suites: Readonly<Record<string, () => Promise<readonly BenchResult[]>>> = {
  accuracy: async () => (await import('../../bench/accuracy.ts')).accuracy(),
  aggregation: async () => (await import('../../bench/aggregation.ts')).aggregation(),
  byzfl: async () => (await import('../../bench/byzfl.ts')).byzfl(),
  learning: async () => (await import('../../bench/learning.ts')).learning(),
  privacy: async () => (await import('../../bench/privacy.ts')).privacy(),
  rounds: async () => (await import('../../bench/rounds.ts')).rounds(),
  secagg: async () => (await import('../../bench/secagg.ts')).secagg(),
  utility: async () => (await import('../../bench/utility.ts')).utility(),
};

const helpOfSuites = [
  '  accuracy     what training reaches on real data, centrally and federated; needs PARLEY_DATA_DIR',
  '  aggregation  robust rules against the time to read the updates once, streamed from files, and beside numpy',
  '  byzfl        training under attack as in the benchmark of ByzFL; needs PARLEY_DATA_DIR, and hours: PARLEY_BENCH_KEEP=FILE keeps what is done',
  '  learning     local training, with and without clipping per example, beside other engines where they are installed',
  '  privacy      what privacy costs in time: noise, private steps beside those of SGD, ledger and accountants',
  '  rounds       rounds per second of a federation of processes, and of a simulated one; training excluded',
  '  secagg       secure aggregation in groups: masks, a whole session of a member, whole rounds, opening the sum of 500 clients; minutes',
  '  utility      accuracy of models whose training hides every record or user; needs PARLEY_DATA_DIR, and minutes: PARLEY_BENCH_PARTS names some of gmix,mnist,heart,organisations,users',
].join('\n');

/** Prints `{suite, machine: {cpu, cores, node}, results}`; every figure is the median of several runs, with its spread. */
export function benchCommand(): Command {
  return new Command('bench')
    .description('Measures this build on this machine: median of several runs, with the spread.')
    .addArgument(new Argument('<suite>', 'what to measure').choices(Object.keys(suites)))
    .option('--json', 'print one JSON document')
    .addHelpText('after', `\nSuites:\n${helpOfSuites}`)
    .action(async (suite: string, options: { json?: true }) => {
      const progress = createProgress();
      progress.status(`bench ${suite}: running`);
      onResult(({ name, value, unit }) => {
        const line = `${name}: ${Number(value.toPrecision(4))} ${unit}`;
        progress.status(`bench ${suite}: ${line}`, line);
      });
      const results = await suites[suite]().finally(() => progress.end());
      const here = machine();
      if (options.json) return printJson({ suite, machine: here, results });
      printLine(`${suite} on ${here.cpu}, ${here.cores} cores, Node ${here.node}`);
      printLine(table(resultRows(results)));
    });
}

/** One row per result: name, value, unit, then every other figure that a result carries. */
function resultRows(results: readonly BenchResult[]): (string | number)[][] {
  const extra = [...new Set(results.flatMap(result => Object.keys(result)))].filter(
    key => !['name', 'value', 'unit'].includes(key),
  );
  return [
    ['name', 'value', 'unit', ...extra],
    ...results.map(result => [
      result.name,
      Number(result.value.toPrecision(4)),
      result.unit,
      ...extra.map(key => printable((result as unknown as Record<string, unknown>)[key])),
    ]),
  ];
}

function printable(value: unknown): string | number {
  if (typeof value === 'number') return Number(value.toPrecision(4));
  if (Array.isArray(value)) return value.map(printable).join(' to ');
  return value === undefined ? '' : typeof value === 'string' ? value : JSON.stringify(value);
}
