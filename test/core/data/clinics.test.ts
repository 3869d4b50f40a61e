import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { type Clinic, generateClinics } from '../../../src/core/data/clinics.ts';
import { heartSchema } from '../../../src/core/data/heart.ts';
import { loadSite } from '../../../src/core/data/table.ts';

const load = (clinic: Clinic) =>
  loadSite(heartSchema, {
    name: clinic.file,
    chunks: (async function* () {
      yield new TextEncoder().encode(clinic.text);
    })(),
  });

const text = (seed: number): string =>
  generateClinics(seed)
    .map(clinic => clinic.text)
    .join('');

test('the same seed gives the same clinics on every machine, another seed others', () => {
  const digest = createHash('sha256').update(text(9)).digest('hex');
  assert.equal(digest, '979a2e97dd6534b1610059a7a844d15c9a4e1816305df1d575ee3f7597e9f805');
  assert.notEqual(text(9), text(10));
});

test('the clinics load by the heart schema, with rows of both classes on both sides and some dropped', async () => {
  for (let seed = 0; seed < 20; seed++) {
    const clinics = generateClinics(seed);
    assert.equal(clinics.length, 4);
    let dropped = 0;
    for (const clinic of clinics) {
      const site = await load(clinic);
      for (const { rows, labels } of [site.train, site.test]) {
        const ill = labels.reduce((sum, label) => sum + label, 0);
        assert.ok(ill > 0 && ill < rows, `${clinic.name}, seed ${seed}: ${ill} of ${rows}`);
      }
      // A feature that is constant in training would explode at test time; only the unmeasured one is, everywhere.
      const largest = site.test.features.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      assert.ok(largest < 12, `${clinic.name}, seed ${seed}: a scaled value of ${largest}`);
      dropped += site.droppedRows;
    }
    assert.ok(dropped > 0);
  }
});

test('the clinics differ: in size, age, prevalence, and one does not measure cholesterol', () => {
  const clinics = generateClinics(9).map(clinic =>
    clinic.text
      .trim()
      .split('\n')
      .map(line => line.split(',').map(Number)),
  );
  const mean = (rows: number[][], of: (row: number[]) => number): number =>
    rows.reduce((sum, row) => sum + of(row), 0) / rows.length;
  assert.deepEqual(
    clinics.map(rows => rows.length),
    [180, 140, 70, 100],
  );
  const spread = (values: number[]): number => Math.max(...values) - Math.min(...values);
  assert.ok(spread(clinics.map(rows => mean(rows, row => row[0]))) > 8);
  assert.ok(spread(clinics.map(rows => mean(rows, row => (row[13] > 0 ? 1 : 0)))) > 0.15);
  const measured = clinics.map(rows => rows.filter(row => row[4] > 0).length);
  assert.deepEqual(
    measured.map(count => count > 0),
    [true, true, false, true],
  );
});

test('the documented relation ranks patients: AUC above 0.8 within each clinic', () => {
  for (const clinic of generateClinics(9)) {
    const rows = clinic.text
      .trim()
      .split('\n')
      .map(line => line.split(',').map(Number));
    const scores = rows.map(
      ([age, sex, cp, , , , , thalach, exang, oldpeak]) =>
        1.8 * Number(cp === 4) + 1.4 * exang + oldpeak - 0.04 * (thalach - 140) + 1.2 * sex + 0.03 * (age - 54),
    );
    const ill = scores.filter((_, i) => rows[i][13] > 0);
    const well = scores.filter((_, i) => rows[i][13] === 0);
    const wins = ill
      .flatMap(a => well.map(b => (a > b ? 1 : a === b ? 0.5 : 0) as number))
      .reduce((sum, win) => sum + win, 0);
    assert.ok(wins / (ill.length * well.length) > 0.8, clinic.name);
  }
});
