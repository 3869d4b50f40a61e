/** `parley privacy ledger`: what was spent and what is left, from a ledger whose chain is checked. */
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { type ChainReport, type LedgerReport, type LineReport, ledgerReport } from '../core/privacy/ledger-report.ts';
import { evenRounds } from '../core/privacy/report.ts';
import { smallText } from '../core/privacy/statement-text.ts';
import { UserError } from '../core/protocol/problem.ts';
import { buildName } from '../node/build.ts';
import { nodePrimitives } from '../node/primitives.ts';
import { ledgerFile } from '../node/privacy/party-ledger.ts';
import { readLedgerEntries } from '../node/storage/sqlite-ledger.ts';
import { faint, printJson, printLine, strong, table } from './output.ts';
import { barsWithin, plotSize, printPlot } from './privacy-plot.ts';
import { wrapped } from './privacy-print.ts';

const usualHomes = ['./.parley/member', './.parley/federation'];

/** The chain is broken: what was spent is not known. */
const exitBroken = 1;

export function addLedgerCommand(privacy: Command): void {
  privacy
    .command('ledger')
    .description('what was spent, and what is left, by task and by set of units; checks the chain of entries')
    .argument(
      '[path]',
      `a ledger.sqlite, or the home of a client or of a federation; by default ${usualHomes.join(', or else ')}`,
    )
    .option('--entries', 'list every reservation')
    .option('--json', 'print one JSON document')
    .addHelpText('after', '\nExits with 1 when the chain is broken. It may run beside the client or coordinator.')
    .action(ledger);
}

function ledger(path: string | undefined, options: { entries?: true; json?: true }): void {
  const file = ledgerPath(path === undefined ? usualHomes : [path]);
  const report = ledgerReport(readLedgerEntries(file), { sha256: nodePrimitives.sha256, build: buildName });
  if (report.chain.broken !== null) process.exitCode = exitBroken;
  if (options.json) return printJson({ ledger: file, ...report });
  printReport(file, report, options.entries === true);
}

/** The first ledger in these homes of clients and federations, or files. Throws UserError where there is none. */
function ledgerPath(homes: readonly string[]): string {
  const places = homes.flatMap(path => [path, join(path, ledgerFile), join(path, 'coordinator', ledgerFile)]);
  const found = places.find(place => existsSync(place) && statSync(place).isFile());
  if (found !== undefined) return found;
  const remedy = 'Name the home of a client or of a federation; a ledger is made when it starts.';
  throw new UserError(homes.join(', '), 'holds no ledger', remedy);
}

function printReport(file: string, { chain, tasks, sets }: LedgerReport, isWhole: boolean): void {
  printLine(strong(file));
  printChain(chain);
  if (tasks.length === 0) return;
  printLine();
  printLine(table([heading, ...[...tasks, ...sets].map(row)]));
  printLine(faint('ε: Rényi divergences, never too small. Rounded up. –: no limit, only added up.'));
  if ([...tasks, ...sets].some(({ order }) => order !== null))
    printLine(
      faint(
        wrapped(
          '*: what follows depends on what was released. The ε to state is the limit, however little was spent; without a limit there is none to state.',
        ),
      ),
    );
  const repeated = tasks.flatMap(line => line.spends).filter(spent => spent.isRepeated).length;
  if (repeated > 0)
    printLine(
      wrapped(`${repeated} spent again: the round was reserved before, a crash lay between noise and its use.`),
    );
  for (const line of tasks) printLinePlot(line);
  if (isWhole) for (const line of tasks) printSpends(line);
}

function printChain({ entries, head, broken }: ChainReport): void {
  if (broken === null) return printLine(`${entries} entries, the chain holds; last ${entries === 0 ? '–' : head}`);
  printLine(strong(`THE CHAIN IS BROKEN: ${broken.what}`));
  printLine(wrapped(`Shown is what the ${entries} entries before it say. More may be spent: do not use this ledger.`));
}

const heading = ['', 'units', 'relation', 'spent', 'limit', 'left', 'δ', 'rounds', 'acknowledged'];

function row(line: LineReport): string[] {
  const { task, purpose, units, relation, spent, epsilon, left, delta, order, spends } = line;
  const name = task === null ? 'all tasks' : `${task.slice(0, 12)} ${purpose}`;
  return [
    name,
    units,
    relation,
    `${up(spent)}${order === null ? '' : '*'}`,
    epsilon === null ? '–' : String(epsilon),
    left === null ? '–' : down(left),
    smallText(delta),
    String(spends.length),
    String(spends.filter(({ state }) => state === 'released').length),
  ];
}

function printLinePlot({ task, purpose, spends }: LineReport): void {
  const points = evenRounds(spends.length, barsWithin(plotSize().width)).map(count => spends[count - 1]);
  const title = `ε over rounds, ${task?.slice(0, 12)} ${purpose}`;
  printPlot(
    title,
    points.map(({ round, epsilon }) => ({ rounds: round, epsilon })),
  );
}

function printSpends({ task, purpose, spends }: LineReport): void {
  printLine();
  printLine(strong(`${task} ${purpose}`));
  const rows = spends.map(({ index, round, state, epsilon, event, isRepeated }) => [
    index,
    round,
    `${state}${isRepeated ? ', again' : ''}`,
    up(epsilon),
    event.kind,
  ]);
  printLine(table([['entry', 'round', 'state', 'ε so far', 'event'], ...rows]));
}

/** Four digits behind the point: what was spent is never shown as less, what is left never as more. */
function up(epsilon: number): string {
  return Number.isFinite(epsilon) ? (Math.ceil(epsilon * 1e4) / 1e4).toFixed(4) : '∞';
}

function down(epsilon: number): string {
  return (Math.floor(epsilon * 1e4) / 1e4).toFixed(4);
}
