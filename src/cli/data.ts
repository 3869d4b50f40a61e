/** parley data: gets, lists and checks data sets. */
import { join } from 'node:path';
import { Command } from 'commander';
import type { CsvSchema } from '../core/data/csv-schema.ts';
import type { Dataset } from '../core/data/dataset.ts';
import { heartCredit, heartFiles, heartLicence } from '../core/data/heart.ts';
import { checkTable, type TableCheck } from '../core/data/table.ts';
import { dataCacheFolder } from '../node/data/cache-folder.ts';
import { getHeart, heartUrl } from '../node/data/get-heart.ts';
import { isPinned } from '../node/data/pinned-file.ts';
import { fileSource } from '../node/data/read-file.ts';
import { loadSiteFrom } from '../node/data/site-files.ts';
import { exitRefused } from './failure.ts';
import { createProgress, printJson, printLine, table } from './output.ts';
import { commandPrefix } from './package-root.ts';
import { readTaskFile } from './task-file.ts';

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
  if (data.format === 'csv') return checkCsv(data, path, taskFile, json);
  // A site that does not fit ends here, with what is wrong and where.
  const { train, test } = await loadSiteFrom(data, path);
  const counts = data.format === 'images' ? imagesPerClass(data.target.classes, [train, test]) : null;
  if (json) {
    const found = { file: path, valid: true, trainRows: train.rows, testRows: test.rows };
    return printJson(counts === null ? found : { ...found, ...counts });
  }
  printLine(`${path} fits ${taskFile}.`);
  printLine(`  rows      ${train.rows} to train on, ${test.rows} to test on`);
  if (data.format === 'text') printLine(`  row       ${data.window} characters, each asked for the next one`);
  if (counts !== null) printLine(`  classes   ${listed(counts.classes, counts.classCounts)}`);
}

async function checkCsv(schema: CsvSchema, file: string, taskFile: string, json: boolean): Promise<void> {
  const { target } = schema;
  const found = await checkTable(schema, fileSource(file), shownErrors);
  if (found.errorCount > 0) process.exitCode = exitRefused;
  const classes = target.type === 'classes' ? target.classes : [];
  if (target.type === 'above') classes.push(`≤ ${target.value}`, `> ${target.value}`);
  if (json) return printJson({ file, valid: found.errorCount === 0, classes, ...found });
  if (found.errorCount > 0) return reportErrors(file, found);
  printLine(`${file} fits ${taskFile}.`);
  printLine(
    `  rows      ${found.rows}${found.droppedRows === 0 ? '' : `, ${found.droppedRows} more left out for a missing value`}`,
  );
  printLine(`  features  ${found.featureNames.length}: ${found.featureNames.join(', ')}`);
  if (classes.length > 0) printLine(`  classes   ${listed(classes, found.classCounts)}`);
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
