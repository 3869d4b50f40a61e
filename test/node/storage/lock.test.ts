import assert from 'node:assert/strict';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { UserError } from '../../../src/core/protocol/problem.ts';
import { lockDirectory } from '../../../src/node/storage/lock.ts';
import { scratch } from '../../storage/scratch.ts';
import { type Child, startChild } from './child.ts';

async function firstLine(child: Child): Promise<string> {
  for await (const line of child.lines) return line;
  return '';
}

test('a second process is refused, told by whom and what to do', async t => {
  const folder = join(scratch(t), 'home');
  const lock = lockDirectory(folder, 'coordinator');
  t.after(() => lock.release());
  const said = await firstLine(startChild(t, 'lock-child.ts', folder));
  assert.ok(said.startsWith(`${folder}: is in use by process ${process.pid} (coordinator on `), said);
  assert.ok(said.endsWith(`→ Stop it (kill ${process.pid}), or use another directory.`), said);
});

test('the lock of a process that was killed is free at once, and leaves no journal', async t => {
  const folder = scratch(t);
  for (let i = 0; i < 3; i++) {
    const child = startChild(t, 'lock-child.ts', folder);
    assert.equal(await firstLine(child), 'held');
    assert.throws(
      () => lockDirectory(folder, 'test'),
      (error: unknown) => error instanceof UserError && error.message.includes(`process ${child.process.pid} `),
    );
    await child.kill();
    assert.deepEqual(readdirSync(folder).sort(), ['lock.pid', 'lock.sqlite']);
    lockDirectory(folder, 'test').release();
  }
});

test('a released lock can be taken by another process, and its former holder is refused', async t => {
  const folder = scratch(t);
  const lock = lockDirectory(folder, 'test');
  lock.release();
  const child = startChild(t, 'lock-child.ts', folder);
  assert.equal(await firstLine(child), 'held');
  lock.release();
  assert.throws(() => lockDirectory(folder, 'test'), UserError);
});

test('the same process cannot take a lock twice either', t => {
  const folder = scratch(t);
  const lock = lockDirectory(folder, 'test');
  t.after(() => lock.release());
  assert.throws(() => lockDirectory(folder, 'test'), UserError);
});

test('locks of two directories do not concern each other', t => {
  const folder = scratch(t);
  const locks = ['a', 'b'].map(name => lockDirectory(join(folder, name), 'test'));
  for (const lock of locks) lock.release();
});

test('a lock file that is something else is named', t => {
  const folder = scratch(t);
  writeFileSync(join(folder, 'lock.sqlite'), 'x'.repeat(1000));
  assert.throws(
    () => lockDirectory(folder, 'test'),
    (error: unknown) => error instanceof UserError && error.message.includes('lock.sqlite'),
  );
});
