/** What must hold between the parts of a task: model and data, loss and target, sizes. Each breach with its place and remedy. */
import { dataShape } from '../data/data-shape.ts';
import type { DataSchema } from '../data/schema.ts';
import { defaultLoss } from '../learning/loss-settings.ts';
import { modelLayers } from '../learning/model-layers.ts';
import { networkManifest } from '../learning/network-parameters.ts';
import { parameterCount } from '../learning/parameters.ts';
import { mostTrainingBytes, trainingBytes } from '../learning/training-memory.ts';
import { type AggregationParts, aggregationBreaches } from './aggregation-rules.ts';
import type { ModelSettings } from './model-settings.ts';
import { momentsBreaches, type StatisticsParts } from './moments-rules.ts';
import { privacyRules } from './privacy-rules.ts';
import type { PrivacySettings } from './privacy-settings.ts';
import { protectionRules } from './protection-rules.ts';
import type { ProtectionSettings } from './protection-settings.ts';
import type { TrainingSettings } from './training-settings.ts';

/** The parts of a task that depend on each other. */
export interface RuledTask extends StatisticsParts, AggregationParts {
  readonly data: DataSchema;
  readonly model: ModelSettings;
  readonly training: TrainingSettings;
  readonly rounds: number;
  readonly cohort: AggregationParts['cohort'] & { readonly overSelection: number };
  readonly protection: ProtectionSettings;
  readonly privacy: PrivacySettings;
  readonly stopping: { readonly metric: 'loss' | 'accuracy' | 'auc' } | null;
  readonly evaluation: StatisticsParts['evaluation'];
}

/** A breach: place and "what; remedy". */
export interface Breach {
  readonly path: (string | number)[];
  readonly message: string;
}

/** Largest model, 1 GiB of float32: a slip in a task must not take down every machine of the federation. */
const mostParameters = 2 ** 28;

/** A rule may look at these parts alone: the others may hold anything. */
interface Rule {
  readonly of: readonly (keyof RuledTask)[];
  readonly breaches: (task: RuledTask) => Breach[];
}

const rules: readonly Rule[] = [
  { of: ['data', 'model'], breaches: modelBreaches },
  { of: ['data', 'training'], breaches: lossBreaches },
  { of: ['data', 'model', 'training'], breaches: sizeBreaches },
  { of: ['training', 'rounds'], breaches: scheduleBreaches },
  { of: ['data', 'evaluation'], breaches: pooledBreaches },
  { of: ['data', 'evaluation', 'stopping'], breaches: stoppingBreaches },
  { of: ['aggregation', 'cohort', 'rounds', 'protection'], breaches: aggregationBreaches },
  {
    of: ['model', 'data', 'rounds', 'cohort', 'server', 'aggregation', 'training', 'stopping', 'evaluation'],
    breaches: momentsBreaches,
  },
  ...privacyRules,
  ...protectionRules,
];

/** @param unsound parts that have errors of their own; what depends on them is not looked at. */
export function taskBreaches(task: RuledTask, unsound: ReadonlySet<unknown>): Breach[] {
  return rules.filter(rule => !rule.of.some(part => unsound.has(part))).flatMap(rule => rule.breaches(task));
}

function modelBreaches({ model, data }: RuledTask): Breach[] {
  const { input, output } = dataShape(data);
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
    case 'moments':
      return [];
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

function lossBreaches({ training: { loss }, data }: RuledTask): Breach[] {
  if (loss === null) return [];
  const { output } = dataShape(data);
  const path = ['training', 'loss'];
  const isOfClasses = loss.name === 'cross-entropy' || loss.name === 'binary';
  const { name } = defaultLoss(output);
  const fitting = output.kind === 'classes' ? name : 'mse, huber or quantile';
  if (isOfClasses !== (output.kind === 'classes') || (isOfClasses && loss.name !== name)) {
    return [{ path: [...path, 'name'], message: `${loss.name} does not fit the target; use ${fitting}` }];
  }
  if (loss.name !== 'quantile') return [];
  const { levels } = loss;
  if (levels.every((level, i) => i === 0 || level > levels[i - 1])) return [];
  return [{ path: [...path, 'levels'], message: 'do not rise; list them in ascending order, each once' }];
}

function sizeBreaches(task: RuledTask): Breach[] {
  // Sizes mean something only where the model fits the data.
  if (modelBreaches(task).length + lossBreaches(task).length > 0) return [];
  const { model, training, data } = task;
  if (model.name === 'moments') return [];
  const shape = dataShape(data);
  const loss = training.loss ?? defaultLoss(shape.output);
  const layers = modelLayers(model, shape, loss);
  const parameters = parameterCount(networkManifest(layers));
  if (parameters > mostParameters) {
    const message = `has ${parameters} parameters, more than ${mostParameters}; use fewer or smaller layers`;
    return [{ path: ['model'], message }];
  }
  const bytes = trainingBytes({ layers, shape, loss }, training);
  if (bytes <= mostTrainingBytes) return [];
  const [needed, most] = [bytes, mostTrainingBytes].map(value => `${Math.ceil(value / 2 ** 20)} MiB`);
  const message = `takes ${needed} of memory to train, more than ${most}; use smaller layers, shorter rows or smaller batches`;
  return [{ path: ['model'], message }];
}

function scheduleBreaches({ training, rounds }: RuledTask): Breach[] {
  const { warmupRounds } = training.schedule;
  if (warmupRounds < rounds) return [];
  const message = `is ${warmupRounds} of ${rounds} rounds, so none has the full rate; use fewer`;
  return [{ path: ['training', 'schedule', 'warmupRounds'], message }];
}

function pooledBreaches({ data, evaluation }: RuledTask): Breach[] {
  const { output } = dataShape(data);
  const isBinary = output.kind === 'classes' && output.classes === 2 && output.steps === 1;
  if (evaluation.pooledAucBins === null || isBinary) return [];
  const path = ['evaluation', 'pooledAucBins'];
  return [{ path, message: 'a pooled AUC needs a binary target; set it to null' }];
}

function stoppingBreaches({ data, stopping, evaluation }: RuledTask): Breach[] {
  if (stopping === null || stopping.metric === 'loss') return [];
  const path = ['stopping', 'metric'];
  if (dataShape(data).output.kind === 'numbers') {
    return [{ path, message: `${stopping.metric} is of classes, and the target is a number; use loss` }];
  }
  if (stopping.metric === 'accuracy' || evaluation.pooledAucBins !== null) return [];
  return [{ path, message: 'auc needs evaluation.pooledAucBins; set it, or use loss or accuracy' }];
}
