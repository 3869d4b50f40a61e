import assert from 'node:assert/strict';
import { test } from 'node:test';
import { heartSchema } from '../../src/core/data/heart.ts';
import { type DataSchema, dataSchema } from '../../src/core/data/schema.ts';
import { nodePrimitives } from '../../src/node/primitives.ts';
import { generateSites } from '../../src/simulation/generated-sites.ts';
import { pooledBaseline } from '../../src/simulation/pooled-baseline.ts';
import { ofClasses } from '../core/learning/of-classes.ts';
import { smallTask } from './federation.ts';

const awkward: DataSchema = dataSchema.parse({
  format: 'csv',
  header: true,
  delimiter: ';',
  onMissing: 'refuse',
  columns: [
    { name: 'x;1', type: 'number' },
    { name: 'the "kind"', type: 'category', levels: ['a;b', 'c"d', 'e'], dropFirst: false },
    { name: 'side', type: 'ignore' },
    { name: 'y', type: 'target' },
  ],
  target: { type: 'classes', classes: ['low', 'middle', 'high'] },
  standardise: 'local',
  split: { type: 'column', column: 'side', test: ['test'] },
});

for (const [name, schema, classes] of [
  ['the heart schema', heartSchema, 2],
  ['a schema with quotes, classes and a split column', awkward, 3],
] as const) {
  test(`tables are generated for ${name}: every class occurs, both sides have rows`, async () => {
    const sites = await generateSites(schema, 3, 1);
    for (const { data } of sites) {
      assert.equal(data.classes, classes);
      assert.ok(data.train.rows >= 90 && data.test.rows >= 50, `${data.train.rows} + ${data.test.rows} rows`);
    }
    const seen = new Set(sites.flatMap(({ data }) => [...data.train.labels]));
    assert.equal(seen.size, classes);
  });
}

test('generated numbers are as large as the task expects: constants of a task leave what it trains on as it was', async () => {
  const table = (constants: object) =>
    dataSchema.parse({
      format: 'csv',
      header: true,
      onMissing: 'refuse',
      columns: [
        { name: 'age', type: 'number', ...constants },
        { name: 'cost', type: 'target' },
      ],
      target: { type: 'number', ...constants },
      standardise: 'none',
      split: { type: 'stratified', trainFraction: 0.5, seed: 1 },
    });
  const [{ data: plain }] = await generateSites(table({}), 1, 1);
  for (const constants of [
    { center: 50, spread: 10 },
    { center: 0, spread: 1e-9 },
  ]) {
    const [{ data }] = await generateSites(table(constants), 1, 1);
    for (const values of ['features', 'labels'] as const) {
      // Rows of a table are float32; only images are bytes.
      const [of, expected] = [data, plain].map(({ train }) => Float64Array.from(train[values] as Float32Array));
      const apart = of.map((value, i) => Math.abs(value - expected[i]));
      assert.ok(Math.max(...apart) < 1e-5, `${values} ${Math.max(...apart)} apart`);
    }
  }
});

test('the same seed generates the same tables, another seed others, and no two sites are alike', async () => {
  const [one, two, other] = [
    await generateSites(awkward, 2, 1),
    await generateSites(awkward, 2, 1),
    await generateSites(awkward, 2, 2),
  ];
  assert.deepEqual(one, two);
  assert.notDeepEqual(one, other);
  assert.notDeepEqual(one[0].data, one[1].data);
});

test('pooled training learns what the generated sites have in common', async () => {
  const task = { ...smallTask({ seed: 1, clients: 2, faults: [], rounds: 60 }), data: awkward };
  const sites = (await generateSites(awkward, 4, 1)).map(site => site.data);
  const rows = sites.reduce((sum, site) => sum + site.test.rows, 0);
  const evaluation = await pooledBaseline(
    {
      ...task,
      model: { name: 'logistic' },
      training: { ...task.training, amount: { unit: 'epochs', count: 1 }, batchSize: 8 },
    },
    sites,
    nodePrimitives,
  );
  const { examples, correct, classCounts } = ofClasses(evaluation);
  assert.equal(examples, rows);
  assert.ok(
    correct / examples > Math.max(...classCounts) / examples + 0.05,
    `${correct} of ${examples}, classes ${classCounts}`,
  );
});
