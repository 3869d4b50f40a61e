/** Every model that a task can name, small, with every loss that its output can have. */
import type { LossSettings } from '../../src/core/learning/loss-settings.ts';
import { modelLayers } from '../../src/core/learning/model-layers.ts';
import type { InputShape, OutputShape } from '../../src/core/learning/shape.ts';
import { modelSchema } from '../../src/core/protocol/model-settings.ts';
import { type Case, makeCase } from './case.ts';

const vector: InputShape = { kind: 'vector', width: 6 };
const image: InputShape = { kind: 'image', channels: 1, height: 9, width: 8 };
const text: InputShape = { kind: 'tokens', steps: 5, vocabulary: 6 };
const series: InputShape = { kind: 'sequence', steps: 5, width: 3 };

const mlp = { name: 'mlp', hidden: [7, 5] };
const cnn = { name: 'cnn', convolutions: [{ filters: 4, kernel: 3, stride: 2, padding: 1 }] };

/** A loss and the outputs it speaks about. */
const onOutput: readonly [LossSettings, OutputShape][] = [
  [{ name: 'cross-entropy' }, { kind: 'classes', classes: 4, steps: 1 }],
  [{ name: 'cross-entropy' }, { kind: 'classes', classes: 2, steps: 1 }],
  [{ name: 'binary' }, { kind: 'classes', classes: 2, steps: 1 }],
  [{ name: 'mse' }, { kind: 'numbers', count: 2 }],
  [
    { name: 'huber', delta: 0.7 },
    { kind: 'numbers', count: 2 },
  ],
  [
    { name: 'quantile', levels: [0.1, 0.5, 0.9] },
    { kind: 'numbers', count: 2 },
  ],
];
const onEveryStep: typeof onOutput = [
  [{ name: 'cross-entropy' }, { kind: 'classes', classes: 6, steps: 5 }],
  [{ name: 'binary' }, { kind: 'classes', classes: 2, steps: 5 }],
];

export const modelCases: readonly Case[] = [
  ...cases('logistic', { name: 'logistic' }, vector, onOutput.slice(0, 3)),
  ...cases('linear', { name: 'linear' }, vector, onOutput.slice(3)),
  ...cases('mlp', mlp, vector, onOutput),
  ...cases('mlp with layer norm and dropout', { ...mlp, norm: 'layer', dropout: 0.3 }, vector, onOutput.slice(0, 1)),
  ...cases('cnn', cnn, image, onOutput),
  ...cases('cnn with group norm, pool, dropout and a dense layer', normalisedCnn(), image, onOutput.slice(0, 1)),
  ...(['lstm', 'gru'] as const).flatMap(name => [
    ...cases(`${name} on a series`, { name, hidden: 4 }, series, [...onOutput, ...onEveryStep]),
    ...cases(`${name} on text`, { name, hidden: 4, embedding: 3 }, text, [onOutput[0], ...onEveryStep]),
    ...cases(
      `${name} of two layers with dropout on text`,
      { name, hidden: 4, embedding: 3, layers: 2, dropout: 0.3 },
      text,
      onEveryStep.slice(0, 1),
    ),
  ]),
];

function normalisedCnn() {
  const pool = { kind: 'max', size: 2 };
  const convolutions = [
    { filters: 4, kernel: 3, padding: 1, pool },
    { filters: 6, kernel: 3, padding: 1 },
  ];
  return { name: 'cnn', convolutions, hidden: [5], norm: 'group', groups: 2, dropout: 0.2 };
}

function cases(title: string, settings: object, input: InputShape, outputs: typeof onOutput): Case[] {
  const model = modelSchema.parse(settings);
  return outputs.map(([loss, output]) => {
    const layers = modelLayers(model, { input, output }, loss);
    const what = output.kind === 'numbers' ? `${output.count} numbers` : `${output.classes} classes`;
    const steps = output.kind === 'classes' && output.steps > 1 ? ', every step' : '';
    return makeCase(`${title}, ${loss.name}, ${what}${steps}`, { input, output, loss, layers });
  });
}
