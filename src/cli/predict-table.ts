/** parley predict for tables: classes with their probabilities, or numbers in the units of the column. */
import { toHex } from '../core/bytes/floats.ts';
import type { CsvSchema } from '../core/data/csv-schema.ts';
import type { Scaler } from '../core/data/dataset.ts';
import { featureNames } from '../core/data/schema.ts';
import { type FeatureTable, loadFeatures, loadSite } from '../core/data/table.ts';
import type { LossSettings } from '../core/learning/loss-settings.ts';
import { taskNetwork } from '../core/learning/model.ts';
import { predictOutputs, predictProbabilities } from '../core/learning/predict.ts';
import { UserError } from '../core/protocol/problem.ts';
import { encodeTask, type Task } from '../core/protocol/task.ts';
import { readScaling } from '../node/data/kept-scaling.ts';
import { fileSource } from '../node/data/read-file.ts';
import { nodePrimitives } from '../node/primitives.ts';
import type { Model } from './model-file.ts';
import { createProgress } from './output.ts';
import { type Predicted, predictedClasses, predictedRows } from './predict-classes.ts';

export interface ScaledTable {
  readonly data: string;
  readonly home?: string;
  readonly scaleBy?: string;
}

/** @param options a task that standardises locally needs `home` of the site's client, or `scaleBy`, the site's training table. */
export async function predictTable(
  { task, parameters }: Model,
  schema: CsvSchema,
  options: ScaledTable,
): Promise<Predicted> {
  const { data } = options;
  const scaler = await scalerFor(task, schema, options);
  const rows = await loadFeatures(schema, fileSource(data), scaler);
  sayLeftOut(data, rows);
  if (rows.rows === 0) {
    throw new UserError(
      data,
      rows.refused.length === 0 ? 'holds no row' : `none of its ${rows.refused.length} rows can be predicted`,
      'Give a table in the form that the task of the model declares: parley data check FILE --task TASK.',
    );
  }
  const network = taskNetwork(task);
  const { text, document } =
    schema.target.type === 'number'
      ? predictedNumbers(schema.target, network.loss, await predictOutputs(network, parameters, rows), rows.lines)
      : predictedClasses(classNames(schema), await predictProbabilities(network, parameters, rows), rows.lines);
  const leftOut = rows.refused.map(({ line, column, what }) => ({ row: line, column, what }));
  return { text, document: { ...document, leftOut } };
}

/** The scaling of this site's training rows, as in training. Throws UserError when it cannot be known. */
async function scalerFor(task: Task, schema: CsvSchema, { data, home, scaleBy }: ScaledTable): Promise<Scaler | null> {
  if (schema.standardise === 'none') return null;
  if (home !== undefined) {
    return readScaling(home, toHex(nodePrimitives.sha256(encodeTask(task))), featureNames(schema));
  }
  if (scaleBy === undefined) {
    throw new UserError(
      data,
      'the model needs the scaling of the training rows of a site (standardise: local), which is not in the model file',
      'Name the home of the client that trained it here with --home, or the table it trained on with --scale-by.',
    );
  }
  return (await loadSite(schema, fileSource(scaleBy))).scaler;
}

function sayLeftOut(data: string, { refused }: FeatureTable): void {
  const progress = createProgress();
  for (const { line, column, what } of refused.slice(0, 10)) {
    progress.line(`${data}:row ${line}${column === null ? '' : `, column "${column}"`}: left out: ${what}`);
  }
  if (refused.length > 10) progress.line(`… and ${refused.length - 10} more rows left out`);
}

/** Numbers in the units of the column; one per quantile level where the task asks for levels. */
function predictedNumbers(
  { center, spread }: { center: number; spread: number },
  loss: LossSettings,
  outputs: Float32Array,
  rows: Uint32Array,
): Predicted {
  const names = loss.name === 'quantile' ? loss.levels.map(level => `q_${level}`) : ['prediction'];
  const lines = Array.from(rows, (row, i) => {
    const cells = names.map((_, level) => outputs[i * names.length + level] * spread + center);
    return { row, cells, document: Object.fromEntries(names.map((name, level) => [name, cells[level]])) };
  });
  return predictedRows(names, lines);
}

function classNames({ target }: CsvSchema): string[] {
  if (target.type === 'classes') return [...target.classes];
  return target.type === 'above' ? [`not_above_${target.value}`, `above_${target.value}`] : [];
}
