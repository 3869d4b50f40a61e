/** parley predict: applies a model file to a table. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Command } from 'commander';
import { decodeSafetensors } from '../core/bytes/safetensors.ts';
import { SafetensorsError } from '../core/bytes/safetensors-error.ts';
import type { CsvSchema } from '../core/data/csv-schema.ts';
import type { Scaler } from '../core/data/dataset.ts';
import { onlyTable } from '../core/data/only-table.ts';
import { type FeatureTable, loadFeatures, loadSite } from '../core/data/table.ts';
import type { LossSettings } from '../core/learning/loss-settings.ts';
import { taskManifest, taskNetwork } from '../core/learning/model.ts';
import { sameManifest } from '../core/learning/parameters.ts';
import { predictOutputs, predictProbabilities } from '../core/learning/predict.ts';
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
  const schema = onlyTable(task.data, 'predict', 'Images and text are predicted through the interface of the package.');
  const scaler = await scalerFor(schema, options);
  const rows = await loadFeatures(schema, fileSource(options.data), scaler);
  const progress = createProgress();
  sayLeftOut(options.data, rows, progress);
  if (rows.rows === 0) {
    throw new UserError(
      options.data,
      rows.refused.length === 0 ? 'holds no row' : `none of its ${rows.refused.length} rows can be predicted`,
      'Give a table in the form that the task of the model declares: parley data check FILE --task TASK.',
    );
  }
  const { fields, predictions } = await predictionsOf(task, schema, parameters, rows);
  if (options.json) {
    printJson({
      model: resolve(options.model),
      data: resolve(options.data),
      ...header(schema),
      predictions: predictions.map((prediction, row) => ({ row: rows.lines[row], ...prediction.document })),
      leftOut: rows.refused.map(({ line, column, what }) => ({ row: line, column, what })),
    });
    return;
  }
  const lines = predictions.map((prediction, row) => [rows.lines[row], ...prediction.cells].join(','));
  const text = `${[['row', ...fields].map(quote).join(','), ...lines].join('\n')}\n`;
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
    if (task.model.name === 'moments')
      throw new UserError(path, 'holds sums, which predict nothing', 'Name a model that was trained.');
    const manifest = taskManifest(task);
    if (sameManifest(manifest, file.manifest)) return { task, parameters: file.parameters };
  } catch (cause) {
    if (!(cause instanceof TaskError) && !(cause instanceof SyntaxError)) throw cause;
  }
  throw new UserError(path, 'does not hold the task it was trained for', 'Name a model that parley run has saved.');
}

/** The scaling of this site's training rows, as in training. Throws UserError when it cannot be known. */
async function scalerFor(schema: CsvSchema, { data, scaleBy }: Options): Promise<Scaler | null> {
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

interface Predictions {
  /** Columns of the CSV after the row. */
  readonly fields: readonly string[];
  readonly predictions: readonly { readonly cells: readonly (string | number)[]; readonly document: object }[];
}

async function predictionsOf(
  task: Task,
  schema: CsvSchema,
  parameters: Float32Array,
  rows: FeatureTable,
): Promise<Predictions> {
  const network = taskNetwork(task);
  if (schema.target.type === 'number') {
    const outputs = await predictOutputs(network, parameters, rows);
    return predictedNumbers(schema.target, network.loss, outputs, rows.rows);
  }
  return predictedClasses(classNames(schema), await predictProbabilities(network, parameters, rows), rows.rows);
}

/** Numbers in the units of the column; one per quantile level where the task asks for levels. */
function predictedNumbers(
  { center, spread }: { center: number; spread: number },
  loss: LossSettings,
  outputs: Float32Array,
  rows: number,
): Predictions {
  const names = loss.name === 'quantile' ? loss.levels.map(level => `q_${level}`) : ['prediction'];
  const predictions = Array.from({ length: rows }, (_, row) => {
    const values = names.map((_, i) => outputs[row * names.length + i] * spread + center);
    return { cells: values, document: Object.fromEntries(names.map((name, i) => [name, values[i]])) };
  });
  return { fields: names, predictions };
}

function predictedClasses(names: readonly string[], probabilities: Float32Array, rows: number): Predictions {
  const predictions = Array.from({ length: rows }, (_, row) => {
    const values = [...probabilities.subarray(row * names.length, (row + 1) * names.length)];
    const prediction = names[values.indexOf(Math.max(...values))];
    return { cells: [quote(prediction), ...values], document: { prediction, probabilities: values } };
  });
  return { fields: ['prediction', ...names.map(name => `p_${name}`)], predictions };
}

function header(schema: CsvSchema): object {
  return schema.target.type === 'number' ? {} : { classes: classNames(schema) };
}

function classNames({ target }: CsvSchema): string[] {
  if (target.type === 'classes') return [...target.classes];
  return target.type === 'above' ? [`not_above_${target.value}`, `above_${target.value}`] : [];
}

function quote(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
