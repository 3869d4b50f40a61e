/** parley standardise: center and spread of a task's number columns, from sums over the training rows of all sites. */
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Command } from 'commander';
import { type ColumnScaling, scalingOf } from '../core/data/moments.ts';
import { onlyTable } from '../core/data/only-table.ts';
import { Problem, UserError } from '../core/protocol/problem.ts';
import { statisticsName, statisticsTask } from '../core/protocol/statistics-task.ts';
import type { Task } from '../core/protocol/task.ts';
import { writeDurable } from '../node/durable-file.ts';
import { type Gathered, gatherFromSites, gatherFromTables } from './gather-moments.ts';
import { faint, printJson, printLine, table } from './output.ts';
import { significant } from './result.ts';
import { documentText, dropStandardise, setConstants } from './task-constants.ts';
import { readTaskDocument, taskOfDocument } from './task-file.ts';

interface Options {
  home: string;
  output?: string;
  data?: string;
  json?: boolean;
}

export function standardiseCommand(): Command {
  return new Command('standardise')
    .description(
      'find center and spread of the number columns: sums over the training rows of all sites, in one round of its own.\n' +
        'Writes the task with these constants to a new file, to be looked at and then trained.',
    )
    .argument('<task>', 'task file (YAML)')
    .option('--home <dir>', 'home of the federation', './.parley/federation')
    .option('--data <path>', 'no federation: sum over these tables, one per site, on this machine')
    .option('--output <file>', 'where to write the task (default: NAME.standardised.task.yaml beside it)')
    .option('--json', 'print one JSON document')
    .addHelpText(
      'after',
      '\nSites take part by their own choice: a client started with --accept must also name NAME-statistics.' +
        '\nA site tells its number of training rows, and mean and variance of every number column; a site that lies about them' +
        '\nshifts the constants. The same command again takes up the same round; another seed in the task asks anew.',
    )
    .action(standardise);
}

async function standardise(file: string, options: Options): Promise<void> {
  const document = readTaskDocument(file);
  dropStandardise(document);
  const task = taskOfDocument(document, file);
  const statistics = statisticsTask(task);
  const gathered =
    options.data === undefined
      ? await gatherFromSites(statistics, options.home)
      : await gatherFromTables(statistics, options.data);
  if (gathered === null) return;
  const scaling = scalingFor(task, gathered);
  setConstants(document, scaling);
  const path = resolve(options.output ?? standardisedPath(file));
  writeNew(path, documentText(document));
  print(task, gathered, scaling, path, options.json === true);
}

/** heart.task.yaml → heart.standardised.task.yaml. */
export function standardisedPath(file: string): string {
  const ending = /(?:\.task)?\.(?:ya?ml|json)$/i.exec(file)?.[0];
  if (ending === undefined) return `${file}.standardised.task.yaml`;
  return `${file.slice(0, -ending.length)}.standardised${ending}`;
}

function scalingFor(task: Task, { moments }: Gathered): ColumnScaling[] {
  const schema = onlyTable(task.data, task.name, 'Scale by center and spread of the task.');
  const columns = schema.columns.filter(column => column.type === 'number');
  try {
    return scalingOf(moments, columns);
  } catch (cause) {
    if (!(cause instanceof Problem)) throw cause;
    const remedy = 'Ask the sites what they hold, then gather the sums again with another seed in the task.';
    throw new UserError(statisticsName(task.name), cause.detail, remedy, { cause });
  }
}

/** Writes a file that is not there yet, or holds the same already. Throws UserError otherwise. */
function writeNew(path: string, text: string): void {
  try {
    if (existsSync(path)) {
      if (readFileSync(path, 'utf8') === text) return;
      throw new UserError(path, 'is there already and holds something else', 'Name another file with --output.');
    }
    writeDurable(path, text, 0o644);
  } catch (cause) {
    if (cause instanceof UserError) throw cause;
    const code = (cause as NodeJS.ErrnoException).code ?? (cause as Error).message;
    throw new UserError(path, `cannot be written (${code})`, 'Name another file with --output.', { cause });
  }
}

const doubts: Readonly<Record<NonNullable<ColumnScaling['doubt']>, string>> = {
  constant: 'constant: the spread is the declared one',
  coarse: 'coarse: standardise the new file once more',
  clipped: 'far from the declared center and spread: standardise the new file once more',
};

function print(task: Task, gathered: Gathered, scaling: readonly ColumnScaling[], path: string, json: boolean): void {
  const { sites, run, moments } = gathered;
  const rows = Number(moments.rows);
  if (json) return printJson({ name: task.name, run, sites, rows, columns: scaling, output: path });
  printLine(
    table([
      ['column', 'center', 'spread', ''],
      ...scaling.map(({ name, center, spread, doubt }) => [
        name,
        significant(center),
        significant(spread),
        doubt === null ? '' : doubts[doubt],
      ]),
    ]),
  );
  printLine(`${rows} training rows of ${sites.length} sites: ${sites.join(', ')}`);
  printLine(`task: ${path}`);
  printLine(faint('a site can shift these constants; look at them, then train: parley run FILE'));
}
