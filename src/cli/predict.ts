/** parley predict: applies a model file to a table, to images or to a text. */
import { resolve } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { taskNetwork } from '../core/learning/model.ts';
import { predictProbabilities } from '../core/learning/predict.ts';
import { UserError } from '../core/protocol/problem.ts';
import { loadUnlabelled } from '../node/data/image-files.ts';
import { writeDurable } from '../node/durable-file.ts';
import { type Model, readModel } from './model-file.ts';
import { type Predicted, predictedClasses } from './predict-classes.ts';
import { predictTable } from './predict-table.ts';
import { predictText } from './predict-text.ts';

interface Options {
  model: string;
  data: string;
  home?: string;
  scaleBy?: string;
  characters?: number;
  seed?: number;
  output?: string;
  json?: boolean;
}

const mostCharacters = 1_000_000;

export function predictCommand(): Command {
  return new Command('predict')
    .description(
      'apply a model file to a table or to images: one line of CSV per row, with a probability per class, or the number;\n' +
        'or to a text: the characters that may follow, the most probable first, or the text continued',
    )
    .requiredOption('--model <file>', 'model (safetensors, as saved by parley run)')
    .requiredOption(
      '--data <path>',
      'table, images or text in the form of the task (docs/data.md); nothing needs a target or labels',
    )
    .option(
      '--home <dir>',
      'for tasks that standardise locally: home of the client of this site, which keeps its scaling',
    )
    .option('--scale-by <file>', 'the same from the training table of this site')
    .option('--characters <n>', 'text: continue it by so many characters', wholeNumber(1, mostCharacters))
    .option(
      '--seed <n>',
      'text: draw the characters by their probabilities (default: always the most probable)',
      wholeNumber(0, Number.MAX_SAFE_INTEGER),
    )
    .option('--output <file>', 'write to a file instead of standard output')
    .option('--json', 'write one JSON document')
    .action(run);
}

async function run(options: Options): Promise<void> {
  const model = readModel(options.model);
  const { text, document } = await predicted(model, options);
  const whole = { model: resolve(options.model), data: resolve(options.data), ...document };
  const output = options.json ? `${JSON.stringify(whole, null, 2)}\n` : text;
  if (options.output === undefined) process.stdout.write(output);
  else save(options.output, output);
}

function predicted(model: Model, options: Options): Promise<Predicted> {
  const { data, model: kind } = model.task;
  if (kind.name === 'moments') {
    throw new UserError(options.model, 'holds sums, not a model that predicts', 'Name a model of another task.');
  }
  refuseStrangers(data.format, options);
  switch (data.format) {
    case 'csv':
      return predictTable(model, data, options);
    case 'images':
      return predictImages(model, data, options.data);
    case 'text':
      return predictText(model, data, options);
  }
}

type Format = Model['task']['data']['format'];

/** Options that mean nothing for the data of this model. */
function refuseStrangers(format: Format, { home, scaleBy, characters, seed }: Options): void {
  const has = `the model is for ${format === 'csv' ? 'tables' : format}`;
  for (const [option, value] of [
    ['--home', home],
    ['--scale-by', scaleBy],
  ] as const) {
    if (value !== undefined && format !== 'csv')
      throw new UserError(option, `is for tables, and ${has}`, 'Leave it out.');
  }
  if (home !== undefined && scaleBy !== undefined)
    throw new UserError('predict', '--home and --scale-by both name a scaling', 'Use one of them.');
  for (const [option, value] of [
    ['--characters', characters],
    ['--seed', seed],
  ] as const) {
    if (value !== undefined && format !== 'text')
      throw new UserError(option, `is for text, and ${has}`, 'Leave it out.');
  }
  if (seed !== undefined && characters === undefined)
    throw new UserError('--seed', 'draws characters, and none are asked for', 'Add --characters N.');
}

async function predictImages(
  { task, parameters }: Model,
  schema: Extract<Model['task']['data'], { format: 'images' }>,
  path: string,
): Promise<Predicted> {
  const rows = await loadUnlabelled(schema, path);
  if (rows.rows === 0) throw new UserError(path, 'holds no image', 'Name a file that holds one.');
  const probabilities = await predictProbabilities(taskNetwork(task), parameters, rows);
  const numbers = Array.from({ length: rows.rows }, (_, row) => row + 1);
  return predictedClasses(schema.target.classes, probabilities, numbers);
}

function save(path: string, text: string): void {
  try {
    writeDurable(resolve(path), text, 0o600);
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code ?? (cause as Error).message;
    throw new UserError(path, `cannot be written (${why})`, 'Name another file with --output.', { cause });
  }
}

function wholeNumber(least: number, most: number): (text: string) => number {
  return text => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`expected a whole number from ${least} to ${most}`);
  };
}
