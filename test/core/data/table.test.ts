import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { type CsvSchema, csvSchema } from '../../../src/core/data/csv-schema.ts';
import { dataSchema } from '../../../src/core/data/schema.ts';
import { checkTable, loadFeatures, loadSite } from '../../../src/core/data/table.ts';
import { UserError } from '../../../src/core/protocol/problem.ts';

const schema = csvSchema.parse({
  format: 'csv',
  header: true,
  missing: ['?', ''],
  onMissing: 'drop-row',
  columns: [
    { name: 'age', type: 'number' },
    { name: 'cp', type: 'category', levels: ['1', '2', '3'], dropFirst: true },
    { name: 'ward', type: 'category', levels: ['north', 'south'] },
    { name: 'height', type: 'number' },
    { name: 'note', type: 'ignore' },
    { name: 'set', type: 'ignore' },
    { name: 'ill', type: 'target' },
  ],
  target: { type: 'classes', classes: ['no', 'yes', 'unsure'] },
  standardise: 'none',
  split: { type: 'column', column: 'set', test: ['t', 'test'] },
});
const headerless: CsvSchema = { ...schema, header: false };

const source = (text: string) => ({
  name: 'ward.csv',
  chunks: (async function* () {
    yield new TextEncoder().encode(text);
  })(),
});

const header = 'age,cp,ward,height,note,set,ill\n';
const good = [
  '63.5, 1 ,north,1.7,,,no',
  '40,2.0,south,.5,x,test,yes',
  '-1e1,3,north,+2,?,t,unsure',
  '41,03,south,2.,x,train,no',
];

function refused(text: string, place: string, what: RegExp, used: CsvSchema = schema): Promise<void> {
  return assert.rejects(
    loadSite(used, source(text)),
    (error: unknown) =>
      error instanceof UserError &&
      error.message.startsWith(`ward.csv${place}: `) &&
      what.test(error.message) &&
      error.remedy !== '',
  );
}

test('numbers, levels, target and split are read as declared', async () => {
  const site = await loadSite(schema, source(header + good.join('\n')));
  assert.deepEqual(site.featureNames, ['age', 'height', 'cp=2', 'cp=3', 'ward=north', 'ward=south']);
  assert.deepEqual(site.train.features, Float32Array.of(63.5, 1.7, 0, 0, 1, 0, 41, 2, 0, 1, 0, 1));
  assert.deepEqual(site.train.labels, Float32Array.of(0, 0));
  assert.deepEqual(site.test.features, Float32Array.of(40, 0.5, 1, 0, 0, 1, -10, 2, 0, 1, 1, 0));
  assert.deepEqual(site.test.labels, Float32Array.of(1, 2));
  assert.deepEqual(
    [site.train.rows, site.test.rows, site.train.width, site.classes, site.scaler, site.droppedRows],
    [2, 2, 6, 3, null, 0],
  );
});

test('a header may name the columns in any order', async () => {
  const turned = [header.trim(), ...good].map(line => line.split(',').reverse().join(',')).join('\n');
  const site = await loadSite(schema, source(turned));
  const straight = await loadSite(headerless, source(good.join('\n')));
  assert.deepEqual(site, straight);
});

test('a row with a missing value in a used column is dropped or refused, as declared', async () => {
  const rows = `${good.join('\n')}\n?,1,north,1,,,no\n1,1,north,1,,,?\n`;
  const site = await loadSite(headerless, source(rows));
  assert.deepEqual([site.train.rows + site.test.rows, site.droppedRows], [4, 2]);
  await refused(rows, ':row 5, column "age"', /the value is missing/, { ...headerless, onMissing: 'refuse' });
});

test('a wrong cell is refused also in a row that would be dropped', async () => {
  await refused(`${good[0]}\n?,9,north,1,,,no\n`, ':row 2, column "cp"', /expected one of 1, 2, 3/, headerless);
});

test('errors name file, row and column and what was expected', async () => {
  for (const cell of ['x', '1,5', '0x10', '1_000', 'NaN', 'Infinity', '1e39', '.', '1e', '--1', '1 2']) {
    await refused(`${header}${good[0]}\n"${cell}",1,north,1,,,no\n`, ':row 3, column "age"', /expected a number$/);
  }
  await refused(`${header}1,4,north,1,,,no`, ':row 2, column "cp"', /expected one of 1, 2, 3$/);
  await refused(`${header}1,1,North,1,,,no`, ':row 2, column "ward"', /expected one of north, south$/);
  await refused(`${header}1,1,north,1,,,maybe`, ':row 2, column "ill"', /expected one of no, yes, unsure$/);
  await refused(`${header}1,1,north,1,,no`, ':row 2', /expected 7 cells, found 6$/);
  await refused(`${header}"1\n",1,north,1,,,no\n1,1,north,1,,,no,`, ':row 4', /expected 7 cells, found 8$/);
  await refused('1,2,3\n', ':row 1', /expected a header naming age, cp, ward/);
  await refused('age,cp,ward,height,note,set\n', ':row 1', /column "ill" is missing/);
  await refused('age,cp,ward,height,note,set,ill,id\n', ':row 1, column 8', /"id" is not declared/);
  await refused('age,cp,ward,height,note,set,ill,age\n', ':row 1, column 8', /"age" stands twice/);
  await refused('', '', /holds no rows/);
});

test('an error never repeats a cell: it may be logged, and the cell is private', async () => {
  await assert.rejects(
    loadSite(headerless, source('SECRET,SECRET,SECRET,SECRET,SECRET,SECRET,SECRET')),
    (error: unknown) => error instanceof UserError && !/SECRET/.test(`${error.message}${error.remedy}${error.stack}`),
  );
});

test('a table too small to split or to scale is refused', async () => {
  await refused(`${header}1,1,north,1,,t,no`, '', /leaves no training row/);
  const stratified: CsvSchema = { ...schema, split: { type: 'stratified', trainFraction: 0.5, seed: 1 } };
  await refused(`${header}1,1,north,1,,t,no`, '', /has 1 complete row;/, stratified);
  await refused(header, '', /has 0 complete rows/, stratified);
  await refused(`${header}1,1,north,1,,,no`, '', /needs two at least/, { ...schema, standardise: 'local' });
});

test('a constant feature scales to zero, and one that leaves it at test time too far is refused', async () => {
  const local: CsvSchema = { ...schema, standardise: 'local' };
  const train = `${header}0.1,1,north,1,,,no\n0.1,1,north,2,,,no\n0.1,1,north,3,,,no\n`;
  const site = await loadSite(local, source(train));
  assert.deepEqual(
    [...site.train.features].map(value => Math.round(value * 1e6) / 1e6 + 0),
    [0, -1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0],
  );
  await refused(`${train}1e38,1,north,1,,t,no\n`, ':row 5, column "age"', /too large/, local);
});

test('a target above a number makes the label', async () => {
  const above: CsvSchema = { ...headerless, target: { type: 'above', value: 1.5 } };
  const site = await loadSite(above, source('1,1,north,1,,,1.5\n1,1,north,1,,,2\n1,1,north,1,,,-3\n'));
  assert.deepEqual(site.train.labels, Float32Array.of(0, 1, 0));
});

const price: CsvSchema = { ...schema, target: { type: 'number', center: 100, spread: 20 } };

test('a number to predict is scaled by the constants of the task', async () => {
  const site = await loadSite(price, source(`${header}1,1,north,1,,,120\n2,1,north,1,,t,95\n3,1,north,1,,,-1e2\n`));
  assert.deepEqual([site.train.labels, site.test.labels], [Float32Array.of(1, -10), Float32Array.of(-0.25)]);
  assert.deepEqual([site.classes, site.train.labelWidth], [0, 1]);
  await refused(`${header}1,1,north,1,,,many`, ':row 2, column "ill"', /expected a number/, price);
  await refused(`${header}1,1,north,1,,,1e38`, ':row 2, column "ill"', /too large/, {
    ...price,
    target: { type: 'number', center: 0, spread: 1e-3 },
  });
});

test('rows of a number to predict are shuffled as by train_test_split, also where each number stands twice', async () => {
  const split = { type: 'stratified', trainFraction: 0.75, seed: 43 } as const;
  const rows = Array.from({ length: 20 }, (_, i) => `${i},1,north,1,,,${100 + 20 * (i % 10)}\n`);
  const site = await loadSite({ ...price, split }, source(header + rows.join('')));
  // numpy.random.RandomState(43).permutation(20) begins with 9, 6, 19, 14, 5: scikit-learn's test rows.
  assert.deepEqual(
    Array.from({ length: 5 }, (_, row) => site.test.features[row * site.test.width]),
    [5, 6, 9, 14, 19],
  );
  assert.deepEqual(site.test.labels, Float32Array.of(5, 6, 9, 4, 9));
});

test('a table of numbers to predict has no classes to count', async () => {
  const check = await checkTable(price, source(`${header}1,1,north,1,,,120\n2,1,north,1,,t,95\n`), 1);
  assert.deepEqual([check.rows, check.errorCount, check.classCounts], [2, 0, []]);
  assert.deepEqual(Object.keys(check.classCounts), []);
});

test('a table to predict may lack the target, and ignored columns with a header', async () => {
  const scaler = { center: Float64Array.of(60, 1, 0, 0, 0, 0), spread: Float64Array.of(2, 1, 1, 1, 1, 1) };
  const named = await loadFeatures(schema, source('height,ward,cp,age\n1.5,north,1,62\n'), scaler);
  assert.deepEqual(named.features, Float32Array.of(1, 0.5, 0, 0, 1, 0));
  assert.deepEqual(named.labels, Float32Array.of(Number.NaN));
  const bare = await loadFeatures(headerless, source('62,1,north,1.5,,\n62,1,north,1.5,,\n'), scaler);
  assert.deepEqual([bare.rows, bare.width, [...bare.lines]], [2, 6, [1, 2]]);
  const full = await loadFeatures(
    headerless,
    source('62,1,north,1.5,,,yes\n62,1,north,1.5,,,\n62,1,north,1.5,,,?\n'),
    null,
  );
  assert.deepEqual(full.labels, Float32Array.of(1, Number.NaN, Number.NaN));
  assert.deepEqual([...full.features.subarray(0, 2)], [62, 1.5]);
});

test('rows that cannot be predicted are reported, the others keep their order', async () => {
  const table = await loadFeatures(
    headerless,
    source('1,1,north,1,,,\n?,1,north,1,,,\n2,7,north,1,,,\n3,1\n4,1,south,1,,,no\n'),
    null,
  );
  assert.deepEqual([...table.lines], [1, 5]);
  assert.deepEqual(
    table.refused.map(({ line, column, kind }) => [line, column, kind]),
    [
      [2, 'age', 'missing'],
      [3, 'cp', 'wrong'],
      [4, null, 'wrong'],
    ],
  );
});

test('a check reads to the end, counts the errors and shows the first ones', async () => {
  const check = await checkTable(
    headerless,
    source(`${good.join('\n')}\nx,1,north,1,,,no\n?,1,north,1,,,no\n1,1\n1,1,north,1,,,?x\n`),
    2,
  );
  assert.deepEqual([check.rows, check.droppedRows, check.classCounts, check.errorCount], [4, 1, [2, 1, 1], 3]);
  assert.deepEqual(
    check.errors.map(({ line, column }) => [line, column]),
    [
      [5, 'age'],
      [7, null],
    ],
  );
});

test('levels that no cell could tell apart are refused in the schema', () => {
  const issue = (change: object): string =>
    dataSchema.safeParse({ ...schema, ...change }).error?.issues[0].message ?? '';
  const cp = { name: 'cp', type: 'category', levels: ['1', '2', '1.0'] };
  assert.match(
    issue({ columns: schema.columns.map(c => (c.name === 'cp' ? cp : c)) }),
    /"1" and "1.0" are the same level/,
  );
  assert.match(issue({ target: { type: 'classes', classes: ['yes', 'yes '] } }), /same level/);
});

test('encoded rows survive growth, at any number of rows', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.float({ noNaN: true, noDefaultInfinity: true }), fc.nat(2)), {
        minLength: 1,
        maxLength: 1200,
      }),
      async rows => {
        const text = rows.map(([value, level]) => `${value},${level + 1},south,1,,,no`).join('\n');
        const table = await loadFeatures(headerless, source(text), null);
        assert.equal(table.rows, rows.length);
        rows.forEach(([value, level], i) => {
          const row = [value + 0, 1, level === 1 ? 1 : 0, level === 2 ? 1 : 0, 0, 1];
          assert.deepEqual(
            [...table.features.subarray(i * 6, i * 6 + 6)].map(x => x + 0),
            row,
          );
        });
      },
    ),
    { numRuns: 20 },
  );
});

const dataFolder = process.env.PARLEY_DATA_DIR;
test('the census table loads: no header, spaces after commas, "?" for missing', {
  skip: dataFolder === undefined ? 'PARLEY_DATA_DIR is not set' : false,
}, async () => {
  const number = (name: string) => ({ name, type: 'number' });
  const ignore = (name: string) => ({ name, type: 'ignore' });
  const adult = csvSchema.parse({
    format: 'csv',
    header: false,
    missing: ['?'],
    onMissing: 'drop-row',
    columns: [
      number('age'),
      {
        name: 'workclass',
        type: 'category',
        levels: [
          'Private',
          'Self-emp-not-inc',
          'Self-emp-inc',
          'Federal-gov',
          'Local-gov',
          'State-gov',
          'Without-pay',
          'Never-worked',
        ],
      },
      number('fnlwgt'),
      ignore('education'),
      number('education-num'),
      ignore('marital'),
      ignore('occupation'),
      ignore('relationship'),
      ignore('race'),
      { name: 'sex', type: 'category', levels: ['Female', 'Male'], dropFirst: true },
      number('capital-gain'),
      number('capital-loss'),
      number('hours'),
      ignore('country'),
      { name: 'income', type: 'target' },
    ],
    target: { type: 'classes', classes: ['<=50K', '>50K'] },
    standardise: 'local',
    split: { type: 'stratified', trainFraction: 0.8, seed: 0 },
  });
  const bytes = readFileSync(`${dataFolder}/adult/adult.data`);
  const chunks = (async function* () {
    for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536);
  })();
  const site = await loadSite(adult, { name: 'adult.data', chunks });
  // 32,561 rows, 1,836 of them without a workclass (adult.names).
  assert.deepEqual([site.train.rows + site.test.rows, site.droppedRows], [30_725, 1836]);
});
