/** Which private tasks are taken, and with which reason the others are refused. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseTask, TaskError } from '../../../src/core/protocol/task.ts';

const records = {
  mechanism: 'dp-sgd',
  unit: 'record',
  clipNorm: 1,
  sampling: { poisson: 0.1 },
  relation: 'add-remove',
  noiseAt: 'client',
  noiseMultiplier: 1,
  delta: 1e-5,
  budget: { epsilon: 3 },
};
const users = {
  mechanism: 'dp-fedavg',
  unit: 'user',
  clip: 1,
  sampling: 'all',
  expectedCohort: 20,
  relation: 'zero-out',
  noiseAt: 'coordinator',
  noiseMultiplier: 4,
  delta: 1e-3,
  budget: { epsilon: 8 },
};

const base = {
  parley: 1,
  name: 'private',
  seed: 1,
  data: {
    format: 'csv',
    header: true,
    onMissing: 'drop-row',
    columns: [
      { name: 'a', type: 'number' },
      { name: 'side', type: 'ignore' },
      { name: 'y', type: 'target' },
    ],
    target: { type: 'above', value: 0 },
    standardise: 'none',
    split: { type: 'column', column: 'side', test: ['t'] },
  },
  model: { name: 'logistic' },
  training: { optimizer: { name: 'sgd', learningRate: 0.1 }, batchSize: 16, amount: { unit: 'steps', count: 5 } },
  rounds: 10,
  cohort: { minimum: 3 },
  server: { optimizer: 'fedavg' },
  aggregation: { rule: 'mean', weightBy: 'uniform' },
  protection: 'inspect',
  privacy: records as object,
};

type Plain = Record<string, unknown>;

/** A copy with places set. */
function changed(changes: Record<string, unknown>, privacy: object = records): Plain {
  const copy = structuredClone({ ...base, privacy }) as Plain;
  for (const [path, value] of Object.entries(changes)) {
    const steps = path.split('.');
    const at = steps.slice(0, -1).reduce((part, step) => part[step] as Plain, copy);
    at[steps[steps.length - 1]] = value;
  }
  return copy;
}

/** "place: message; remedy" of each error. */
function errorsOf(task: unknown): string[] {
  try {
    parseTask(task);
  } catch (error) {
    assert.ok(error instanceof TaskError, String(error));
    return error.message.split('\n');
  }
  return [];
}

const images = {
  format: 'images',
  height: 4,
  width: 4,
  target: { type: 'classes', classes: ['a', 'b'] },
  split: { type: 'stratified', trainFraction: 0.5, seed: 1 },
};
const text = { format: 'text', alphabet: 'abc \n', window: 8, split: { type: 'tail', trainFraction: 0.8 } };
const gru = { name: 'gru', hidden: 4, embedding: 4 };
const hash = { type: 'hash', trainFraction: 0.5, seed: 1 };
const adaptive = { ...users, clip: { initial: 0.5 } };
const local = { ...users, noiseAt: 'client' };

test('noisy counts are refused where a row that is replaced may change sides, for it would move sums and counts', () => {
  for (const split of [hash, { type: 'column', column: 'side', test: ['t'] }]) {
    const data = { ...(base.data as Plain), split };
    const errors = errorsOf(changed({ data, 'privacy.relation': 'replace', 'privacy.metrics': { epsilon: 1 } }));
    assert.ok(
      errors.some(line => line.startsWith('privacy.relation: replace lets a row of the training side')),
      errors.join('\n'),
    );
  }
  const files = { ...images, split: { type: 'files' } };
  const metrics = { 'privacy.relation': 'replace', 'privacy.sampling': 'all', 'privacy.metrics': { epsilon: 1 } };
  assert.deepEqual(errorsOf(changed({ data: files, ...metrics })), []);
});

test('private tasks that hold are taken, with their defaults', () => {
  const taken: Plain[] = [
    changed({}),
    changed({ 'privacy.sampling': 'all', 'privacy.relation': 'replace' }),
    changed({ 'privacy.schedule': { kind: 'decaying', factor: 0.9, least: 0.8 }, 'privacy.metrics': { epsilon: 1 } }),
    changed({ 'data.split': hash, 'aggregation.rule': 'krum', 'cohort.minimum': 7, 'aggregation.weightBy': undefined }),
    changed({ data: { ...images, split: hash } }),
    changed({ data: { ...images, split: { type: 'files' } } }),
    changed({ data: text, model: gru, 'privacy.relation': 'zero-out' }),
    changed({ 'privacy.profile': 'balanced' }),
    changed({}, users),
    changed({}, adaptive),
    changed({}, { ...adaptive, relation: 'replace' }),
    changed({ 'privacy.schedule': { kind: 'progress', factor: 0.9, least: 2 } }, users),
    changed({ 'data.split': { type: 'stratified', trainFraction: 0.5, seed: 1 } }, users),
    changed({ 'data.standardise': 'local', 'training.amount': { unit: 'epochs', count: 1 } }, users),
    changed({}, local),
  ];
  for (const task of taken) {
    delete (task.aggregation as Plain).weightBy;
    if ((task.aggregation as Plain).rule === 'mean') (task.aggregation as Plain).weightBy = 'uniform';
    assert.deepEqual(errorsOf(task), [], JSON.stringify(task.privacy));
  }
});

const refusals: readonly [name: string, task: Plain, message: RegExp][] = [
  [
    'weights that clients report',
    changed({ 'aggregation.weightBy': 'examples' }, users),
    /^aggregation\.weightBy: examples would tell .* count for more .*; use uniform$/,
  ],
  [
    'weights that clients report, behind noise of the clients',
    changed({ 'aggregation.weightBy': 'examples' }),
    /^aggregation\.weightBy: /,
  ],
  [
    'an expected cohort of none',
    changed({ 'privacy.expectedCohort': 0 }, users),
    /^privacy\.expectedCohort: is 0; use a whole number ≥ 1/,
  ],
  [
    'updates shortened to less than the noise is for',
    changed({ 'privacy.clip': 2, 'aggregation.clipNorm': 1.5 }, users),
    /^aggregation\.clipNorm: is 1\.5: updates are shortened to that, and the noise is for 2 \(privacy\.clip\); use 2 or more$/,
  ],
  [
    'updates shortened to less than a clip bound begins with',
    changed({ 'aggregation.clipNorm': 0.01 }, adaptive),
    /^aggregation\.clipNorm: is 0\.01: updates are shortened/,
  ],
  [
    'no constant to divide by',
    changed({ 'privacy.expectedCohort': undefined }, users),
    /^privacy\.expectedCohort: is missing; use a whole number/,
  ],
  [
    'sampling of clients by the coordinator',
    changed({ 'privacy.sampling': { poisson: 0.1 } }, users),
    /^privacy\.sampling: the coordinator draws the cohort .* hides nobody; use all/,
  ],
  [
    'a word for sampling without its rate',
    changed({ 'privacy.sampling': 'poisson' }),
    /^privacy\.sampling: "poisson" is not a known value; use "all", or a block of settings: poisson$/,
  ],
  [
    'a user as the unit of clipped rows',
    changed({ 'privacy.unit': 'user' }),
    /^privacy\.unit: dp-sgd clips and hides single rows.*; use record, or mechanism dp-fedavg$/,
  ],
  [
    'a record as the unit of clipped updates',
    changed({ 'privacy.unit': 'record' }, users),
    /^privacy\.unit: dp-fedavg clips and hides whole updates.*; use user or organisation/,
  ],
  [
    'a microbatch as the unit',
    changed({ 'privacy.unit': 'microbatch' }),
    /^privacy\.unit: a mean over several rows .*; use record/,
  ],
  [
    'mixed relations',
    changed({ 'privacy.relation': 'replace' }),
    /^privacy\.relation: replace keeps the number of rows fixed, and Poisson .*; use add-remove or zero-out, or sampling all$/,
  ],
  [
    'shared noise under inspect',
    changed({ 'privacy.noiseAt': 'shared', 'privacy.noisyClients': { mostDropouts: 1, mostColluders: 1 } }),
    /^privacy\.noiseAt: shared .* protection inspect shows single updates; use client/,
  ],
  [
    'noise of the coordinator on steps it does not see',
    changed({ 'privacy.noiseAt': 'coordinator' }),
    /^privacy\.noiseAt: coordinator cannot add the noise of dp-sgd: .*; use client, or dp-fedavg$/,
  ],
  [
    'noisy clients where nobody shares',
    changed({ 'privacy.noisyClients': { mostDropouts: 1, mostColluders: 1 } }),
    /^privacy\.noisyClients: is for noiseAt shared.*; remove it$/,
  ],
  [
    'a δ of one in fifty',
    changed({ 'privacy.delta': 0.02 }),
    /^privacy\.delta: is 0\.02, the chance that ε does not hold; use 0\.01 at most/,
  ],
  [
    'a δ that is not below 1 over the units',
    changed({ 'privacy.expectedCohort': 2000 }, users),
    /^privacy\.delta: is 0\.001, not less than 1 over the 2000 units of a round; use less, such as 0\.0002/,
  ],
  [
    'a profile that the budget does not keep',
    changed({ 'privacy.profile': 'strong' }),
    /^privacy\.profile: is strong, which is ε ≤ 1, and privacy\.budget\.epsilon is 3; use a smaller budget/,
  ],
  [
    'noise that falls upwards',
    changed({ 'privacy.schedule': { kind: 'decaying', factor: 0.9, least: 2 } }),
    /^privacy\.schedule\.least: is 2, more than the noise it falls from/,
  ],
  [
    'noise that follows progress nobody can see',
    changed({ 'privacy.schedule': { kind: 'progress', factor: 0.9, least: 0.5 } }),
    /^privacy\.schedule\.kind: progress .*; use uniform, decaying, or noiseAt coordinator$/,
  ],
  [
    'an adaptive clip without a noisy sum',
    changed({}, { ...adaptive, noiseAt: 'client' }),
    /^privacy\.clip: follows a sum of bits.*; use a number, or noiseAt coordinator$/,
  ],
  [
    'bits with so little noise that none is left for the updates',
    changed({}, { ...users, clip: { bitNoise: 2 } }),
    /^privacy\.clip\.bitNoise: is 2: above 2 some of the noise is left for the updates; use more, or null$/,
  ],
  [
    'records per person where a person is the unit',
    changed({ 'privacy.recordsPerPerson': 3 }, users),
    /^privacy\.recordsPerPerson: is for unit record.*; remove it$/,
  ],
  [
    'epochs',
    changed({ 'training.amount': { unit: 'epochs', count: 1 } }),
    /^training\.amount\.unit: epochs .* tell its number of rows; use steps$/,
  ],
  [
    'a second clip bound',
    changed({ 'training.clip': { norm: 1, per: 'example' } }),
    /^training\.clip: is a second bound.*; set it to null$/,
  ],
  [
    'a stratified split of a table',
    changed({ 'data.split': { type: 'stratified', trainFraction: 0.5, seed: 1 } }),
    /^data\.split\.type: stratified deals out the rows .*; use hash, where each row decides for itself, or column$/,
  ],
  ['a stratified split of images', changed({ data: images }), /^data\.split\.type: .*; use hash, .* or files$/],
  [
    'windows of a text that one character moves',
    changed({ data: text, model: gru }),
    /^privacy\.relation: add-remove is not of one row: .*; use zero-out/,
  ],
  [
    'scaling by the rows of a site',
    changed({ 'data.standardise': 'local' }),
    /^data\.standardise: local scales by .*; set center and spread of the columns to constants that are public/,
  ],
  [
    'batch norm',
    changed({ model: { name: 'mlp', hidden: [4], norm: 'batch' } }),
    /^model\.norm: batch norm mixes the rows/,
  ],
  [
    'early stopping',
    changed({ stopping: { metric: 'loss', patience: 2 } }),
    /^stopping: needs exact figures .* none leave under privacy; set it to null$/,
  ],
  [
    'histograms of scores',
    changed({ evaluation: { pooledAucBins: 10 } }, users),
    /^evaluation\.pooledAucBins: needs exact figures .*; set it to null$/,
  ],
  [
    'figures of training alone',
    changed({ evaluation: { aloneBaseline: true } }),
    /^evaluation\.aloneBaseline: needs exact figures .*; set it to false$/,
  ],
  [
    'noise that no grid is fine enough for',
    changed({ 'privacy.noiseMultiplier': 1e6 }),
    /^privacy\.noiseMultiplier: needs a finer grid .*; use less noise, or a smaller model$/,
  ],
  [
    'a bound that updates with their noise exceed',
    changed({ 'aggregation.clipNorm': 4 }, local),
    /^aggregation\.clipNorm: is 4, and would shorten updates, .* up to \d+ long .*; use \d+ or more$/,
  ],
  [
    'a factor of noise that is none, by its inner place',
    changed({ 'privacy.schedule': { kind: 'decaying', factor: 2, least: 0.5 } }),
    /^privacy\.schedule\.factor: is 2; use a number > 0 and < 1$/,
  ],
  [
    'a word for the clip bound',
    changed({ 'privacy.clip': 'small' }, users),
    /^privacy\.clip: "small" is not a known value; use a number > 0 and ≤ \d+, or a block of settings: initial, /,
  ],
  [
    'another mechanism',
    changed({ 'privacy.mechanism': 'dp' }),
    /^privacy\.mechanism: "dp" is not a known value; use one of: dp-sgd, dp-fedavg$/,
  ],
  [
    'a setting of the other mechanism',
    changed({ 'privacy.clip': 1 }),
    /^privacy\.clip: is not a setting of dp-sgd, only of dp-fedavg; remove it$/,
  ],
];

for (const [name, task, message] of refusals) {
  test(`refused with its place and a remedy: ${name}`, () => {
    const errors = errorsOf(task);
    assert.equal(errors.length, 1, errors.join('\n'));
    assert.match(errors[0], message);
  });
}

const falling = { kind: 'progress', factor: 0.9, least: 2 };

test('shared noise is for whole updates of groups, whose settings say who adds it', () => {
  const groups = { kind: 'group', honest: 3 };
  assert.match(
    errorsOf(changed({ protection: groups, 'privacy.noiseAt': 'shared' })).join(),
    /^privacy\.noiseAt: shared is noise on sums of whole updates/,
  );
  const noisyClients = { mostDropouts: 1, mostColluders: 0 };
  assert.match(
    errorsOf(
      changed({ protection: groups, 'privacy.noiseAt': 'shared', 'privacy.noisyClients': noisyClients }, users),
    ).join(),
    /^privacy\.noisyClients: follows from the groups.*; remove it$/,
  );
  assert.deepEqual(errorsOf(changed({ protection: groups, 'privacy.noiseAt': 'shared' }, users)), []);
  // The same noise on a mean of groups as long as they may be: about C + zC·√d / n.
  const short = { protection: groups, 'privacy.noiseAt': 'shared', 'aggregation.clipNorm': 0.6 };
  assert.match(
    errorsOf(changed(short, users)).join(),
    /^aggregation\.clipNorm: is 0\.6, and would shorten means of groups, which are up to \d+ long with their noise; use \d+ or more$/,
  );
  assert.match(
    errorsOf(changed({ ...short, 'aggregation.clipNorm': 100, 'privacy.schedule': falling }, users)).join(),
    /^privacy\.schedule\.kind: progress looks at one sum with known noise/,
  );
  assert.match(
    errorsOf(changed({ ...short, 'aggregation.clipNorm': 100, 'privacy.clip': { initial: 0.5 } }, users)).join(),
    /privacy\.clip: follows/,
  );
});

test('statistics with privacy are refused: their sums are exact', () => {
  const moments = changed({ model: { name: 'moments' } });
  assert.ok(errorsOf(moments).some(line => line.startsWith('model.name: moments leaves exact sums')));
});

test('all refusals of a private task come at once', () => {
  const places = errorsOf(
    changed({
      'privacy.delta': 0.5,
      'data.standardise': 'local',
      'training.amount': { unit: 'epochs', count: 1 },
      stopping: { metric: 'loss', patience: 2 },
      'aggregation.weightBy': 'examples',
    }),
  ).map(line => line.slice(0, line.indexOf(': ')));
  assert.deepEqual(places.sort(), [
    'aggregation.weightBy',
    'data.standardise',
    'privacy.delta',
    'stopping',
    'training.amount.unit',
  ]);
});

test('an error in one part of a task hides no refusal between the others', () => {
  const places = errorsOf(
    changed({
      rounds: 'many',
      'privacy.noiseAt': 'coordinator',
      'training.amount': { unit: 'epochs', count: 1 },
      stopping: { metric: 'loss', patience: 2 },
    }),
  ).map(line => line.slice(0, line.indexOf(': ')));
  assert.deepEqual(places.sort(), ['privacy.noiseAt', 'rounds', 'stopping', 'training.amount.unit']);
});

test('whatever stands at a place of the block, the error names a place in it, a remedy, and no word of the validator', () => {
  const values = [undefined, null, -1, 0.5, 1e300, 'x', '', [], [null], {}, { kind: 'x' }, { poisson: 'x' }, true];
  const blocks = [
    { ...records, schedule: { kind: 'decaying', factor: 0.9, least: 0.5 }, metrics: { epsilon: 1 }, profile: 'weak' },
    {
      ...users,
      clip: { initial: 1, bitNoise: 9 },
      schedule: { kind: 'progress', factor: 0.9, least: 1, threshold: 2 },
    },
    { ...users, noisyClients: { mostDropouts: 1, mostColluders: 0 } },
  ];
  for (const block of blocks) {
    const places = Object.entries(block).flatMap(([key, item]) =>
      typeof item === 'object' ? [key, ...Object.keys(item).map(inner => `${key}.${inner}`)] : [key],
    );
    for (const place of places) {
      for (const value of values) {
        for (const line of errorsOf(changed({ [`privacy.${place}`]: value }, block))) {
          assert.match(line, /^[a-zA-Z.]+: .+; .+$/, `${place}: ${line}`);
          assert.match(line, /^(?:privacy|aggregation|training)\./, `${place}: ${line}`);
          assert.doesNotMatch(
            line,
            /Invalid|Too (?:big|small)|\bexpected\b|undefined|another value/,
            `${place}: ${line}`,
          );
        }
      }
    }
  }
});
