import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { groupSettings, protectionSchema } from '../../src/core/protocol/protection-settings.ts';
import { thresholdsOf } from '../../src/core/secagg/manifest.ts';

const main = join(import.meta.dirname, '..', '..', 'src', 'cli', 'main.ts');

function advise(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [main, 'groups', 'advise', ...args], {
    encoding: 'utf8',
    env: { ...process.env, NO_COLOR: '1' },
  });
}

test('parley groups advise compares the usual sizes, narrow enough for a terminal', () => {
  const { stdout, stderr, status } = advise('--clients', '100');
  assert.deepEqual([status, stderr], [0, '']);
  assert.match(stdout, /^8–9 +12 +6\/2\/7 +1 +5 +5\/4 +4 % +39 % /m);
  assert.match(stdout, /^20 +5 +14\/6\/14 +6 +8 +2\/1 +0 +0\.2 % /m);
  assert.ok(stdout.split('\n').every(line => [...line].length <= 110));
});

test('it writes a block that a task takes and whose groups hold', () => {
  for (const [clients, ...more] of [['100'], ['12'], ['4', '--bear', '0', '--colluders', '0'], ['500']]) {
    const { stdout } = advise('--clients', clients, ...more);
    const [, block] = /leaks in fewer than one deal of a hundred:\n((?: {2}.*\n)+)/.exec(stdout) ?? [];
    const { protection } = parse(block) as { protection: unknown };
    const settings = groupSettings(protectionSchema.parse(protection));
    assert.ok(settings !== null);
    assert.equal(settings.coin.length === 0, Number(clients) < 2 * settings.size);
    const { least, members } = thresholdsOf(settings.size, settings);
    assert.ok(least < members || settings.size < Number(clients));
  }
});

test('its JSON has the figures in full', () => {
  const json = JSON.parse(advise('--clients', '500', '--size', '50', '--colluders', '50', '--json').stdout);
  assert.equal(json.choices.length, 1);
  assert.equal(json.choices[0].leaks[0].probability.toExponential(0), '6e-6');
});

test('a cohort that makes no group is told so, and a wrong number is refused with the way to help', () => {
  assert.match(advise('--clients', '2').stdout, /holds no 3 honest members\n→ use 3 clients or more\n$/);
  for (const args of [
    [],
    ['--clients', '0'],
    ['--clients', '10', '--size', '5,x'],
    ['--clients', '10', '--honest', '2'],
    ['--clients', '10', '--colluders', '11'],
  ]) {
    const { status, stderr, stdout } = advise(...args);
    assert.deepEqual([status, stdout], [2, '']);
    assert.match(stderr, /→ See: parley groups advise --help/);
  }
});

test('the table in docs/groups.md is what the command prints', () => {
  const document = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'groups.md'), 'utf8');
  const [, table] = /```\n(a cohort of 100 clients\n.*?)```/s.exec(document) ?? [];
  assert.ok(table !== undefined && advise('--clients', '100').stdout.startsWith(table));
});

test('every command in docs/groups.md runs as written', () => {
  const document = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'groups.md'), 'utf8');
  const commands = [...document.matchAll(/^parley groups advise (.*?)(?: {2,}#.*| # .*)?$/gm)];
  assert.ok(commands.length >= 3);
  for (const [, args] of commands) {
    const { status, stderr } = advise(...args.split(' '));
    assert.deepEqual([status, stderr], [0, ''], args);
  }
});
