import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { UserError } from '../../../src/core/protocol/problem.ts';
import { keepScaling, readScaling } from '../../../src/node/data/kept-scaling.ts';

const home = mkdtempSync(join(tmpdir(), 'parley-scaling-'));
after(() => rmSync(home, { recursive: true, force: true }));

const rows = { rows: 0, width: 2, features: new Float32Array(), labelWidth: 1, labels: new Float32Array() };
const scaler = { center: Float64Array.of(1 / 3, -2e300), spread: Float64Array.of(1e-9, 7) };
const site = { train: rows, test: rows, featureNames: ['age', 'size'], classes: 2, scaler, droppedRows: 0 };
const task = 'a'.repeat(64);

test('what was kept is read to the bit, for the features it was fitted on only', () => {
  keepScaling(home, task, site);
  assert.deepEqual(readScaling(home, task, ['age', 'size']), scaler);
  for (const names of [['size', 'age'], ['age'], ['age', 'size', 'sex'], ['age', 'Size']]) {
    assert.throws(() => readScaling(home, task, names), UserError, names.join());
  }
});

test('a site without a scaling keeps nothing', () => {
  keepScaling(home, 'b'.repeat(64), { ...site, scaler: null });
  assert.throws(() => readScaling(home, 'b'.repeat(64), ['age', 'size']), /has not trained the model/);
});

test('a file that holds something else is refused', () => {
  const good = { features: ['age', 'size'], center: [0, 0], spread: [1, 1] };
  const wrong = [
    '',
    '{',
    '[]',
    'null',
    ...[{ center: [0] }, { spread: [1, 0] }, { spread: [1, '1'] }, { more: 1 }].map(part =>
      JSON.stringify({ ...good, ...part }),
    ),
  ];
  for (const text of wrong) {
    writeFileSync(join(home, 'scaling', `${task}.json`), text);
    assert.throws(() => readScaling(home, task, ['age', 'size']), UserError, text);
  }
});
