/** must-not.json: hostile inputs that spoil another system's rounds. Each is sent to ours; true: what the case requires held. */

import { admittedWeight } from '../../coordinator/admit.ts';
import { clippingFactors } from '../../core/aggregation/before/clip.ts';
import { pipelineRange } from '../../core/aggregation/pipeline-range.ts';
import { clipToNorm } from '../../core/learning/clip.ts';
import type { Manifest } from '../../core/learning/parameters.ts';
import { RandomStream } from '../../core/math/random.ts';
import type { Update } from '../../core/protocol/message.ts';
import type { ProblemCode } from '../../core/protocol/problem.ts';
import type { Implementation, Implementations } from '../case.ts';
import { isRefusal, refuses } from '../judge.ts';
import { type Outcome, roundOf, type Sent, taskWith } from './admission.ts';
import { run, selectedOf, settingsOf, type Vector } from './cohort-run.ts';

export const mustNotFunctions: Implementations = {
  'must-not/nan-krum-legacy': holding(async () => {
    const outcome = await roundOf(tenWithOne([Number.NaN, Number.NaN]), pair, { rule: 'krum', byzantine: 1 });
    return onlyLastRefused(outcome, 'non-finite') && selectedOf(aggregateOf(outcome)).length === 1;
  }),
  'must-not/nan-median': holding(async () => {
    for (const rule of ['median', 'mean', 'trimmed-mean']) {
      const outcome = await roundOf(tenWithOne([1, Number.NaN]), pair, { rule });
      if (!onlyLastRefused(outcome, 'non-finite')) return false;
    }
    return true;
  }),
  'must-not/nan-dp-fixed': holding(async () => {
    const poisoned = Float32Array.of(1, Number.NaN);
    const outcome = await roundOf(tenWithOne([...poisoned]), pair, {
      rule: 'mean',
      before: [{ name: 'clip', norm: 1 }],
    });
    return (
      onlyLastRefused(outcome, 'non-finite') &&
      refuses(() => clipToNorm(poisoned, 1)) &&
      refuses(() => clippingFactors([Number.NaN], 1, 1))
    );
  }),
  'must-not/zero-update-dp': holding(async () => {
    const outcome = await roundOf([{ values: [0, 0] }, { values: [3, 4] }], pair, {
      rule: 'mean',
      before: [{ name: 'clip', norm: 1 }],
    });
    const unchanged = clipToNorm(Float32Array.of(0, 0), 1).every(value => value === 0);
    return unchanged && outcome.codes.every(code => code === null) && near(vectorOf(outcome), [0.3, 0.4]);
  }),
  'must-not/neg-weight': holding(async () => {
    const [one, five] = [{ values: [1] }, { values: [5] }];
    const outcome = await roundOf([one, five, { values: [100], fields: { examples: -15 } }], single, { rule: 'mean' });
    return onlyLastRefused(outcome) && near(vectorOf(outcome), [3]) && refusesWeight(-15);
  }),
  'must-not/weight-nan': holding(async () => refusesWeight(Number.NaN) && refusesWeight(Number.POSITIVE_INFINITY)),
  'must-not/weight-all-zero': holding(async () => {
    const idle: Sent = { values: [1], fields: { examples: 0 } };
    const { codes, aggregate } = await roundOf([idle, idle], single, { rule: 'mean' });
    return codes.every(code => code !== null) && aggregate === null && refusesWeight(0);
  }),
  'must-not/trim-zero': holding(async () => {
    const vectors = [[1], [1], [1], [1000]];
    const { vector } = await run({ vectors, settings: settingsOf({ rule: 'trimmed-mean', byzantine: 1 }) });
    return near(vector, [1]) && outside(4, 'trimmed-mean', 2);
  }),
  'must-not/krum-n': holding(async () => {
    const vectors = [[1], [1.1], [50], [50]];
    const attempt = run({ vectors, settings: settingsOf({ rule: 'krum', byzantine: 2 }) });
    return (await rejects(attempt)) && outside(4, 'krum', 2);
  }),
  'must-not/krum-f32': holding(exactKrum),
  'must-not/shape-broadcast': holding(async () => {
    const fields = withShapes([{ name: 'w', shape: [1] }], 1);
    return onlyLastRefused(await fourWith({ values: [100], fields }), 'malformed');
  }),
  'must-not/shape-first-client': holding(async () => {
    // The first client's shape counts for nothing: only the model's does.
    const first: Sent = { values: new Array(12).fill(1), fields: withShapes([{ name: 'w', shape: [3, 4] }], 12) };
    const { codes, aggregate } = await roundOf([first, { values: [1, 1, 1, 1] }], four, { rule: 'mean' });
    return codes[0] === 'malformed' && codes[1] === null && aggregate?.vector.length === 4;
  }),
  'must-not/extra-layer': holding(async () => {
    const fields = withShapes([...four, { name: 'extra', shape: [2] }], 6);
    return onlyLastRefused(await fourWith({ values: new Array(6).fill(9), fields }), 'malformed');
  }),
  'must-not/dtype-complex': holding(async () =>
    onlyLastRefused(await fourWith({ values: [9, 9, 9, 9], fields: { dtype: 'complex128' } }), 'malformed'),
  ),
  'must-not/scalar-clip': holding(async () => {
    const outcome = await roundOf([{ values: [2] }], [{ name: 'bias', shape: [] }], {
      rule: 'mean',
      before: [{ name: 'clip', norm: 1 }],
    });
    return clipToNorm(Float32Array.of(2), 1)[0] === 1 && vectorOf(outcome)[0] === 1;
  }),
};

const single: Manifest = [{ name: 'w', shape: [1] }];
const pair: Manifest = [{ name: 'w', shape: [2] }];
const four: Manifest = [{ name: 'w', shape: [4] }];

function holding(check: () => Promise<boolean>): Implementation {
  return { precision: 'exact', run: check };
}

/** Nine honest updates, and one as given. */
function tenWithOne(values: readonly number[]): Sent[] {
  return [...Array.from({ length: 9 }, (_, i) => ({ values: [1 + i / 100, 2 - i / 100] })), { values }];
}

/** Three honest updates of ones, and one as given. */
function fourWith(hostile: Sent): Promise<Outcome> {
  return roundOf([...Array.from({ length: 3 }, () => ({ values: [1, 1, 1, 1] })), hostile], four, { rule: 'mean' });
}

function withShapes(
  shapes: { name: string; shape: number[] | readonly number[] }[] | Manifest,
  count: number,
): Partial<Update> {
  return { shapes: shapes.map(({ name, shape }) => ({ name, shape: [...shape] })), bytes: 4 * count };
}

/** The last client alone was refused, for that reason where one is given, and the round went on to a finite result. */
function onlyLastRefused(outcome: Outcome, code?: ProblemCode): boolean {
  const last = outcome.codes.at(-1);
  return (
    outcome.codes.slice(0, -1).every(one => one === null) &&
    last !== null &&
    (code === undefined || last === code) &&
    vectorOf(outcome).every(Number.isFinite)
  );
}

function aggregateOf({ aggregate }: Outcome) {
  if (aggregate === null) throw new TypeError('conformance: no update was left');
  return aggregate;
}

function vectorOf(outcome: Outcome): Float32Array {
  return aggregateOf(outcome).vector;
}

function refusesWeight(examples: number): boolean {
  return refuses(() => admittedWeight(examples, taskWith({ rule: 'mean' })));
}

async function rejects(attempt: Promise<unknown>): Promise<boolean> {
  return attempt.then(
    () => false,
    error => {
      if (isRefusal(error)) return true;
      throw error;
    },
  );
}

function outside(clients: number, rule: string, byzantine: number): boolean {
  return pipelineRange({ clients, byzantine }, settingsOf({ rule, byzantine })) !== null;
}

function near(got: ArrayLike<number>, expected: readonly number[]): boolean {
  return got.length === expected.length && expected.every((value, i) => Math.abs(got[i] - value) <= 1e-6);
}

/** 20 models of 100,000 weights from N(0, 1) that differ by 3e-4 each: distances as in float64, and the same choice in every trial. */
async function exactKrum(): Promise<boolean> {
  const random = new RandomStream(new Uint8Array(32));
  for (let trial = 0; trial < 3; trial++) {
    const base = Array.from({ length: 100_000 }, () => random.normal());
    const models = Array.from({ length: 20 }, () => base.map(value => Math.fround(value + 3e-4 * random.normal())));
    const { weights, scores } = await run({ vectors: models, settings: settingsOf({ rule: 'krum', byzantine: 2 }) });
    const exact = plainScores(models, 20 - 2 - 2);
    const best = exact.indexOf(Math.min(...exact));
    if (weights === null || scores === null || weights[best] !== 1) return false;
    if (!exact.every((score, i) => Math.abs(scores[i] - score) <= 1e-6 * score)) return false;
  }
  return true;
}

function plainScores(models: readonly Vector[], neighbours: number): number[] {
  const distances = models.map(a => models.map(b => squaredDistance(a, b)));
  return distances.map(row =>
    [...row]
      .sort((a, b) => a - b)
      .slice(1, neighbours + 1)
      .reduce((total, value) => total + value, 0),
  );
}

function squaredDistance(a: Vector, b: Vector): number {
  let total = 0;
  for (let k = 0; k < a.length; k++) total += (a[k] - b[k]) ** 2;
  return total;
}
