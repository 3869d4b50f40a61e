import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { parseIdx } from '../../../src/core/data/idx.ts';
import { rowsByKey } from '../../../src/core/data/partition.ts';
import { parseWriters } from '../../../src/core/data/writers.ts';
import { UserError } from '../../../src/core/protocol/problem.ts';

const { PARLEY_DATA_DIR } = process.env;
const skip = PARLEY_DATA_DIR === undefined ? 'needs PARLEY_DATA_DIR' : false;

const lines = ['5\t4\t2154\t59\t35\t229421\t0\t0', '0\t0\t9\t0\t30\t0\t0\t0'];

test('a label file of QMNIST names the writer of each image', () => {
  assert.deepEqual(parseWriters(`${lines.join('\n')}\n`, [5, 0], 'w.tsv'), Uint32Array.of(2154, 9));
  assert.deepEqual(parseWriters(`${lines.join('\r\n')}\r\n`, [5, 0], 'w.tsv'), Uint32Array.of(2154, 9));
});

test('a label file of other images is refused, with the row', () => {
  const text = lines.join('\n');
  for (const [wrong, labels, message] of [
    [text, [5, 0, 1], /^w\.tsv: has 2 lines for 3 images/],
    [text, [5, 1], /^w\.tsv:row 2: has another class/],
    ['5\t4\t2154\t59', [5], /^w\.tsv:row 1: is not 8 numbers/],
    ['5\t4\tAnn\t59\t35\t229421\t0\t0', [5], /^w\.tsv:row 1: is not 8 numbers/],
    ['', [5], /row 1: is not 8 numbers/],
  ] as const) {
    assert.throws(
      () => parseWriters(wrong, labels, 'w.tsv'),
      error => error instanceof UserError && message.test(error.message),
    );
  }
});

test('MNIST has 539 writers of 19 to 131 training digits, 297 others of the test digits', { skip }, () => {
  const folder = join(PARLEY_DATA_DIR ?? '', 'mnist');
  const read = (name: string) => gunzipSync(readFileSync(join(folder, name)));
  const writers = (labels: string, file: string, count: number) => {
    const text = read(file).toString().split('\n').slice(0, count).join('\n');
    return rowsByKey(parseWriters(text, parseIdx(read(labels)).values, file));
  };
  const train = writers('train-labels-idx1-ubyte.gz', 'qmnist-train-labels.tsv.gz', 60_000);
  const sizes = [...train.values()].map(rows => rows.length).sort((a, b) => a - b);
  assert.deepEqual([train.size, sizes[0], sizes[538], sizes[269]], [539, 19, 131, 116]);
  const others = writers('t10k-labels-idx1-ubyte.gz', 'qmnist-test-labels.tsv.gz', 10_000);
  assert.equal(others.size, 297);
  assert.ok([...others.keys()].every(writer => !train.has(writer)));
});
