import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { imageSchema } from '../../../src/core/data/image-schema.ts';
import { dataSchema } from '../../../src/core/data/schema.ts';
import { UserError } from '../../../src/core/protocol/problem.ts';
import { findSites } from '../../../src/node/data/find-sites.ts';
import { loadSiteFrom, requireSite } from '../../../src/node/data/site-files.ts';

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'parley-site-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

const target = { type: 'classes', classes: ['0', '1'] };
const byFiles = imageSchema.parse({ format: 'images', height: 2, width: 2, target, split: { type: 'files' } });
const split = { type: 'stratified' as const, trainFraction: 0.5, seed: 1 };
const stratified = { ...byFiles, split };
const text = dataSchema.parse({
  format: 'text',
  alphabet: 'ab\n',
  window: 2,
  split: { type: 'tail', trainFraction: 0.5 },
});

function idx(shape: readonly number[], values: Uint8Array): Buffer {
  const head = Buffer.alloc(4 + 4 * shape.length);
  head.set([0, 0, 8, shape.length]);
  shape.forEach((size, i) => void head.writeUInt32BE(size, 4 + 4 * i));
  return Buffer.concat([head, values]);
}

const pixels = (count: number) => Uint8Array.from({ length: 4 * count }, (_, i) => i * 3);
const classes = (count: number) => Uint8Array.from({ length: count }, (_, i) => i % 2);

function writePair(dir: string, images: string, labels: string, count: number, pack = false): void {
  const put = (name: string, bytes: Buffer) =>
    writeFileSync(join(dir, pack ? `${name}.gz` : name), pack ? gzipSync(bytes) : bytes);
  put(images, idx([count, 2, 2], pixels(count)));
  put(labels, idx([count], classes(count)));
}

function safetensors(arrays: Record<string, { dtype: string; shape: number[]; data: Uint8Array }>): Buffer {
  const header: Record<string, unknown> = {};
  let at = 0;
  for (const [name, { dtype, shape, data }] of Object.entries(arrays)) {
    header[name] = { dtype, shape, data_offsets: [at, at + data.length] };
    at += data.length;
  }
  const head = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(head.length));
  return Buffer.concat([length, head, ...Object.values(arrays).map(({ data }) => data)]);
}

const refused = (message: RegExp) => (error: unknown) =>
  error instanceof UserError && message.test(`${error.message} → ${error.remedy}`);

test('the names of this project, those of MNIST, packed or not, and a safetensors file give the same site', async t => {
  const [a, b, c] = [folder(t), folder(t), folder(t)];
  writePair(a, 'images.idx', 'labels.idx', 6);
  writePair(a, 'test-images.idx', 'test-labels.idx', 2);
  writePair(b, 'train-images-idx3-ubyte', 'train-labels-idx1-ubyte', 6, true);
  writePair(b, 't10k-images-idx3-ubyte', 't10k-labels-idx1-ubyte', 2, true);
  const wide = BigInt64Array.from(classes(6), BigInt);
  writeFileSync(
    join(c, 'site.safetensors'),
    safetensors({
      images: { dtype: 'U8', shape: [6, 1, 2, 2], data: pixels(6) },
      labels: { dtype: 'I64', shape: [6], data: new Uint8Array(wide.buffer) },
      test_images: { dtype: 'U8', shape: [2, 2, 2], data: pixels(2) },
      test_labels: { dtype: 'U8', shape: [2], data: classes(2) },
    }),
  );
  for (const schema of [byFiles, stratified]) {
    const sites = await Promise.all([a, b, join(c, 'site.safetensors')].map(path => loadSiteFrom(schema, path)));
    assert.deepEqual([sites[0].train.rows, sites[0].test.rows], schema === byFiles ? [6, 2] : [3, 3]);
    for (const site of sites) {
      assert.deepEqual(site.train.labels, sites[0].train.labels);
      const bytes = (side: typeof site.train) => ('bytes' in side.features ? Buffer.from(side.features.bytes) : null);
      assert.deepEqual(bytes(site.train), bytes(sites[0].train));
      assert.deepEqual(bytes(site.test), bytes(sites[0].test));
      assert.ok(bytes(site.train) !== null);
    }
  }
});

test('what is missing or does not fit is named, with what to do', async t => {
  const dir = folder(t);
  await assert.rejects(loadSiteFrom(stratified, dir), refused(/holds no train images → Put there images\.idx and lab/));
  writePair(dir, 'images.idx', 'labels.idx', 6);
  await assert.rejects(loadSiteFrom(byFiles, dir), refused(/holds no test images → Put there test-images\.idx/));
  renameSync(join(dir, 'labels.idx'), join(dir, 'l.idx'));
  await assert.rejects(loadSiteFrom(stratified, dir), refused(/labels\.idx: there is no such file/));
  const path = join(dir, 'site.safetensors');
  for (const [arrays, message] of [
    [{ images: { dtype: 'U8', shape: [1, 2, 2], data: pixels(1) } }, /holds no array "labels" → Name the arrays/],
    [{ images: { dtype: 'I32', shape: [1], data: new Uint8Array(4) } }, /has images of whole numbers → Store pixels/],
    [{ images: { dtype: 'F16', shape: [2], data: new Uint8Array(4) } }, /"F16"; only U8, I32, I64, F32 is read → /],
  ] as const) {
    writeFileSync(path, safetensors(arrays as unknown as Parameters<typeof safetensors>[0]));
    await assert.rejects(loadSiteFrom(stratified, path), refused(message));
  }
});

test('a text is read as UTF-8, and a table as CSV, at the path itself', async t => {
  const path = join(folder(t), 'play.txt');
  writeFileSync(path, 'ab\nab\nab\n');
  assert.deepEqual([...(await loadSiteFrom(text, path)).train.labels], [1, 2]);
  await assert.rejects(loadSiteFrom(text, join(path, '..')), refused(/is a folder/));
});

test('a path is one site, or a folder of sites by their names; others are passed over', t => {
  const dir = folder(t);
  for (const ward of ['south', 'north']) {
    mkdirSync(join(dir, ward));
    writePair(join(dir, ward), 'images.idx', 'labels.idx', 4);
  }
  mkdirSync(join(dir, 'empty'));
  writeFileSync(join(dir, 'east.safetensors'), '');
  writeFileSync(join(dir, 'processed.West.csv'), '');
  writeFileSync(join(dir, 'Hamlet.txt'), '');
  const names = (format: 'csv' | 'images' | 'text', path = dir) => findSites(format, path).map(({ name }) => name);
  assert.deepEqual(names('images'), ['east', 'north', 'south']);
  assert.deepEqual(names('images', join(dir, 'south')), ['south']);
  assert.deepEqual(names('csv'), ['west']);
  assert.deepEqual(names('text'), ['hamlet']);
  assert.deepEqual(names('text', join(dir, 'Hamlet.txt')), ['hamlet']);
  assert.throws(() => findSites('text', join(dir, 'south')), refused(/holds no \*\.txt file/));
  assert.throws(() => findSites('images', join(dir, 'empty')), refused(/holds no images/));
  assert.throws(() => findSites('csv', join(dir, 'none')), refused(/ENOENT/));
  writeFileSync(join(dir, 'west.data'), '');
  assert.throws(() => findSites('csv', dir), refused(/is a second file of site "west"/));
  requireSite(join(dir, 'south'));
  requireSite(join(dir, 'Hamlet.txt'));
  assert.throws(() => requireSite(join(dir, 'empty')), refused(/is a folder/));
  assert.throws(() => requireSite(join(dir, 'none.safetensors')), refused(/no such file/));
});
