/** What must hold between the parts of a task: model and data, loss and target, sizes. Each breach with its place and remedy. */
import { dataShape } from '../data/data-shape.ts';
import type { DataSchema } from '../data/schema.ts';
import { defaultLoss } from '../learning/loss-settings.ts';
import { modelLayers } from '../learning/model-layers.ts';
import { networkManifest } from '../learning/network-parameters.ts';
import { parameterCount } from '../learning/parameters.ts';
import type { DataShape } from '../learning/shape.ts';
import type { ModelSettings } from './model-settings.ts';
import type { TrainingSettings } from './training-settings.ts';

/** The parts of a task that depend on each other. */
export interface RuledTask {
  readonly data: DataSchema;
  readonly model: ModelSettings;
  readonly training: TrainingSettings;
  readonly stopping: { readonly metric: 'loss' | 'accuracy' | 'auc' } | null;
  readonly evaluation: { readonly pooledAucBins: number | null };
}

/** A breach: place and "what; remedy". */
export interface Breach {
  readonly path: (string | number)[];
  readonly message: string;
}

/** Largest model, 1 GiB of float32: a slip in a task must not take down every machine of the federation. */
const mostParameters = 2 ** 28;

export function taskBreaches(task: RuledTask): Breach[] {
  const shape = dataShape(task.data);
  const ofModel = [...modelBreaches(task.model, task.data, shape), ...lossBreaches(task.training, shape)];
  // Sizes mean something only where the model fits the data.
  const ofSize = ofModel.length > 0 ? [] : sizeBreaches(task, shape);
  return [...ofModel, ...ofSize, ...evaluationBreaches(task, shape)];
}

function modelBreaches(model: ModelSettings, data: DataSchema, { input, output }: DataShape): Breach[] {
  const wrong = (message: string): Breach[] => [{ path: ['model', 'name'], message: `${model.name} ${message}` }];
  switch (model.name) {
    case 'logistic':
      if (output.kind === 'numbers') return wrong('predicts classes, and the target is a number; use linear');
      break;
    case 'linear':
      if (output.kind === 'classes') return wrong('predicts numbers, and the target has classes; use logistic');
      break;
    case 'mlp':
      break;
    case 'cnn':
      if (input.kind !== 'image') return wrong('needs images; use mlp, or data.format images');
      return convolutionBreaches(model, input);
    case 'lstm':
    case 'gru':
      return recurrentBreaches(model, data);
  }
  return input.kind === 'tokens' ? wrong('cannot read text; use gru or lstm') : [];
}

function recurrentBreaches(model: Extract<ModelSettings, { name: 'lstm' | 'gru' }>, data: DataSchema): Breach[] {
  const { name, embedding } = model;
  if (data.format === 'text') {
    if (embedding !== null) return [];
    return [{ path: ['model', 'embedding'], message: 'is missing; text needs one, such as 16' }];
  }
  if (data.format !== 'csv' || data.sequence === null) {
    return [
      { path: ['model', 'name'], message: `${name} needs steps in time; set data.sequence, or use data.format text` },
    ];
  }
  if (embedding === null) return [];
  return [{ path: ['model', 'embedding'], message: 'is for text, and the data are numbers; remove it' }];
}

function convolutionBreaches(
  { convolutions, norm, groups }: Extract<ModelSettings, { name: 'cnn' }>,
  image: { readonly height: number; readonly width: number },
): Breach[] {
  let { height, width } = image;
  for (const [i, { filters, kernel, stride, padding, pool }] of convolutions.entries()) {
    const path = ['model', 'convolutions', i];
    const size = (length: number): number => Math.floor((length + 2 * padding - kernel) / stride) + 1;
    if (kernel > Math.min(height, width) + 2 * padding) {
      const message = `has a kernel of ${kernel} on an image of ${height} × ${width}; use a smaller one, or padding`;
      return [{ path: [...path, 'kernel'], message }];
    }
    [height, width] = [size(height), size(width)];
    if (norm === 'group' && filters % groups !== 0) {
      const message = `${filters} filters do not make ${groups} equal groups; use a multiple, or other groups`;
      return [{ path: [...path, 'filters'], message }];
    }
    if (pool === null) continue;
    if (pool.size > Math.min(height, width)) {
      const message = `has windows of ${pool.size} on an image of ${height} × ${width}; use smaller ones`;
      return [{ path: [...path, 'pool'], message }];
    }
    const apart = pool.stride ?? pool.size;
    const pooled = (length: number): number => Math.floor((length - pool.size) / apart) + 1;
    [height, width] = [pooled(height), pooled(width)];
  }
  return [];
}

function lossBreaches({ loss }: TrainingSettings, { output }: DataShape): Breach[] {
  if (loss === null) return [];
  const path = ['training', 'loss'];
  const isOfClasses = loss.name === 'cross-entropy' || loss.name === 'binary';
  const { name } = defaultLoss(output);
  if (isOfClasses !== (output.kind === 'classes') || (isOfClasses && loss.name !== name)) {
    return [{ path: [...path, 'name'], message: `${loss.name} does not fit the target; use ${name}` }];
  }
  if (loss.name !== 'quantile') return [];
  const { levels } = loss;
  if (levels.every((level, i) => i === 0 || level > levels[i - 1])) return [];
  return [{ path: [...path, 'levels'], message: 'do not rise; list them in ascending order, each once' }];
}

function sizeBreaches({ model, training }: RuledTask, shape: DataShape): Breach[] {
  const loss = training.loss ?? defaultLoss(shape.output);
  const parameters = parameterCount(networkManifest(modelLayers(model, shape, loss)));
  if (parameters <= mostParameters) return [];
  const message = `has ${parameters} parameters, more than ${mostParameters}; use fewer or smaller layers`;
  return [{ path: ['model'], message }];
}

function evaluationBreaches({ stopping, evaluation }: RuledTask, { output }: DataShape): Breach[] {
  const breaches: Breach[] = [];
  const isBinary = output.kind === 'classes' && output.classes === 2;
  if (evaluation.pooledAucBins !== null && !isBinary) {
    const path = ['evaluation', 'pooledAucBins'];
    breaches.push({ path, message: 'a pooled AUC needs a binary target; set it to null' });
  }
  if (stopping === null || stopping.metric === 'loss') return breaches;
  const path = ['stopping', 'metric'];
  if (output.kind === 'numbers') {
    breaches.push({ path, message: `${stopping.metric} is of classes, and the target is a number; use loss` });
  } else if (stopping.metric === 'auc' && evaluation.pooledAucBins === null) {
    breaches.push({ path, message: 'auc needs evaluation.pooledAucBins; set it, or use loss or accuracy' });
  }
  return breaches;
}
