import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { Dataset } from '../../../src/core/data/dataset.ts';
import { heartFiles, heartSchema } from '../../../src/core/data/heart.ts';
import { dataSchema } from '../../../src/core/data/schema.ts';
import { loadSite } from '../../../src/core/data/table.ts';

const folder = process.env.PARLEY_DATA_DIR === undefined ? null : `${process.env.PARLEY_DATA_DIR}/heart`;
const skip = folder === null ? 'PARLEY_DATA_DIR is not set' : false;

const load = (file: string, schema = heartSchema) =>
  loadSite(schema, {
    name: file,
    chunks: (async function* () {
      yield readFileSync(`${folder}/${file}`);
    })(),
  });

/** FLamby's split: center, name, set, raw row, 13 features, label. */
function reference(): string[][] {
  const lines = readFileSync(`${folder}/flamby_split.csv`, 'utf8').trim().split('\n').slice(1);
  return lines.map(line => line.split(','));
}

test('the heart schema is a valid data section of a task', () => {
  assert.deepEqual(dataSchema.parse(heartSchema), heartSchema);
});

test('the pinned files are those of the UCI repository', { skip }, () => {
  for (const { file, bytes, sha256 } of heartFiles) {
    const content = readFileSync(`${folder}/${file}`);
    assert.equal(content.length, bytes);
    assert.equal(createHash('sha256').update(content).digest('hex'), sha256);
  }
});

test('features, labels and split of all 740 rows equal those of FLamby', { skip }, async () => {
  const rows = reference();
  assert.equal(rows.length, 740);
  const sizes = [
    [199, 104],
    [172, 89],
    [30, 16],
    [85, 45],
  ];
  for (const [center, { file }] of heartFiles.entries()) {
    const site = await load(file, { ...heartSchema, standardise: 'none' });
    assert.deepEqual([site.train.rows, site.test.rows], sizes[center]);
    assert.equal(site.scaler, null);
    for (const set of ['train', 'test'] as const) {
      const expected = rows.filter(row => row[0] === String(center) && row[2] === set);
      assert.deepEqual(site[set].features, Float32Array.from(expected.flatMap(row => row.slice(4, 17).map(Number))));
      assert.deepEqual(
        site[set].labels,
        Float32Array.from(expected, row => Number(row[17])),
      );
    }
  }
});

test('each hospital is scaled by mean and sample standard deviation of its own training rows', { skip }, async () => {
  for (const { file } of heartFiles) {
    const raw = await load(file, { ...heartSchema, standardise: 'none' });
    const site = await load(file);
    assert.ok(site.scaler !== null);
    const { center, spread } = site.scaler;
    for (let i = 0; i < 13; i++) {
      const values = column(raw.train, i);
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
      const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
      // The reference starts from float32 features, the loader from the decimals of the file.
      assert.ok(Math.abs(center[i] - mean) < 1e-6 * (1 + Math.abs(mean)));
      assert.ok(Math.abs(spread[i] - Math.sqrt(variance) - 1e-9) < 1e-6 * (1 + spread[i]));
      for (const set of ['train', 'test'] as const) {
        const scaled = column(raw[set], i).map(value => (value - mean) / (Math.sqrt(variance) + 1e-9));
        for (const [row, value] of column(site[set], i).entries()) {
          assert.ok(Math.abs(value - scaled[row]) < 1e-5, `${file}, feature ${i}, row ${row}`);
        }
      }
    }
  }
});

test('the features have names in the order of the model, and incomplete rows are counted', { skip }, async () => {
  const site = await load('processed.va.data');
  assert.deepEqual(
    site.featureNames.join(' '),
    'age sex trestbps chol fbs thalach exang oldpeak cp=2 cp=3 cp=4 restecg=1 restecg=2',
  );
  assert.deepEqual([site.classes, site.droppedRows], [2, 70]);
});

function column(data: Dataset<Float32Array>, at: number): number[] {
  return Array.from({ length: data.rows }, (_, row) => data.features[row * data.width + at]);
}
