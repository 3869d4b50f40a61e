/** parley data: gets, lists and checks data sets. */
import { join } from 'node:path';
import { Command } from 'commander';
import type { CsvSchema } from '../core/data/csv-schema.ts';
import type { Dataset } from '../core/data/dataset.ts';
import { heartCredit, heartFiles, heartLicence } from '../core/data/heart.ts';
import type { DataSchema } from '../core/data/schema.ts';
import { checkTable, loadSite, type TableCheck } from '../core/data/table.ts';
import { UserError } from '../core/protocol/problem.ts';
import { dataCacheFolder } from '../node/data/cache-folder.ts';
import { getHeart, heartUrl } from '../node/data/get-heart.ts';
import { isPinned } from '../node/data/pinned-file.ts';
import { fileSource } from '../node/data/read-file.ts';
import { loadSiteFrom } from '../node/data/site-files.ts';
import { exitRefused } from './failure.ts';
import { createProgress, printJson, printLine, table } from './output.ts';
import { commandPrefix } from './package-root.ts';
import { readTaskFile } from './task-file.ts';
import { featuresText } from './task-summary.ts';

/** Errors of a table that are shown in full. */
const shownErrors = 20;

export function dataCommand(): Command {
  const command = new Command('data').description('get and check data sets');
  const get = command.command('get').description('download a data set into the cache; files are checked by SHA-256');
  get
    .command('heart')
    .description('UCI Heart Disease, four hospitals (40 kB, CC BY 4.0)')
    .option('--url <base>', 'folder of the files on another server', heartUrl)
    .option('--json', 'print one JSON document')
    .action((options: { url: string; json?: boolean }) => getHeartFiles(options.url, options.json === true));
  command
    .command('list')
    .description('list the known data sets and whether the cache holds them')
    .option('--json', 'print one JSON document')
    .action((options: { json?: boolean }) => list(options.json === true));
  command
    .command('check')
    .description("read a site's data against a task's schema and report its size, or its errors")
    .argument('<path>', 'table, images or text of one site (docs/data.md)')
    .requiredOption('--task <file>', 'task file (YAML)')
    .option('--json', 'print one JSON document')
    .action((path: string, options: { task: string; json?: boolean }) =>
      check(path, options.task, options.json === true),
    );
  return command;
}

async function getHeartFiles(url: string, json: boolean): Promise<void> {
  const cacheDir = dataCacheFolder(process.env);
  const progress = createProgress();
  try {
    const files = await getHeart({
      cacheDir,
      url,
      onProgress: ({ file, received, total }) => progress.status(`${file}  ${received} of ${total} bytes`),
    });
    progress.end();
    if (json) return printJson({ folder: join(cacheDir, 'heart'), files, licence: heartLicence, credit: heartCredit });
    for (const { path, bytes, isNew } of files) printLine(`${path}  ${bytes} bytes${isNew ? '' : ', already there'}`);
    printLine(`${heartCredit}; ${heartLicence}`);
    printLine('parley quickstart uses these files from now on.');
  } finally {
    progress.end();
  }
}

async function list(json: boolean): Promise<void> {
  const folder = join(dataCacheFolder(process.env), 'heart');
  const files = await Promise.all(
    heartFiles.map(async pinned => ({
      site: pinned.site,
      file: pinned.file,
      bytes: pinned.bytes,
      isCached: await isPinned(join(folder, pinned.file), pinned),
    })),
  );
  if (json) return printJson([{ name: 'heart', folder, licence: heartLicence, credit: heartCredit, files }]);
  printLine(`heart: ${heartCredit}; ${heartLicence}`);
  printLine(
    table([
      ['site', 'file', 'bytes', 'in the cache'],
      ...files.map(f => [f.site, f.file, f.bytes, f.isCached ? 'yes' : 'no']),
    ]),
  );
  printLine(files.every(f => f.isCached) ? `Cache: ${folder}` : `To get them: ${commandPrefix} data get heart`);
}

async function check(path: string, taskFile: string, json: boolean): Promise<void> {
  const { data } = readTaskFile(taskFile);
  let found: CheckedSite;
  try {
    found = data.format === 'csv' ? await checkCsv(data, path) : await checkSite(data, path);
  } catch (error) {
    // Without --json a site that does not fit ends here, with what is wrong and where.
    if (!(json && error instanceof UserError)) throw error;
    const errors = [{ what: error.message, remedy: error.remedy }];
    found = { document: { valid: false, errors, errorCount: 1 }, lines: [], errors: null };
  }
  if (!found.document.valid) process.exitCode = exitRefused;
  if (json) return printJson({ file: path, ...found.document });
  if (found.errors !== null) return reportErrors(path, found.errors);
  printLine(`${path} fits ${taskFile}.`);
  for (const [about, text] of found.lines) printLine(`  ${about.padEnd(8)}  ${text}`);
}

/** What is known of a site's data, for people and for programs. */
interface CheckedSite {
  readonly document: { readonly valid: boolean } & Readonly<Record<string, unknown>>;
  readonly lines: readonly (readonly [about: string, text: string])[];
  /** A table's errors, row by row. */
  readonly errors: TableCheck | null;
}

async function checkSite(schema: Exclude<DataSchema, CsvSchema>, path: string): Promise<CheckedSite> {
  const { train, test } = await loadSiteFrom(schema, path);
  const document = { valid: true, trainRows: train.rows, testRows: test.rows };
  const rows = ['rows', sidesText(train, test)] as const;
  if (schema.format === 'text') {
    const row = ['row', `${schema.window} characters, each asked for the next one`] as const;
    return { document, lines: [rows, row], errors: null };
  }
  const counts = imagesPerClass(schema.target.classes, [train, test]);
  const classes = ['classes', listed(counts.classes, counts.classCounts)] as const;
  return { document: { ...document, ...counts }, lines: [rows, classes], errors: null };
}

async function checkCsv(schema: CsvSchema, path: string): Promise<CheckedSite> {
  const { target } = schema;
  const found = await checkTable(schema, fileSource(path), shownErrors);
  const classes =
    target.type === 'classes'
      ? target.classes
      : target.type === 'above'
        ? [`≤ ${target.value}`, `> ${target.value}`]
        : [];
  if (found.errorCount > 0) return { document: { valid: false, classes, ...found }, lines: [], errors: found };
  // Every row fits; whether they are enough to be split and scaled shows as they are loaded.
  const { train, test } = await loadSite(schema, fileSource(path));
  const range = target.type === 'number' ? targetRange(target, [train, test]) : null;
  const missing = found.droppedRows === 0 ? '' : `; ${found.droppedRows} more left out for a missing value`;
  return {
    document: { valid: true, classes, ...found, trainRows: train.rows, testRows: test.rows, targetRange: range },
    lines: [
      ['rows', `${sidesText(train, test)}${missing}`],
      ['features', featuresText(found.featureNames)],
      ...(range === null
        ? [['classes', listed(classes, found.classCounts)] as const]
        : [['target', `from ${range.least} to ${range.greatest}, mean ${range.mean}`] as const]),
    ],
    errors: null,
  };
}

function sidesText(train: Dataset, test: Dataset): string {
  return `${train.rows} to train on, ${test.rows} to test on`;
}

/** Of the numbers to predict, in the units of the column. Labels are float32: these are close, not exact. */
function targetRange({ center, spread }: { center: number; spread: number }, sides: readonly Dataset[]) {
  let [least, greatest, sum, count] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, 0];
  for (const { labels } of sides) {
    for (const label of labels) {
      least = Math.min(least, label);
      greatest = Math.max(greatest, label);
      sum += label;
      count++;
    }
  }
  const inColumn = (value: number): number => Number((value * spread + center).toPrecision(7));
  return { least: inColumn(least), greatest: inColumn(greatest), mean: inColumn(sum / count) };
}

function imagesPerClass(classes: readonly string[], sides: readonly Dataset[]) {
  const classCounts = classes.map(() => 0);
  for (const { labels } of sides) for (const label of labels) classCounts[label]++;
  return { classes, classCounts };
}

function listed(classes: readonly string[], counts: readonly number[]): string {
  return classes.map((name, i) => `${name}: ${counts[i]}`).join(', ');
}

function reportErrors(file: string, { errors, errorCount }: TableCheck): void {
  for (const { line, column, what, remedy } of errors) {
    process.stderr.write(`${file}:row ${line}${column === null ? '' : `, column "${column}"`}: ${what}\n→ ${remedy}\n`);
  }
  process.stderr.write(
    `${errorCount} ${errorCount === 1 ? 'error' : 'errors'}${errorCount > errors.length ? `, the first ${errors.length} shown` : ''}\n`,
  );
}
