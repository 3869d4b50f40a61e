/** Sums of groups sold as privacy: what a sum over everybody tells of one row, and what is said of it. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { protectionLines } from '../../src/cli/protection-summary.ts';
import { RandomStream } from '../../src/core/math/random.ts';
import { noisySum } from '../../src/core/privacy/grid-noise.ts';
import { noiseGrid } from '../../src/core/privacy/noise-grid.ts';
import { planOfTask } from '../../src/core/privacy/plan.ts';
import { privacyStatement } from '../../src/core/privacy/statement.ts';
import { groupTask } from '../client/group-host.ts';
import { seededBytes } from '../core/privacy/seeded-bytes.ts';

const [members, rows, dimension, trials] = [4, 5, 200, 300];
const random = new RandomStream(new Uint8Array(32).fill(3));

function row(): number[] {
  const values = Array.from({ length: dimension }, () => random.normal());
  const norm = Math.hypot(...values);
  return values.map(value => value / norm);
}

/** The sum of a group: every member's update is the mean of its rows, no longer than 1. Somewhere among them is the target, or a row like it. */
function sumOf(target: readonly number[] | null): Float64Array {
  const all = Array.from({ length: members * rows }, row);
  if (target !== null) all[0] = [...target];
  return Float64Array.from({ length: dimension }, (_, i) => all.reduce((total, one) => total + one[i] / rows, 0));
}

/** How much more often than by chance the coordinator tells from the released sum alone whether the target was in it, −1 to 1. */
function advantage(release: (sum: Float64Array) => ArrayLike<number>): number {
  let right = 0;
  for (let trial = 0; trial < trials; trial++) {
    const target = row();
    const isIn = random.below(2) === 1;
    const seen = release(sumOf(isIn ? target : null));
    const score = target.reduce((total, value, i) => total + value * seen[i], 0);
    if (score > 1 / (2 * rows) === isIn) right++;
  }
  return (2 * right) / trials - 1;
}

test('the sum of a group alone tells whether a row was among those of its members', () => {
  assert.ok(advantage(sum => sum) > 0.7);
});

test('with the noise of a private task it does not', () => {
  const grid = noiseGrid({
    noiseMultiplier: 4,
    clipNorm: 1,
    relation: 'add-remove',
    dimension,
    sumSlack: 0,
    roundingSlip: Math.exp(-0.5),
  });
  const { randomBytes } = seededBytes(5);
  // Four standard errors of a share of 300 trials.
  assert.ok(Math.abs(advantage(sum => noisySum(sum, grid, randomBytes))) < 0.24);
});

test('the statement of a task with groups and without noise claims no privacy, and says why', () => {
  const task = groupTask();
  assert.equal(planOfTask(task), null);
  const statement = privacyStatement({
    plan: null,
    planHash: null,
    noiseMultipliers: [],
    end: 'rounds',
    countsReleased: false,
    build: 'test',
  });
  assert.equal(statement.private, false);
  assert.deepEqual(Object.keys(statement).sort(), ['build', 'format', 'limits', 'private']);
  assert.match(statement.limits.join(' '), /Nothing bounds what the model/);
});

test('what a task file says of its groups is who sees what, and never that it is private', () => {
  const lines = protectionLines(groupTask()).map(([about, text]) => `${about}: ${text}`);
  assert.match(lines.join('\n'), /sums of \d+ or more updates, no single one/);
  assert.doesNotMatch(lines.join('\n'), /privat|anonym|ε/i);
});

test('the page about groups says so too', () => {
  const page = readFileSync(new URL('../../docs/groups.md', import.meta.url), 'utf8').replace(/\s+/g, ' ');
  assert.match(page, /without differential privacy is no claim of privacy/);
});
