import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { paragraphs, splitRoles } from '../../../src/core/data/speaking-roles.ts';
import { UserError } from '../../../src/core/protocol/problem.ts';

const { PARLEY_DATA_DIR } = process.env;
const skip = PARLEY_DATA_DIR === undefined ? 'needs PARLEY_DATA_DIR' : false;

test('a role has all that it says, in order, without its name', () => {
  const play = 'ANNE:\nGood day.\nHow now?\n\nBob Roe:\nWell: very well.\n\n\n\nANNE:\nFare thee well.\n';
  assert.deepEqual(splitRoles(play, 'p.txt'), [
    { name: 'ANNE', text: 'Good day.\nHow now?\nFare thee well.' },
    { name: 'Bob Roe', text: 'Well: very well.' },
  ]);
});

test('a speech without a role is refused, with its line', () => {
  for (const [play, line] of [
    ['ANNE:\nGood day.\n\nHow now?\n', 4],
    ['\n\nGood day.\n', 3],
    ['\nGood day.\n', 2],
    ['ANNE:\nA\n\n\n\n:\nB', 6],
  ] as const) {
    assert.throws(
      () => splitRoles(play, 'p.txt'),
      error => error instanceof UserError && error.message === `p.txt:line ${line}: names no role`,
    );
  }
});

test('a play with line ends of Windows is refused by what is wrong with it', () => {
  assert.throws(
    () => splitRoles('ANNE:\r\nYes.\r\n', 'p.txt'),
    error => error instanceof UserError && error.message === 'p.txt: has carriage returns',
  );
});

test('roles keep every speech of any play', () => {
  const speech = fc.record({
    role: fc.constantFrom('ANNE', 'Bob Roe', 'First Lord'),
    lines: fc.array(fc.string({ unit: 'grapheme-ascii', minLength: 1 }), { minLength: 1, maxLength: 4 }),
  });
  fc.assert(
    fc.property(fc.array(speech, { minLength: 1 }), speeches => {
      const play = speeches.map(({ role, lines }) => `${role}:\n${lines.join('\n')}`).join('\n\n');
      for (const { name, text } of splitRoles(play, 'p.txt')) {
        const own = speeches.filter(({ role }) => role === name).map(({ lines }) => lines.join('\n'));
        assert.equal(text, own.join('\n'));
      }
    }),
  );
});

test('tiny Shakespeare has 309 roles in 7,222 speeches; 99 of them say 2,000 characters or more', { skip }, () => {
  const play = readFileSync(join(PARLEY_DATA_DIR ?? '', 'shakespeare', 'input.txt'), 'utf8');
  assert.equal(paragraphs(play).length, 7222);
  const roles = splitRoles(play, 'input.txt');
  assert.equal(roles.length, 309);
  assert.equal(roles.filter(({ text }) => text.length >= 2000).length, 99);
});
