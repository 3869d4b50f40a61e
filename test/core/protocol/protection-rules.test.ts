import assert from 'node:assert/strict';
import { test } from 'node:test';
import { groupSettings } from '../../../src/core/protocol/protection-settings.ts';
import { statisticsTask } from '../../../src/core/protocol/statistics-task.ts';
import { parseTask, TaskError } from '../../../src/core/protocol/task.ts';

const base = {
  parley: 1,
  name: 'small',
  seed: 7,
  data: {
    format: 'csv',
    header: true,
    onMissing: 'refuse',
    columns: [
      { name: 'a', type: 'number' },
      { name: 'y', type: 'target' },
    ],
    target: { type: 'above', value: 0 },
    standardise: 'none',
    split: { type: 'hash', trainFraction: 0.5, seed: 1 },
  },
  model: { name: 'logistic' },
  training: { optimizer: { name: 'sgd', learningRate: 0.1 }, batchSize: 1, amount: { unit: 'steps', count: 1 } },
  rounds: 10,
  cohort: { minimum: 8 },
  server: { optimizer: 'fedavg' },
  aggregation: { rule: 'mean', weightBy: 'uniform' },
  protection: 'group',
  privacy: 'none',
};

const users = {
  mechanism: 'dp-fedavg',
  unit: 'organisation',
  relation: 'zero-out',
  noiseAt: 'client',
  clip: 1,
  sampling: 'all',
  expectedCohort: 8,
  noiseMultiplier: 5,
  delta: 1e-3,
  budget: { epsilon: 50 },
};

const records = {
  mechanism: 'dp-sgd',
  unit: 'record',
  relation: 'add-remove',
  noiseAt: 'client',
  clipNorm: 1,
  noiseMultiplier: 4,
  sampling: { poisson: 0.1 },
  delta: 1e-5,
  budget: { epsilon: 50 },
  metrics: null,
};

function errorsOf(changes: object): string[] {
  try {
    parseTask({ ...base, ...changes });
  } catch (error) {
    assert.ok(error instanceof TaskError, String(error));
    return error.message.split('\n');
  }
  return [];
}
const group = (settings: object) => ({ kind: 'group', ...settings });
const coin = ['a', 'b', 'c'];
const mask = { kind: 'random-mask', keep: 0.5 };
const dropped = {
  protection: group({ compression: { kind: 'federated-dropout', keep: 0.5 } }),
  model: { name: 'mlp', hidden: [4], activation: 'tanh' },
};

test('the word group is a block with all defaults, and reading a task again changes nothing', () => {
  const task = parseTask(base);
  assert.deepEqual(task, parseTask({ ...base, protection: { kind: 'group' } }));
  assert.deepEqual(parseTask(task), task);
  assert.deepEqual(groupSettings(task.protection), {
    kind: 'group',
    size: 8,
    honest: 5,
    colluders: null,
    bits: 32,
    coin: [],
    redrawRounds: 10,
    stepSeconds: 30,
    compression: 'none',
  });
});

const refusals: [name: string, changes: object, message: string][] = [
  [
    'more honest clients than a group has',
    { protection: group({ honest: 9 }), cohort: { minimum: 9 } },
    'protection.honest: is 9, and a group has 8 clients (protection.size); use 8 at most, or larger groups',
  ],
  [
    'more colluders than a group bears',
    { protection: group({ honest: 5, colluders: 3 }), cohort: { minimum: 10 } },
    'protection.colluders: is 3, and a group of 8 with 5 honest clients bears 2; use 2 at most, null, or larger groups',
  ],
  [
    'fewer clients than a group needs',
    { cohort: { minimum: 4 } },
    'cohort.minimum: is 4, and a group for 5 honest clients (protection.honest, protection.colluders) has 5 or more; use 5 or more, or ask for fewer',
  ],
  [
    'fewer clients than bear the colluders',
    { protection: group({ honest: 3, colluders: 2 }), cohort: { minimum: 6 } },
    'cohort.minimum: is 6, and a group for 3 honest clients and 2 colluders (protection.honest, protection.colluders) has 7 or more; use 7 or more, or ask for fewer',
  ],
  [
    'one group of more clients than its size leaves room for',
    { cohort: { minimum: 20 } },
    'protection.size: is 8: without protection.coin all clients are one group, of 15 at most, and cohort.minimum is 20; use 11 or more, or name coin parties',
  ],
  [
    'clients asked for nothing',
    { cohort: { minimum: 8, overSelection: 0.5 } },
    'cohort.overSelection: is 0.5: masks of clients that are not waited for have to be opened; use 0, a group bears clients that drop out',
  ],
  [
    'other clients in every round',
    { cohort: { minimum: 8, fraction: 0.5 } },
    'cohort.fraction: is 0.5: sums over clients that change from round to round tell single updates; use 1, or privacy',
  ],
  [
    'noise of a coordinator that sees no update',
    { privacy: { ...users, noiseAt: 'coordinator' } },
    'privacy.noiseAt: coordinator adds noise for updates whose length it has checked, and protection group shows it none; use shared, where each client adds a part, or client',
  ],
  [
    'words too short for the sum',
    { protection: group({ size: 200, bits: 16, honest: 100 }), cohort: { minimum: 150 } },
    'protection.bits: is 16: sums of up to 399 clients leave less than 64 steps for the clip bound of each; use 20, or a smaller protection.size',
  ],
  [
    'weights that do not add up',
    { protection: group({ bits: 16 }), aggregation: { rule: 'mean' } },
    'aggregation.weightCap: is 100000: the weights of up to 15 clients do not add up within 16 bits (protection.bits); use 2184 at most, or more bits',
  ],
  [
    'dropout of a model without hidden units',
    { protection: group({ compression: { kind: 'federated-dropout', keep: 0.5 } }) },
    'protection.compression: federated-dropout leaves out hidden units, and logistic has none that others do not need; use random-mask, none, or a model with hidden units and norm none',
  ],
  [
    'dropout of a model whose gradients need noise',
    { ...dropped, privacy: records, training: { ...base.training, clip: null } },
    'protection.compression: federated-dropout trains a smaller model, and dp-sgd adds noise for gradients of the whole one; use random-mask, none, or dp-fedavg',
  ],
  [
    'a mean over rounds that train other units',
    { ...dropped, training: { ...base.training, workerMomentum: 0.9 } },
    'training.workerMomentum: is 0.9: it is a mean over rounds, and federated-dropout trains other hidden units in each; use 0, or protection.compression random-mask',
  ],
  [
    'a centre that other values were sent for',
    { protection: group({ compression: mask }), aggregation: { rule: 'centered-clipping', radius: 1 } },
    'aggregation.centre: is previous, and with protection.compression random-mask the round before sent other values; use zero, or protection.compression none',
  ],
  [
    'a coin party named twice',
    { protection: group({ coin: ['a', 'b', 'a'] }) },
    'protection.coin: does not hold; name each client once',
  ],
  [
    'two coin parties',
    { protection: group({ coin: ['a', 'b'] }) },
    'protection.coin: does not hold; name 3 to 7 clients, or none: then all clients are one group',
  ],
  [
    'a setting that there is not',
    { protection: group({ groups: 3 }) },
    'protection.groups: is not a setting; remove it or check its spelling',
  ],
];
for (const [name, changes, message] of refusals) {
  test(`refused with its place and a remedy: ${name}`, () => assert.deepEqual(errorsOf(changes), [message]));
}

test('a clip bound that follows norms is refused under groups', () => {
  const privacy = { ...users, noiseAt: 'coordinator', clip: { initial: 0.5 } };
  assert.ok(
    errorsOf({ privacy }).some(line => line.startsWith('privacy.clip: follows how many updates are within it')),
  );
});

test('what the remedies say is taken', () => {
  const taken: object[] = [
    {},
    { protection: group({ honest: 3 }), cohort: { minimum: 3 } },
    { protection: group({ honest: 3, colluders: 2 }), cohort: { minimum: 7 } },
    { protection: group({ size: 11 }), cohort: { minimum: 20 } },
    { protection: group({ coin }), cohort: { minimum: 20 } },
    { protection: group({ bits: 16 }), aggregation: { rule: 'mean', weightCap: 2184 } },
    { protection: group({ size: 200, bits: 20, honest: 100 }), cohort: { minimum: 150 } },
    { privacy: users },
    { protection: group({ compression: mask }) },
    { protection: group({ compression: mask }), privacy: records },
    { protection: group({ compression: mask }), training: { ...base.training, workerMomentum: 0.9 } },
    {
      protection: group({ compression: mask }),
      aggregation: { rule: 'centered-clipping', radius: 1, centre: 'zero' },
    },
    dropped,
    { ...dropped, privacy: users },
    { privacy: { ...users, noiseAt: 'shared' } },
    { privacy: users, cohort: { minimum: 8, fraction: 0.5 } },
  ];
  for (const changes of taken) assert.deepEqual(errorsOf(changes), [], JSON.stringify(changes));
});

test('sums of a statistics task are of all clients in one group, and exact', () => {
  const { protection, aggregation } = statisticsTask(
    parseTask({ ...base, protection: group({ coin, bits: 16 }), cohort: { minimum: 20 } }),
  );
  assert.deepEqual(groupSettings(protection)?.coin, []);
  assert.equal(groupSettings(protection)?.bits, 32);
  const moments = {
    model: { name: 'moments' },
    rounds: 1,
    aggregation: { rule: 'mean', weightBy: 'uniform', clipNorm: aggregation.clipNorm },
  };
  assert.deepEqual(errorsOf(moments), []);
  const [rounded] = errorsOf({ ...moments, protection: group({ bits: 16 }) });
  assert.match(rounded, /^protection\.bits: is 16: sums of moments .* would be rounded; use 32 bits/);
  const [dealt] = errorsOf({ ...moments, protection: group({ coin }) });
  assert.match(dealt, /^protection\.coin: deals several groups/);
  const [masked] = errorsOf({ ...moments, protection: group({ compression: { kind: 'random-mask', keep: 0.5 } }) });
  assert.match(masked, /^protection\.compression: leaves out some of the sums/);
});
