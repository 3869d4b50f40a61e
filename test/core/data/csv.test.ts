import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readCsv } from '../../../src/core/data/csv.ts';
import { type CsvRow, maxCellLength, maxLineBytes } from '../../../src/core/data/csv-scanner.ts';
import { UserError } from '../../../src/core/protocol/problem.ts';

async function* chunksOf(bytes: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  let at = 0;
  for (let i = 0; at < bytes.length; i++) {
    const size = sizes.length === 0 ? bytes.length : sizes[i % sizes.length];
    // The buffer is wiped once the next chunk is asked for, as a file reader may do.
    const chunk = bytes.slice(at, at + size);
    yield chunk;
    chunk.fill(0);
    at += size;
  }
}

async function read(content: string | Uint8Array, sizes: readonly number[] = [], delimiter = ','): Promise<CsvRow[]> {
  const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
  const rows: CsvRow[] = [];
  for await (const batch of readCsv({ name: 'clinic.csv', chunks: chunksOf(bytes, sizes) }, delimiter))
    rows.push(...batch);
  return rows;
}

async function refused(content: string | Uint8Array, message: RegExp): Promise<void> {
  for (const sizes of [[], [1], [3, 1]]) {
    await assert.rejects(
      read(content, sizes),
      (error: unknown) => error instanceof UserError && message.test(error.message) && error.remedy !== '',
    );
  }
}

const cellsOf = (rows: readonly CsvRow[]): (readonly string[])[] => rows.map(row => row.cells);

test('rows come with the line on which they begin, also after quoted line feeds and empty lines', async () => {
  const rows = await read('a,b\n\n"x\ny",2\r\n"1\r\n\r\n",3\n\r\n4,5');
  assert.deepEqual(rows, [
    { line: 1, cells: ['a', 'b'] },
    { line: 3, cells: ['x\ny', '2'] },
    { line: 5, cells: ['1\r\n\r\n', '3'] },
    { line: 9, cells: ['4', '5'] },
  ]);
});

test('quoted cells may hold delimiters, doubled quotes and nothing', async () => {
  assert.deepEqual(cellsOf(await read('"a,b","say ""no""","",\n""\n')), [['a,b', 'say "no"', '', ''], ['']]);
});

test('the last line needs no line feed, and cells may be empty on both sides', async () => {
  assert.deepEqual(cellsOf(await read(',a,\n,,\nx,')), [
    ['', 'a', ''],
    ['', '', ''],
    ['x', ''],
  ]);
  assert.deepEqual(cellsOf(await read('a,b\r')), [['a', 'b']]);
  assert.deepEqual(cellsOf(await read('a,"b"\r')), [['a', 'b']]);
  assert.deepEqual(await read(''), []);
});

test('a byte order mark is passed over, at the beginning only', async () => {
  for (const sizes of [[], [1]]) {
    assert.deepEqual(cellsOf(await read('\ufeffa,b\n\ufeffc,d\n', sizes)), [
      ['a', 'b'],
      ['\ufeffc', 'd'],
    ]);
  }
});

test('the delimiter is the one declared', async () => {
  assert.deepEqual(cellsOf(await read('1,5;2\n', [], ';')), [['1,5', '2']]);
  assert.deepEqual(cellsOf(await read('a b\t"c\td"\n', [], '\t')), [['a b', 'c\td']]);
});

test('broken quoting is refused with file, row and column', async () => {
  await refused('a,b\n1,x"y\n', /^clinic\.csv:row 2, column 2: a quote stands inside/);
  await refused('a,b\n"x"y,2\n', /^clinic\.csv:row 2, column 1: text follows the closing quote/);
  await refused('a,b\n1,"x\n2,3\n', /^clinic\.csv:row 2, column 2: the quote that opens the cell is never closed/);
  await refused('a,b\n1,"x"\r2\n', /^clinic\.csv:row 2, column 2: text follows/);
});

test('a lone carriage return and NUL are refused with their place', async () => {
  await refused('a,b\r1,2\n', /^clinic\.csv:row 1, column 2: a carriage return/);
  await refused('a,b\n1\0,2\n', /^clinic\.csv:row 2, column 1: the cell holds a NUL/);
  await refused('a,b\n1,"\0"\n', /^clinic\.csv:row 2, column 2: the cell holds a NUL/);
});

test('bytes that are not UTF-8 are refused with their row', async () => {
  const bytes = new TextEncoder().encode('a,b\nä,2\nx,3\n');
  bytes[9] = 0xff; // the x of line 3
  await refused(bytes, /^clinic\.csv:row 3: the bytes are not UTF-8/);
  await refused(Uint8Array.of(0x61, 0x2c, 0xc3), /^clinic\.csv:row 1: the bytes are not UTF-8/);
  await refused(Uint8Array.of(0xff, 0xfe, 0x61, 0x00, 0x0a, 0x00), /^clinic\.csv:row 1: the bytes are not UTF-8/);
});

test('cells and lines are bounded', async () => {
  const longest = 'x'.repeat(maxCellLength);
  assert.deepEqual(cellsOf(await read(`${longest},"${longest}"\n`)), [[longest, longest]]);
  const over = (error: unknown): boolean =>
    error instanceof UserError && /row 2, column 2: the cell is longer/.test(error.message);
  await assert.rejects(read(`a,b\n1,${longest}x\n`), over);
  await assert.rejects(read(`a,b\n1,"${longest}x"\n`), over);
  const line = new Uint8Array(maxLineBytes + 2).fill(0x2c);
  line[0] = 0x0a;
  for (const sizes of [[], [65_536]]) {
    await assert.rejects(read(line, sizes), /row 2: the line is longer than/);
  }
});

test('a line without end is refused as soon as it is too long, however much would follow', async () => {
  let given = 0;
  const endless = async function* (): AsyncGenerator<Uint8Array> {
    for (;;) {
      given += 65_536;
      yield new Uint8Array(65_536).fill(0x61);
    }
  };
  await assert.rejects(async () => {
    for await (const _ of readCsv({ name: 'endless', chunks: endless() }, ',')) assert.fail('no row ends');
  }, /endless:row 1: the line is longer/);
  assert.ok(given <= maxLineBytes + 2 * 65_536, `read ${given} bytes`);
});

const cell = fc.oneof(
  fc.string({ unit: fc.constantFrom('a', '1', '.', ',', ';', '"', '\n', '\r\n', ' ', 'ä', '日', '😀'), maxLength: 8 }),
  fc.string({ unit: 'grapheme', maxLength: 6 }).filter(text => !text.includes('\0')),
);
const table = fc.array(fc.array(cell, { minLength: 2, maxLength: 5 }), { maxLength: 8 });
const ending = fc.constantFrom('\n', '\r\n');

test('a table written by RFC 4180 reads back the same, wherever its bytes are cut', async () => {
  const write = (cells: readonly string[]): string =>
    cells.map(text => (/[",\r\n\ufeff]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text)).join(',');
  await fc.assert(
    fc.asyncProperty(
      table,
      ending,
      fc.boolean(),
      fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 6 }),
      async (rows, end, last, sizes) => {
        const text = rows.map(write).join(end) + (last && rows.length > 0 ? end : '');
        assert.deepEqual(cellsOf(await read(text, sizes)), rows);
      },
    ),
    { numRuns: 500 },
  );
});

test('arbitrary bytes give rows or a UserError, the same wherever they are cut', async () => {
  const outcome = async (bytes: Uint8Array, sizes: readonly number[]): Promise<unknown> => {
    try {
      return await read(bytes, sizes);
    } catch (error) {
      assert.ok(error instanceof UserError, String(error));
      return 'refused';
    }
  };
  const byte = fc.oneof(fc.constantFrom(0x22, 0x2c, 0x0a, 0x0d, 0x61, 0xc3, 0xa4, 0xef, 0xbb, 0xbf), fc.nat(255));
  await fc.assert(
    fc.asyncProperty(
      fc.array(byte, { maxLength: 40 }),
      fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1 }),
      async (bytes, sizes) => {
        const whole = Uint8Array.from(bytes);
        assert.deepEqual(await outcome(whole, sizes), await outcome(whole, []));
      },
    ),
    { numRuns: 500 },
  );
});
