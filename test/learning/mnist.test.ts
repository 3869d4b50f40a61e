import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Central, centrally, cnn, loadDigits, mlp, softmax } from '../../bench/central-digits.ts';

const { PARLEY_DATA_DIR } = process.env;
const skip = PARLEY_DATA_DIR === undefined ? 'needs PARLEY_DATA_DIR' : false;

const cases: [string, Central, number][] = [
  ['softmax regression', softmax, 0.92],
  ['an MLP 784-128-10', mlp, 0.98],
  ['a CNN of two convolutions', cnn, 0.989],
];

test('MNIST, centralised', { skip }, async context => {
  const digits = await loadDigits(join(PARLEY_DATA_DIR ?? '', 'mnist'));
  assert.deepEqual([digits.train.rows, digits.test.rows], [60_000, 10_000]);
  for (const [name, central, bar] of cases) {
    await context.test(`${name} reaches ${bar} on the test digits`, async () => {
      const reached = await centrally(digits, central);
      assert.ok(reached >= bar, String(reached));
    });
  }
});
