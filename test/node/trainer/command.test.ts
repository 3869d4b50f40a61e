import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { UserError } from '../../../src/core/protocol/problem.ts';
import { parseTrainerCommand } from '../../../src/node/trainer/command.ts';

const folder = mkdtempSync(join(tmpdir(), 'parley-command-'));
after(() => rmSync(folder, { recursive: true }));
mkdirSync(join(folder, 'my trainers'));
for (const name of ['train.py', 'plain', join('my trainers', 'run')]) {
  writeFileSync(join(folder, name), '#!/bin/sh\n');
  chmodSync(join(folder, name), 0o755);
}
const parsed = (text: string): string[] => parseTrainerCommand(text, folder);

test('a command is split at spaces; quotes keep them, and nothing else has a meaning', () => {
  assert.deepEqual(parsed('  node  -e "a b" \'c "d"\' x"y z"w  '), ['node', '-e', 'a b', 'c "d"', 'xy zw']);
  assert.deepEqual(parsed('node $HOME *.py ~ | ; > \\x ""'), ['node', '$HOME', '*.py', '~', '|', ';', '>', '\\x', '']);
});

test('a JSON list is taken as it stands', () => {
  assert.deepEqual(parsed('["node", "a b", "", "[x]"]'), ['node', 'a b', '', '[x]']);
});

test('relative paths of files that are there become absolute; a bare word stays one', () => {
  assert.deepEqual(parsed('node train.py ./train.py plain gone.py'), [
    'node',
    join(folder, 'train.py'),
    join(folder, 'train.py'),
    'plain',
    'gone.py',
  ]);
  assert.deepEqual(parsed('"my trainers/run" 1'), [join(folder, 'my trainers', 'run'), '1']);
});

test('a command that is none is refused with its remedy', { skip: process.platform === 'win32' }, () => {
  for (const [text, what] of [
    ['', /names no program/],
    ['   ', /names no program/],
    ['node "x', /a quote is not closed/],
    ['[', /is no JSON list/],
    ['[]', /is no JSON list/],
    ['["node", 3]', /is no JSON list/],
    ['["node", "a\\u0000b"]', /is no JSON list/],
    ['no-such-program-here x', /there is no program no-such-program-here/],
    ['./gone', /there is no program \.\/gone/],
    ['plain', /there is no program plain/],
  ] as const) {
    assert.throws(
      () => parsed(text),
      (error: unknown) => error instanceof UserError && what.test(error.message) && error.remedy !== '',
      text,
    );
  }
});
