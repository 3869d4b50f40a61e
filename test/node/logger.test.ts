import assert from 'node:assert/strict';
import { existsSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { fileLog, streamLog } from '../../src/node/logger.ts';
import { temporaryFolder } from '../federation/enrolled.ts';

test('after a full disk the log goes on by itself, and says how many lines it lost', {
  skip: !existsSync('/dev/full') && 'there is no /dev/full here',
}, async t => {
  const folder = temporaryFolder(t);
  const path = join(folder, 'parley.log');
  const good = join(folder, 'good.log');
  symlinkSync('/dev/full', path);
  writeFileSync(good, '');
  const said: string[] = [];
  t.mock.method(process.stderr, 'write', (text: string) => said.push(text) > 0);
  const log = fileLog(path);
  log({ event: 'first' });
  await until(() => said.length > 0);
  log({ event: 'second' });
  await new Promise(resolve => setImmediate(resolve));
  symlinkSync(good, join(folder, 'next'));
  renameSync(join(folder, 'next'), path); // the disk has room again
  const lines = (): string[] => readFileSync(good, 'utf8').split('\n').slice(0, -1);
  let third = 0;
  await until(() => {
    if (lines().length > 0) return true;
    log({ event: `after-${third++}` });
    return false;
  });
  await until(() => lines().some(line => JSON.parse(line).event === 'log-dropped'));
  const all = lines().map(line => JSON.parse(line));
  const lost = all.filter(({ event }) => event === 'log-dropped').map(({ detail }) => Number.parseInt(detail, 10));
  assert.ok(lost[0] >= 1, 'the lost lines are counted');
  assert.ok(all.some(({ event }) => event.startsWith('after-')));
  assert.equal(said.length, 1, 'standard error hears of it once');
  assert.match(said[0], /\n→ Free some space/);
});

test('a stream that stalls costs lines, which are counted', () => {
  const stream = new PassThrough({ highWaterMark: 16 });
  const log = streamLog(stream);
  for (let i = 0; i < 5000; i++) log({ event: 'line', detail: 'x'.repeat(400) });
  assert.ok(stream.writableLength < 1.1 * 1024 * 1024);
  stream.resume();
  const parts: string[] = [];
  stream.on('data', part => parts.push(String(part)));
  return until(() => stream.writableLength === 0).then(async () => {
    log({ event: 'last' });
    await until(() => parts.join('').includes('"last"'));
    assert.match(parts.join(''), /log-dropped.*\d+ lines/);
  });
});

/** Turns of the event loop until it holds. */
async function until(holds: () => boolean): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!holds()) {
    assert.ok(Date.now() < deadline, `${holds} never came true`);
    await new Promise(resolve => setImmediate(resolve));
  }
}
