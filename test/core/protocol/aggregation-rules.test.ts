/** Which aggregation a task may ask for: its range, its trusted client, what the coordinator sees. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { needsToSee } from '../../../src/core/protocol/aggregation-settings.ts';
import { parseTask, TaskError } from '../../../src/core/protocol/task.ts';

const base = {
  parley: 1,
  name: 'small',
  seed: 1,
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
    split: { type: 'stratified', trainFraction: 0.5, seed: 1 },
  },
  model: { name: 'logistic' },
  training: { optimizer: { name: 'sgd', learningRate: 0.1 }, batchSize: 1, amount: { unit: 'steps', count: 1 } },
  rounds: 10,
  cohort: { minimum: 11 },
  server: { optimizer: 'fedavg' },
  aggregation: { rule: 'mean' },
  protection: 'inspect',
  privacy: 'none',
};

/** "place: message; remedy" of each error. */
function errorsOf(changes: object): string[] {
  try {
    parseTask({ ...base, ...changes });
  } catch (error) {
    assert.ok(error instanceof TaskError, String(error));
    return error.message.split('\n');
  }
  return [];
}

/** What a rule has no default for. */
const needed: Readonly<Record<string, object>> = {
  'centered-clipping': { radius: 1 },
  monna: { trusted: 'a' },
  fltrust: { trusted: 'a' },
};
const withRule = (rule: string, changes: object = {}) => ({ aggregation: { rule, ...needed[rule], ...changes } });

test('every rule is taken for two liars among eleven, and no rule but the mean has weights', () => {
  for (const rule of Object.keys(needsToSee)) {
    assert.deepEqual(errorsOf(withRule(rule, { byzantine: rule === 'mean' ? 0 : 2 })), [], rule);
    if (rule === 'mean') continue;
    const [error] = errorsOf(withRule(rule, { weightBy: 'uniform' }));
    assert.equal(error, `aggregation.weightBy: is not a setting of ${rule}, only of mean; remove it`);
  }
});

test('a rule out of range names the place and the nearest choice', () => {
  const cohort = { minimum: 5 };
  const cases: [object, RegExp][] = [
    [{ cohort, ...withRule('krum', { byzantine: 2 }) }, /^aggregation\.byzantine: krum .*5.*; /],
    [{ cohort, ...withRule('bulyan', { byzantine: 2 }) }, /^aggregation\.byzantine: bulyan .*5.*; /],
    [{ cohort, ...withRule('median', { byzantine: 3 }) }, /^aggregation\.byzantine: median .*5.*; /],
    [{ cohort: { minimum: 2 }, ...withRule('krum') }, /^aggregation\.rule: krum .*2.*; /],
    [
      { cohort, ...withRule('median', { byzantine: 2, before: [{ name: 'bucketing', size: 2 }] }) },
      /^aggregation\.before\.0: bucketing .*; /,
    ],
    [{ ...withRule('mean', { byzantine: 1 }) }, /^aggregation\.byzantine: mean bears no .*; use a robust rule/],
  ];
  for (const [changes, message] of cases) {
    const errors = errorsOf(changes);
    assert.equal(errors.length, 1, JSON.stringify(changes));
    assert.match(errors[0], message);
  }
});

test('a rule with a trusted client asks all clients in every round', () => {
  const cohort = { minimum: 11, fraction: 0.5 };
  for (const rule of ['monna', 'fltrust'])
    assert.deepEqual(errorsOf({ cohort, ...withRule(rule) }), [
      `cohort.fraction: is 0.5, and ${rule} needs its trusted client in every round; use 1`,
    ]);
});

test('histories of updates that could grow without bound are refused', () => {
  const [error] = errorsOf(withRule('foolsgold', { clipNorm: 1e18 }));
  assert.match(error, /^aggregation\.clipNorm: lets the sum of a client's updates grow beyond 2\^60; use less than/);
  assert.deepEqual(errorsOf({ rounds: 1, ...withRule('foolsgold', { clipNorm: 1e18 }) }), []);
});

/** The places that are refused beside that of the protection itself, which is not built. */
function besides(setting: 'protection' | 'privacy', value: unknown, aggregation: object): string[] {
  return errorsOf({ [setting]: value, ...aggregation })
    .map(line => line.slice(0, line.indexOf(':')))
    .filter(path => path !== setting);
}

/** Noise on whole updates. */
const noiseOn = (noiseAt: 'client' | 'coordinator') => ({
  mechanism: 'dp-fedavg',
  unit: 'organisation',
  clip: 1,
  sampling: 'all',
  expectedCohort: 11,
  relation: 'zero-out',
  noiseAt,
  noiseMultiplier: 1,
  delta: 1e-3,
  budget: { epsilon: 20 },
});

test('under a protection by groups no rule looks at single clients', () => {
  const groups = { kind: 'group', size: 3, honest: 3, coin: ['a', 'b', 'c'] };
  for (const [rule, view] of Object.entries(needsToSee)) {
    const expected = view === 'clients' ? ['aggregation.rule'] : [];
    assert.deepEqual(besides('protection', 'homomorphic-group', withRule(rule)), expected, rule);
    assert.deepEqual(besides('protection', groups, { cohort: { minimum: 33 }, ...withRule(rule) }), expected, rule);
  }
});

test('without coin parties all clients are one group, and a rule has one sum', () => {
  for (const protection of ['group', { kind: 'group' }]) {
    for (const [rule, view] of Object.entries(needsToSee)) {
      const expected = view === 'sum' ? [] : ['aggregation.rule'];
      assert.deepEqual(besides('protection', protection, withRule(rule)), expected, rule);
    }
    assert.deepEqual(errorsOf({ protection, ...withRule('centered-clipping', { iterations: 2 }) }), [
      'aggregation.iterations: more than one iteration needs several groups, and without protection.coin all clients are one; use 1, or several groups: name coin parties in protection.coin',
    ]);
  }
});

test('a rule has to bear its liars among groups, as each of them spoils one', () => {
  const krum = withRule('krum', { byzantine: 2 });
  const groups = (size: number) => ({
    cohort: { minimum: 21 },
    protection: { kind: 'group', size, honest: 3, coin: ['a', 'b', 'c'] },
  });
  assert.deepEqual(errorsOf({ ...groups(3), ...krum }), []);
  const [error, ...others] = errorsOf({ ...groups(5), ...krum });
  assert.deepEqual(others, []);
  assert.match(error, /^aggregation\.byzantine: .*\(groups of protection\.size in cohort\.minimum\)/);
});

test('where the coordinator sees one sum only a clipped sum is taken', () => {
  const before = [{ name: 'clip', norm: 1 }, { name: 'nnm' }, { name: 'arc' }];
  for (const protection of ['homomorphic-committee', 'two-aggregator', 'validated']) {
    for (const [rule, view] of Object.entries(needsToSee)) {
      const expected = view === 'sum' ? [] : ['aggregation.rule'];
      assert.deepEqual(besides('protection', protection, withRule(rule)), expected, `${rule} under ${protection}`);
    }
    assert.deepEqual(besides('protection', protection, withRule('centered-clipping', { iterations: 2 })), [
      'aggregation.iterations',
    ]);
    assert.deepEqual(besides('protection', protection, withRule('mean', { before, weightBy: 'uniform' })), [
      'aggregation.before.1',
      'aggregation.before.2',
    ]);
  }
});

test('where the coordinator adds the noise only a mean of clipped updates that weigh alike is taken', () => {
  const privacy = noiseOn('coordinator');
  for (const rule of Object.keys(needsToSee)) {
    const expected = rule === 'mean' ? ['aggregation.weightBy'] : ['aggregation.rule'];
    assert.deepEqual(besides('privacy', privacy, withRule(rule)), expected, rule);
  }
  const before = [
    { name: 'clip', norm: 1 },
    { name: 'bucketing', size: 2 },
  ];
  assert.deepEqual(besides('privacy', privacy, withRule('mean', { before, weightBy: 'uniform' })), [
    'aggregation.before.1',
  ]);
  assert.deepEqual(besides('privacy', privacy, withRule('mean', { weightBy: 'uniform' })), []);
  const [why] = errorsOf({ privacy, ...withRule('krum') });
  assert.match(why, /krum under noise of the coordinator breaks sensitivity/);
});

test('noise of the clients goes with every rule', () => {
  for (const rule of Object.keys(needsToSee)) {
    const weights = rule === 'mean' ? { weightBy: 'uniform' } : {};
    assert.deepEqual(besides('privacy', noiseOn('client'), withRule(rule, weights)), [], rule);
  }
});
