import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { UserError } from '../../../src/core/protocol/problem.ts';
import { readIdxFile } from '../../../src/node/data/idx-file.ts';
import { readText } from '../../../src/node/data/plain-chunks.ts';

function folder(t: TestContext): (name: string, bytes: Uint8Array | string) => string {
  const path = mkdtempSync(join(tmpdir(), 'parley-idx-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return (name, bytes) => {
    writeFileSync(join(path, name), bytes);
    return join(path, name);
  };
}

function idx(shape: readonly number[], values: Uint8Array): Buffer {
  const head = Buffer.alloc(4 + 4 * shape.length);
  head.set([0, 0, 8, shape.length]);
  shape.forEach((size, i) => void head.writeUInt32BE(size, 4 + 4 * i));
  return Buffer.concat([head, values]);
}

const refused = (message: RegExp) => (error: unknown) => error instanceof UserError && message.test(error.message);

test('an IDX file reads the same with gzip and without, at any length', async t => {
  const file = folder(t);
  for (const rows of [1, 200, 30_000]) {
    const values = Uint8Array.from({ length: rows * 6 }, (_, i) => (i * 7) % 251);
    const bytes = idx([rows, 2, 3], values);
    const expected = { shape: [rows, 2, 3], values };
    const [plain, packed] = [file('a.idx', bytes), file('b.idx.gz', gzipSync(bytes))];
    for (const path of [plain, packed]) {
      const { shape, values: read } = await readIdxFile(path);
      assert.deepEqual({ shape, values: Uint8Array.from(read) }, expected);
    }
  }
});

test('a file that is cut, too long or no IDX is refused by name, packed or not', async t => {
  const file = folder(t);
  const good = idx([3000], new Uint8Array(3000).fill(9));
  for (const [bytes, message] of [
    [good.subarray(0, 2000), /is cut: its header says 3008 bytes, it has 2000/],
    [good.subarray(0, 6), /the header is cut/],
    [Buffer.concat([good, Buffer.alloc(1)]), /is longer than the 3008 bytes/],
    [Buffer.concat([good, Buffer.alloc(200_000)]), /is longer than the 3008 bytes/],
    [Buffer.from('5,4,3\n'), /is no IDX file of bytes: the file does not begin/],
    [Buffer.alloc(0), /is no IDX file/],
  ] as const) {
    await assert.rejects(readIdxFile(file('a.idx', bytes)), refused(message));
    await assert.rejects(readIdxFile(file('b.idx.gz', gzipSync(bytes))), refused(message));
  }
  const packed = gzipSync(
    idx(
      [90_000],
      Uint8Array.from({ length: 90_000 }, (_, i) => (i * i) % 256),
    ),
  );
  await assert.rejects(
    readIdxFile(file('c.gz', packed.subarray(0, packed.length - 12))),
    refused(/not whole as a gzip/),
  );
  packed[packed.length - 6] ^= 1;
  await assert.rejects(readIdxFile(file('d.gz', packed)), refused(/not whole as a gzip/));
  await assert.rejects(readIdxFile(join(tmpdir(), 'parley-none.idx')), refused(/no such file/));
});

test('a small file that says it is large takes no memory: neither a false header nor a bomb is believed', async t => {
  const file = folder(t);
  const vast = idx([60_000, 1000, 1000], new Uint8Array(5000));
  await assert.rejects(readIdxFile(file('a.idx', vast)), refused(/cannot hold the 60000000016 bytes/));
  const large = idx([500_000_000], new Uint8Array(5000));
  await assert.rejects(readIdxFile(file('b.idx', large)), refused(/cannot hold/));
  // 40 MB of zeros in 40 kB, behind a header that says 100 bytes.
  const bomb = gzipSync(idx([100], new Uint8Array(40_000_000)));
  await assert.rejects(readIdxFile(file('c.idx.gz', bomb)), refused(/is longer than the 108 bytes/));
  await assert.rejects(readText(file('d.txt.gz', bomb), 1_000_000), refused(/holds more than 1000000 bytes/));
});

test('text is read as UTF-8, packed or not, and nothing else is', async t => {
  const file = folder(t);
  assert.equal(await readText(file('a.txt', 'naïve\n')), 'naïve\n');
  assert.equal(await readText(file('a.txt.gz', gzipSync('naïve\n'))), 'naïve\n');
  await assert.rejects(readText(file('b.txt', Uint8Array.of(0x61, 0xff))), refused(/not UTF-8/));
});
