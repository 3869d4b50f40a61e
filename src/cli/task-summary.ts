/** What a task amounts to, in a few lines for whoever decides about it. */
import { dataShape } from '../core/data/data-shape.ts';
import { featureNames } from '../core/data/schema.ts';
import { taskManifest } from '../core/learning/model.ts';
import { parameterCount } from '../core/learning/parameters.ts';
import type { DataShape, InputShape } from '../core/learning/shape.ts';
import { trustedClient } from '../core/protocol/aggregation-settings.ts';
import { lossOf, type Task } from '../core/protocol/task.ts';
import { privacyLines } from './privacy-task.ts';
import { protectionLines } from './protection-summary.ts';

/** A line each: what it is about, and what it says. */
export type Summary = readonly (readonly [about: string, text: string])[];

/** A table of many columns is not listed to its end. */
const shownFeatures = 40;

export function taskSummary(task: Task): Summary {
  const parameters = parameterCount(taskManifest(task));
  const megabytes = (4 * parameters) / 1e6;
  const rounds: Summary[number] = ['rounds', roundsText(task)];
  const protection: Summary = [...protectionLines(task), ...privacyLines(task)];
  if (task.model.name === 'moments') {
    return [
      ...featuresLine(task),
      ['gathers', `sums over the training rows, ${numberOf(parameters, 'number')} of each client`],
      rounds,
      ...protection,
    ];
  }
  const shape = dataShape(task.data);
  const row: Summary = shape.input.kind === 'vector' ? [] : [['row', rowText(shape.input)]];
  return [
    ...featuresLine(task),
    ...row,
    ['predicts', `${outputText(task, shape)}; loss: ${lossOf(task).name}`],
    [
      'model',
      `${task.model.name}, ${numberOf(parameters, 'parameter')}: ${megabytesText(megabytes)} to and from each client of a round`,
    ],
    ['training', trainingText(task)],
    rounds,
    ['combining', combiningText(task)],
    ['liars', liarsText(task)],
    ['evaluation', evaluationText(task)],
    ...protection,
  ];
}

/** How many features there are, and the names of the first of them. */
export function featuresText(names: readonly string[]): string {
  const more = names.length - shownFeatures;
  return `${names.length}: ${names.slice(0, shownFeatures).join(', ')}${more > 0 ? `, … and ${more} more` : ''}`;
}

function featuresLine({ data }: Task): Summary {
  return data.format === 'csv' ? [['features', featuresText(featureNames(data))]] : [];
}

function rowText(input: Exclude<InputShape, { kind: 'vector' }>): string {
  switch (input.kind) {
    case 'image':
      return `an image of ${input.height} × ${input.width} pixels, ${numberOf(input.channels, 'channel')}`;
    case 'sequence':
      return `${input.steps} steps of ${numberOf(input.width, 'number')}`;
    case 'tokens':
      return `${input.steps} characters, each one of ${input.vocabulary}`;
  }
}

function outputText({ data }: Task, { input, output }: DataShape): string {
  if (output.kind === 'numbers') {
    const target = data.format === 'csv' ? data.columns.find(column => column.type === 'target') : undefined;
    return target === undefined ? numberOf(output.count, 'number') : `the number in column "${target.name}"`;
  }
  return input.kind === 'tokens' ? 'the next character, at every step' : `one of ${output.classes} classes`;
}

function trainingText({ training, privacy }: Task): string {
  const { optimizer, schedule, batchSize, amount, clip, proximal, workerMomentum } = training;
  const decay = schedule.name === 'constant' ? '' : ` (${schedule.name})`;
  const parts = [
    `${optimizer.name}, learning rate ${optimizer.learningRate}${decay}`,
    privacy !== 'none' && privacy.mechanism === 'dp-sgd'
      ? `sums over drawn rows, divided by ${batchSize} whatever their number`
      : `minibatches of ${numberOf(batchSize, 'row')}`,
    `${numberOf(amount.count, amount.unit.slice(0, -1))} a round`,
  ];
  if (clip !== null)
    parts.push(`gradients of ${clip.per === 'batch' ? 'minibatches' : 'rows'} clipped to ${clip.norm}`);
  if (proximal > 0) parts.push(`proximal ${proximal}`);
  if (workerMomentum > 0) parts.push(`momentum ${workerMomentum} from round to round`);
  return parts.join('; ');
}

function roundsText({ rounds, cohort, stopping }: Task): string {
  const share = cohort.fraction === 1 ? 'all' : `${Number((100 * cohort.fraction).toPrecision(4))} % of the`;
  const early =
    stopping === null
      ? ''
      : `; fewer when ${stopping.metric} is no better for ${numberOf(stopping.patience, 'evaluation')}`;
  return `${rounds}, each with ${share} clients that are present, at least ${cohort.minimum}${early}`;
}

function combiningText({ aggregation }: Task): string {
  const { rule, clipNorm } = aggregation;
  const weights = rule !== 'mean' ? '' : aggregation.weightBy === 'examples' ? ' by examples' : ', all alike';
  const trusted = trustedClient(aggregation);
  const trust = trusted === null ? '' : `, which trusts ${trusted}`;
  return `${ruleSteps(aggregation)}${weights}${trust}, of updates clipped to L2 norm ${clipNorm}`;
}

function liarsText({ aggregation: { rule, byzantine }, cohort: { minimum } }: Task): string {
  if (byzantine > 0)
    return `bears ${byzantine} malicious or faulty of ${numberOf(minimum, 'client')}; a round waits while more updates are refused`;
  return rule === 'mean'
    ? 'no client may be one: mean bears none'
    : `none allowed for: aggregation.byzantine is 0, whatever ${rule} could bear`;
}

/** The steps before the rule and the rule, with the settings of the steps. */
export function ruleSteps({ before, rule }: Task['aggregation']): string {
  const steps = before.map(step => {
    if (step.name === 'bucketing') return `bucketing by ${step.size}`;
    return step.name === 'clip' ? `clip to ${step.norm}` : step.name;
  });
  return [...steps, rule].join(', then ');
}

function evaluationText({ evaluation, privacy }: Task): string {
  if (privacy !== 'none') return 'each client sees how good the model is on its own test rows, and reports no figure';
  const { everyRounds, aloneBaseline } = evaluation;
  const often = everyRounds === 1 ? 'every round' : `every ${everyRounds} rounds`;
  return `on the test rows of the clients, ${often} and at the end${aloneBaseline ? '; each client also trains alone' : ''}`;
}

function megabytesText(megabytes: number): string {
  return megabytes < 0.1 ? 'less than 0.1 MB' : `${megabytes.toFixed(1)} MB`;
}

function numberOf(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
