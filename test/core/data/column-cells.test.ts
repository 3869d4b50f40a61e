import assert from 'node:assert/strict';
import { test } from 'node:test';
import { columnCells } from '../../../src/core/data/column-cells.ts';
import { csvSchema } from '../../../src/core/data/csv-schema.ts';
import { UserError } from '../../../src/core/protocol/problem.ts';

const schema = csvSchema.parse({
  format: 'csv',
  header: true,
  missing: ['', '?'],
  onMissing: 'drop-row',
  columns: [
    { name: 'age', type: 'number' },
    { name: 'ward', type: 'ignore' },
    { name: 'ill', type: 'target' },
  ],
  target: { type: 'above', value: 0 },
  standardise: 'none',
  split: { type: 'stratified', trainFraction: 0.5, seed: 1 },
});

const source = (text: string) => ({
  name: 'ward.csv',
  chunks: (async function* () {
    yield new TextEncoder().encode(text);
  })(),
});

const refused = (message: RegExp) => (error: unknown) => error instanceof UserError && message.test(error.message);

test('the cells of a column come by line, by the header or by the declared order', async () => {
  const cells = await columnCells(schema, source('ill,ward,age\n1, north ,60\n\n0,"so\nuth",50\n1,2\n0,x,4\n'), 'ward');
  assert.deepEqual(
    [...cells],
    [
      [2, 'north'],
      [4, 'so\nuth'],
      [7, 'x'],
    ],
  );
  const plain = await columnCells({ ...schema, header: false }, source('60,a,1\n50,b,0\n'), 'ward');
  assert.deepEqual(
    [...plain],
    [
      [1, 'a'],
      [2, 'b'],
    ],
  );
});

test('a column that is not there, or does not say where a row belongs, is refused', async () => {
  await assert.rejects(
    columnCells(schema, source('age,ward,ill\n'), 'wing'),
    refused(/column "wing": is not declared/),
  );
  await assert.rejects(columnCells(schema, source('age,ill\n6,1\n'), 'ward'), refused(/has no column "ward"/));
  for (const cell of ['', ' ', '?']) {
    const text = `age,ward,ill\n6,a,1\n6,${cell},1\n`;
    await assert.rejects(
      columnCells(schema, source(text), 'ward'),
      refused(/ward\.csv:row 3, column "ward": says noth/),
    );
  }
});
