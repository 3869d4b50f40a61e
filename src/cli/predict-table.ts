/** parley predict for tables: classes with their probabilities, or numbers in the units of the column. */
import type { CsvSchema } from '../core/data/csv-schema.ts';
import type { Scaler } from '../core/data/dataset.ts';
import { type FeatureTable, loadFeatures, loadSite } from '../core/data/table.ts';
import type { LossSettings } from '../core/learning/loss-settings.ts';
import { taskNetwork } from '../core/learning/model.ts';
import { predictOutputs, predictProbabilities } from '../core/learning/predict.ts';
import { UserError } from '../core/protocol/problem.ts';
import { fileSource } from '../node/data/read-file.ts';
import type { Model } from './model-file.ts';
import { createProgress } from './output.ts';
import { type Predicted, predictedClasses, predictedRows } from './predict-classes.ts';

/** @param scaleBy the site's training table, needed where the task standardises locally. */
export async function predictTable(
  { task, parameters }: Model,
  schema: CsvSchema,
  { data, scaleBy }: { data: string; scaleBy?: string },
): Promise<Predicted> {
  const scaler = await scalerFor(schema, data, scaleBy);
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
async function scalerFor(schema: CsvSchema, data: string, scaleBy: string | undefined): Promise<Scaler | null> {
  if (schema.standardise === 'none') return null;
  if (scaleBy === undefined) {
    throw new UserError(
      data,
      'the model needs the scaling of the training rows of a site (standardise: local), which is not in the model file',
      'Name the table this site trained on with --scale-by, the same rows as in training.',
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
