import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LogEvent } from '../../src/core/protocol/ports.ts';
import { limitedLog } from '../../src/node/limited-log.ts';

test('warnings about one peer are limited, and what was left out is counted; nothing else is', () => {
  const lines: LogEvent[] = [];
  let nowMs = 0;
  const log = limitedLog(
    line => lines.push(line),
    () => nowMs,
  );
  const warn = (client: string): void => log({ event: 'refused', level: 'warn', client, code: 'malformed' });
  const about = (client: string): LogEvent[] => lines.filter(line => line.client === client);
  for (let i = 0; i < 1000; i++) warn('mallory');
  assert.equal(about('mallory').length, 200);
  warn('anna');
  log({ event: 'update-accepted', client: 'mallory' });
  log({ event: 'failed', level: 'error', client: 'mallory' });
  assert.equal(about('anna').length, 1);
  assert.equal(about('mallory').length, 202);
  nowMs = 1000;
  warn('mallory');
  warn('mallory');
  assert.deepEqual(
    about('mallory')
      .slice(202)
      .map(({ event, detail }) => [event, detail]),
    [
      ['warnings-left-out', '800 lines'],
      ['refused', undefined],
    ],
  );
});

test('a thousand peers that nobody knows by name are limited by their address, each for itself', () => {
  let lines = 0;
  const log = limitedLog(
    () => lines++,
    () => 0,
  );
  for (let i = 0; i < 1000; i++) {
    for (let j = 0; j < 201; j++) log({ event: 'refused', level: 'warn', address: `10.0.${i >> 8}.${i & 255}` });
  }
  assert.equal(lines, 200_000);
});
