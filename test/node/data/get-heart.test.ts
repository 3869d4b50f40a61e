import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { heartFiles, type PinnedFile } from '../../../src/core/data/heart.ts';
import { UserError } from '../../../src/core/protocol/problem.ts';
import { downloadPinned } from '../../../src/node/data/download.ts';
import { getHeart } from '../../../src/node/data/get-heart.ts';

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** 50,000 bytes that do not repeat, and what pins them. */
const content = Buffer.from(Uint8Array.from({ length: 50_000 }, (_, i) => (i * 31 + (i >> 8)) & 0xff));
const pinned: PinnedFile = {
  site: 'a',
  file: 'a.data',
  bytes: content.length,
  sha256: createHash('sha256').update(content).digest('hex'),
};

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'parley-data-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** A server that gives each request the next answer (the last one again and again), and keeps the Range headers it saw. */
async function serve(
  t: TestContext,
  ...answers: Answer[]
): Promise<{ url: URL; ranges: (string | undefined)[]; hangUp: () => void }> {
  const ranges: (string | undefined)[] = [];
  let last: ServerResponse | undefined;
  const server = createServer((request, response) => {
    ranges.push(request.headers.range);
    last = response;
    answers[Math.min(ranges.length, answers.length) - 1](request, response);
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return {
    url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/heart/a.data`),
    ranges,
    hangUp: () => last?.destroy(),
  };
}

/** Answers as RFC 9110 §14 asks, and stalls after so many bytes, for the test to hang up. */
function ranged(body: Uint8Array, stallAfter = Number.POSITIVE_INFINITY): Answer {
  return (request, response) => {
    const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    if (start > 0 && start >= body.length) {
      response.writeHead(416, { 'content-range': `bytes */${body.length}` }).end();
      return;
    }
    const rest = body.subarray(start);
    const headers = {
      'content-length': rest.length,
      ...(start > 0 ? { 'content-range': `bytes ${start}-${body.length - 1}/${body.length}` } : {}),
    };
    response.writeHead(start > 0 ? 206 : 200, headers);
    if (stallAfter < rest.length) response.write(rest.subarray(0, stallAfter));
    else response.end(rest);
  };
}

const whole: Answer = (_request, response) =>
  void response.writeHead(200, { 'content-length': content.length }).end(content);
const cut: Answer = (_request, response) => void response.destroy();
const status =
  (code: number): Answer =>
  (_request, response) =>
    void response.writeHead(code).end('no');

function download(
  url: URL,
  path: string,
  onProgress: (received: number) => void = () => {},
  signal?: AbortSignal,
): Promise<void> {
  return downloadPinned({ url, path, pinned, onProgress, signal });
}

const refusedWith =
  (message: RegExp, remedy: RegExp) =>
  (error: unknown): boolean =>
    error instanceof UserError && message.test(error.message) && remedy.test(error.remedy);

test('a file is downloaded with progress, and nothing else is left in the folder', async t => {
  const dir = folder(t);
  const { url } = await serve(t, ranged(content));
  const seen: number[] = [];
  await download(url, join(dir, 'a.data'), received => seen.push(received));
  assert.deepEqual(readFileSync(join(dir, 'a.data')), content);
  assert.deepEqual(readdirSync(dir), ['a.data']);
  assert.equal(seen.at(-1), content.length);
  assert.deepEqual(
    seen,
    [...seen].sort((a, b) => a - b),
  );
});

test('a cut connection is taken up again where it stopped', async t => {
  const dir = folder(t);
  const { url, ranges, hangUp } = await serve(t, ranged(content, 20_000), ranged(content, 10_000), ranged(content));
  await download(url, join(dir, 'a.data'), received => {
    if (received === 20_000 || received === 30_000) hangUp();
  });
  assert.deepEqual(readFileSync(join(dir, 'a.data')), content);
  assert.deepEqual(ranges, [undefined, 'bytes=20000-', 'bytes=30000-']);
});

test('a later call goes on with the part that an earlier one left', async t => {
  const dir = folder(t);
  const path = join(dir, 'a.data');
  const { url, ranges, hangUp } = await serve(t, ranged(content, 20_000), cut, ranged(content));
  const failed = download(url, path, received => {
    if (received === 20_000) hangUp();
  });
  await assert.rejects(failed, refusedWith(/connection was lost/, /goes on where it stopped/));
  assert.deepEqual(readdirSync(dir), ['a.data.part']);
  await download(url, path);
  assert.equal(ranges[2], 'bytes=20000-');
  assert.deepEqual(readFileSync(path), content);
});

test('a server that ignores Range sends the file from the beginning', async t => {
  const dir = folder(t);
  writeFileSync(join(dir, 'a.data.part'), content.subarray(0, 30_000));
  const { url, ranges } = await serve(t, whole);
  await download(url, join(dir, 'a.data'));
  assert.deepEqual(ranges, ['bytes=30000-']);
  assert.deepEqual(readFileSync(join(dir, 'a.data')), content);
});

test('a part that holds other bytes, too many or just all of them is mended or taken', async t => {
  for (const [part, requests] of [
    [Buffer.alloc(30_000, 7), 2],
    [Buffer.alloc(60_000, 7), 1],
    [Buffer.alloc(50_000, 7), 1],
    [content, 0],
  ] as const) {
    const dir = folder(t);
    writeFileSync(join(dir, 'a.data.part'), part);
    const { url, ranges } = await serve(t, ranged(content));
    await download(url, join(dir, 'a.data'));
    assert.deepEqual(readFileSync(join(dir, 'a.data')), content);
    assert.equal(ranges.length, requests);
  }
});

test('wrong bytes, too many and too few are refused, and nothing of them is kept', async t => {
  const altered = Buffer.from(content);
  altered[40_000] ^= 1;
  for (const body of [altered, Buffer.concat([content, Buffer.of(1)]), content.subarray(0, 100), Buffer.alloc(0)]) {
    const dir = folder(t);
    const { url } = await serve(t, ranged(body));
    await assert.rejects(
      download(url, join(dir, 'a.data')),
      refusedWith(/gives other bytes than the published a\.data/, /by hand: .*a\.data/),
    );
    assert.ok(!existsSync(join(dir, 'a.data')));
    if (body.length > 0) assert.deepEqual(readdirSync(dir), []);
  }
});

test('an endless answer is cut off at the size of the file', async t => {
  const dir = folder(t);
  let closed: () => void = () => {};
  const end = new Promise<void>(resolve => {
    closed = resolve;
  });
  const { url } = await serve(t, (_request, response) => {
    response.writeHead(200);
    response.on('close', closed);
    const more = (): void => {
      while (!response.destroyed && response.write(Buffer.alloc(65_536)));
      if (!response.destroyed) response.once('drain', more);
    };
    more();
  });
  await assert.rejects(download(url, join(dir, 'a.data')), refusedWith(/gives other bytes/, /by hand/));
  await end;
});

test('a status that is no file is refused with the status', async t => {
  for (const code of [404, 403, 500]) {
    const { url, ranges } = await serve(t, status(code));
    await assert.rejects(
      download(url, join(folder(t), 'a.data')),
      refusedWith(new RegExp(`status ${code}`), /--url.*by hand/),
    );
    assert.equal(ranges.length, 1);
  }
});

test('without a network the error says what to do and where to put the file', async t => {
  const { url } = await serve(t, cut);
  const path = join(folder(t), 'a.data');
  await assert.rejects(download(url, path), refusedWith(/cannot be reached/, /Check the network/));
  const closed = createServer();
  await new Promise<void>(resolve => closed.listen(0, '127.0.0.1', resolve));
  const { port } = closed.address() as AddressInfo;
  await new Promise(resolve => closed.close(resolve));
  await assert.rejects(
    download(new URL(`http://127.0.0.1:${port}/a.data`), path),
    (error: unknown) =>
      refusedWith(/cannot be reached.*ECONNREFUSED/, /by hand/)(error) && (error as UserError).remedy.includes(path),
  );
});

test('an abort stops the download with its reason and keeps the part', async t => {
  const dir = folder(t);
  const stop = new AbortController();
  const { url } = await serve(t, (_request, response) => {
    response.writeHead(200, { 'content-length': content.length });
    response.write(content.subarray(0, 10_000));
  });
  const reason = new Error('stopped by the user');
  await assert.rejects(
    download(url, join(dir, 'a.data'), () => stop.abort(reason), stop.signal),
    error => error === reason,
  );
  assert.deepEqual(readdirSync(dir), ['a.data.part']);
});

const real = process.env.PARLEY_DATA_DIR;
test('the four heart files are fetched once, and a spoilt one is fetched again', {
  skip: real === undefined ? 'PARLEY_DATA_DIR is not set' : false,
}, async t => {
  const cacheDir = folder(t);
  const requested: string[] = [];
  const { url } = await serve(t, (request, response) => {
    const file = request.url?.split('/').at(-1) ?? '';
    requested.push(file);
    ranged(readFileSync(join(real ?? '', 'heart', file)))(request, response);
  });
  const base = new URL('.', url).href;
  const first = await getHeart({ cacheDir, url: base.slice(0, -1) });
  assert.deepEqual(
    requested,
    heartFiles.map(({ file }) => file),
  );
  assert.deepEqual(
    first.map(({ site, isNew }) => [site, isNew]),
    heartFiles.map(({ site }) => [site, true]),
  );
  writeFileSync(join(cacheDir, 'heart', 'processed.va.data'), 'spoilt');
  const second = await getHeart({ cacheDir, url: base });
  assert.deepEqual(
    second.filter(({ isNew }) => isNew).map(({ site }) => site),
    ['va'],
  );
  assert.equal(requested.length, 5);
});

test('only https addresses, or this machine, are downloaded from', async t => {
  const cacheDir = folder(t);
  mkdirSync(join(cacheDir, 'heart'));
  for (const url of ['http://example.org/', 'ftp://127.0.0.1/', 'file:///etc', 'nonsense']) {
    await assert.rejects(getHeart({ cacheDir, url }), refusedWith(/is not (?:an https address|a URL)/, /https/));
  }
});
