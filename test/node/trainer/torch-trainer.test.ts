/** The reference trainer in PyTorch: the same round as our own engine, with every layer, loss and optimiser. */
import { describe, test } from 'node:test';
import { referenceTrainer } from './python.ts';
import { assertEqualRound } from './reference.ts';
import { imageData, tableData, textData } from './sample.ts';

const { command, skip } = referenceTrainer('torch');

const sgd = { name: 'sgd', learningRate: 0.1, weightDecay: 0.05 };
const cases = [
  { data: tableData(5, 2), model: { name: 'logistic' }, training: { optimizer: sgd, proximal: 0.1 } },
  {
    data: tableData(5, 0),
    model: { name: 'linear' },
    training: {
      optimizer: { name: 'adam', learningRate: 0.01, weightDecay: 0.01 },
      loss: { name: 'quantile', levels: [0.1, 0.5, 0.8] },
    },
  },
  {
    data: tableData(5, 3),
    model: { name: 'mlp', hidden: [7, 5], activation: 'tanh', norm: 'layer' },
    training: {
      optimizer: { name: 'momentum', learningRate: 0.03, nesterov: true },
      clip: { norm: 0.5, per: 'batch' },
    },
  },
  {
    data: imageData(2, 9, 3),
    model: {
      name: 'cnn',
      convolutions: [
        { filters: 4, kernel: 3, padding: 1, pool: { kind: 'max', size: 2 } },
        { filters: 6, kernel: 2, stride: 2, pool: { kind: 'average', size: 2, stride: 1 } },
      ],
      hidden: [5],
      norm: 'group',
      groups: 2,
    },
    training: { clip: { norm: 0.5, per: 'example' } },
  },
  {
    data: tableData(12, 2, { sequence: { steps: 4 } }),
    model: { name: 'lstm', hidden: 5, layers: 2 },
    training: { optimizer: { name: 'adamw', learningRate: 0.01 } },
  },
  { data: textData('abcdefg', 6), model: { name: 'gru', hidden: 5, embedding: 3 } },
];

describe('the PyTorch trainer comes within 1e-5 of our engine', { skip }, () => {
  for (const settings of cases) {
    const { data: _data, ...words } = settings;
    test(JSON.stringify(words), t => assertEqualRound(t, command, settings));
  }
});
