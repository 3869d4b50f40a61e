/** parley predict: applies a model file to a table. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Command } from 'commander';
import { decodeSafetensors } from '../core/bytes/safetensors.ts';
import { SafetensorsError } from '../core/bytes/safetensors-error.ts';
import type { Scaler } from '../core/data/dataset.ts';
import { classCount, type DataSchema } from '../core/data/schema.ts';
import { type FeatureTable, loadFeatures, loadSite } from '../core/data/table.ts';
import { taskManifest, taskNetwork } from '../core/learning/model.ts';
import { sameManifest } from '../core/learning/parameters.ts';
import { predictProbabilities } from '../core/learning/predict.ts';
import { UserError } from '../core/protocol/problem.ts';
import { parseTask, type Task, TaskError } from '../core/protocol/task.ts';
import { fileSource } from '../node/data/read-file.ts';
import { writeDurable } from '../node/durable-file.ts';
import { createProgress, type Progress, printJson } from './output.ts';

interface Options {
  model: string;
  data: string;
  scaleBy?: string;
  output?: string;
  json?: boolean;
}

export function predictCommand(): Command {
  return new Command('predict')
    .description('apply a model file to a table: one line of CSV per row, with a probability per class')
    .requiredOption('--model <file>', 'model (safetensors, as saved by parley run)')
    .requiredOption('--data <file>', 'table in the form of the task; the target may be empty')
    .option(
      '--scale-by <file>',
      "training table of this site, for tasks that standardise locally (default: the table's own training rows)",
    )
    .option('--output <file>', 'write the CSV to a file instead of standard output')
    .option('--json', 'print one JSON document instead of CSV')
    .action(run);
}

async function run(options: Options): Promise<void> {
  const { task, parameters } = readModel(options.model);
  const scaler = await scalerFor(task.data, options);
  const rows = await loadFeatures(task.data, fileSource(options.data), scaler);
  const progress = createProgress();
  sayLeftOut(options.data, rows, progress);
  if (rows.rows === 0) {
    throw new UserError(
      options.data,
      rows.refused.length === 0 ? 'holds no row' : `none of its ${rows.refused.length} rows can be predicted`,
      'Give a table in the form that the task of the model declares: parley data check FILE --task TASK.',
    );
  }
  const probabilities = await predictProbabilities(taskNetwork(task), parameters, rows);
  const names = classNames(task.data);
  if (options.json) return printJson(document(options, rows, probabilities, names));
  const text = csv(rows, probabilities, names);
  if (options.output === undefined) process.stdout.write(text);
  else save(options.output, text);
}

function sayLeftOut(data: string, { refused }: FeatureTable, progress: Progress): void {
  for (const { line, column, what } of refused.slice(0, 10)) {
    progress.line(`${data}:row ${line}${column === null ? '' : `, column "${column}"`}: left out: ${what}`);
  }
  if (refused.length > 10) progress.line(`… and ${refused.length - 10} more rows left out`);
}

function save(path: string, text: string): void {
  try {
    writeDurable(resolve(path), text, 0o600);
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code ?? (cause as Error).message;
    throw new UserError(path, `cannot be written (${why})`, 'Name another file with --output.', { cause });
  }
}

/** The task and parameters of a model file. Throws UserError when it is not a model of ours. */
function readModel(path: string): { task: Task; parameters: Float32Array } {
  let file: ReturnType<typeof decodeSafetensors>;
  try {
    file = decodeSafetensors(readFileSync(path));
  } catch (cause) {
    if (cause instanceof SafetensorsError)
      throw new UserError(path, cause.message, 'Name a model that parley run has saved.', { cause });
    throw new UserError(
      path,
      `cannot be read (${(cause as NodeJS.ErrnoException).code ?? cause})`,
      'Check the path after --model.',
      { cause },
    );
  }
  try {
    const task = parseTask(JSON.parse(file.metadata.definition ?? ''));
    const manifest = taskManifest(task);
    if (sameManifest(manifest, file.manifest)) return { task, parameters: file.parameters };
  } catch (cause) {
    if (!(cause instanceof TaskError) && !(cause instanceof SyntaxError)) throw cause;
  }
  throw new UserError(path, 'does not hold the task it was trained for', 'Name a model that parley run has saved.');
}

/** The scaling of this site's training rows, as in training. Throws UserError when it cannot be known. */
async function scalerFor(schema: DataSchema, { data, scaleBy }: Options): Promise<Scaler | null> {
  if (schema.standardise === 'none') return null;
  const path = scaleBy ?? data;
  try {
    return (await loadSite(schema, fileSource(path))).scaler;
  } catch (cause) {
    if (scaleBy !== undefined || !(cause instanceof UserError)) throw cause;
    const why = `the task scales by a site's training rows, and this table cannot be split into such: ${cause.message}`;
    throw new UserError(data, why, "Name the site's training table with --scale-by.", { cause });
  }
}

function classNames(schema: DataSchema): string[] {
  return schema.target.type === 'classes'
    ? [...schema.target.classes]
    : [`not_above_${schema.target.value}`, `above_${schema.target.value}`];
}

function predicted(probabilities: Float32Array, row: number, names: readonly string[]): number {
  let best = 0;
  for (let c = 1; c < names.length; c++) {
    if (probabilities[row * names.length + c] > probabilities[row * names.length + best]) best = c;
  }
  return best;
}

function csv(rows: FeatureTable, probabilities: Float32Array, names: readonly string[]): string {
  const quote = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const lines = [['row', 'prediction', ...names.map(name => `p_${name}`)].map(quote).join(',')];
  for (let row = 0; row < rows.rows; row++) {
    const values = probabilities.subarray(row * names.length, (row + 1) * names.length);
    lines.push([rows.lines[row], quote(names[predicted(probabilities, row, names)]), ...values].join(','));
  }
  return `${lines.join('\n')}\n`;
}

function document(
  options: Options,
  rows: FeatureTable,
  probabilities: Float32Array,
  names: readonly string[],
): unknown {
  return {
    model: resolve(options.model),
    data: resolve(options.data),
    classes: names,
    predictions: Array.from(rows.lines, (line, row) => ({
      row: line,
      prediction: names[predicted(probabilities, row, names)],
      probabilities: [...probabilities.subarray(row * names.length, (row + 1) * names.length)],
    })),
    leftOut: rows.refused.map(({ line, column, what }) => ({ row: line, column, what })),
  };
}
