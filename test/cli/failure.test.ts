import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { reportFailure } from '../../src/cli/failure.ts';
import { Problem, UserError } from '../../src/core/protocol/problem.ts';
import { TaskError } from '../../src/core/protocol/task.ts';

function report(error: unknown, debug?: '1'): { code: number; text: string } {
  const before = process.env.PARLEY_DEBUG;
  if (debug === undefined) delete process.env.PARLEY_DEBUG;
  else process.env.PARLEY_DEBUG = debug;
  try {
    let text = '';
    const code = reportFailure(error, part => {
      text += part;
    });
    return { code, text };
  } finally {
    if (before === undefined) delete process.env.PARLEY_DEBUG;
    else process.env.PARLEY_DEBUG = before;
  }
}

test('what a user did wrong is said with place and remedy, without a stack, exit code 2', () => {
  assert.deepEqual(report(new UserError('task.yaml', 'cannot be read', 'Check the spelling.')), {
    code: 2,
    text: 'parley: task.yaml: cannot be read\n→ Check the spelling.\n',
  });
});

test('a refusal of the coordinator is said with its code and remedy', () => {
  const { code, text } = report(new Problem('revoked'));
  assert.equal(code, 2);
  assert.match(text, /^parley: revoked: .+\n→ Ask the federation for an invitation under a new name\.\n$/);
});

test('a task file gets one line per error', () => {
  const error = new TaskError([
    { path: 'rounds', message: 'is missing' },
    { path: 'model.name', message: 'is not known' },
  ]);
  assert.deepEqual(report(error), {
    code: 2,
    text: 'parley: task: rounds: is missing\nparley: task: model.name: is not known\n→ Correct the task file, then run: parley task check FILE\n',
  });
});

test('what the system refuses is said with a remedy', () => {
  let error: unknown;
  try {
    readFileSync('/nowhere/at/all');
  } catch (caught) {
    error = caught;
  }
  const { code, text } = report(error);
  assert.equal(code, 2);
  assert.match(
    text,
    /^parley: ENOENT: no such file or directory.*\/nowhere\/at\/all'?\n→ Check the spelling of the path\.\n$/,
  );
});

test('a network that fails is no defect of ours', () => {
  for (const code of ['ECONNRESET', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND', 'EPIPE', 'ETIMEDOUT']) {
    const { code: exit, text } = report(Object.assign(new Error(`connect ${code}`), { code }));
    assert.equal(exit, 2, code);
    assert.match(text, /^parley: connect E[A-Z]+\n→ .+\.\n$/);
  }
});

test('a port and a file that are not allowed have different remedies', () => {
  const denied = (syscall: string) => report(Object.assign(new Error('denied'), { code: 'EACCES', syscall }));
  assert.deepEqual(denied('listen'), {
    code: 2,
    text: 'parley: denied\n→ Choose a port above 1023, or allow this user the port.\n',
  });
  assert.deepEqual(denied('open'), {
    code: 2,
    text: 'parley: denied\n→ Run as the owner of the path, or change its permissions.\n',
  });
});

test('anything else is our defect: exit code 70, one line that asks to report it, no stack', () => {
  for (const error of [
    new TypeError('x is not a function'),
    'text',
    Object.assign(new Error('odd'), { code: 'constructor' }),
  ]) {
    const { code, text } = report(error);
    assert.equal(code, 70);
    assert.match(
      text,
      /^parley: this is a defect of parley: .*\n→ Please report it with the command you ran and what PARLEY_DEBUG=1 adds\.\n$/,
    );
  }
});

test('PARLEY_DEBUG=1 adds the stack', () => {
  assert.match(report(new TypeError('odd'), '1').text, /\n {4}at /);
  assert.match(report(new UserError('a', 'b', 'c'), '1').text, /\n {4}at /);
});
