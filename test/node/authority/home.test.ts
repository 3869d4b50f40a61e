import assert from 'node:assert/strict';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { UserError } from '../../../src/core/protocol/problem.ts';
import { readFederation, readMember } from '../../../src/node/authority/home.ts';
import { temporaryFolder } from '../../federation/enrolled.ts';

const noRights = process.platform === 'win32' && 'Windows has no such rights';

test('a description that this user may not read has its owner as the remedy', { skip: noRights }, t => {
  const home = temporaryFolder(t);
  chmodSync(home, 0o755);
  for (const name of ['member.json', 'federation.json']) writeFileSync(join(home, name), '{}', { mode: 0 });
  // The superuser reads everything.
  const isSuperuser = process.geteuid?.() === 0;
  if (isSuperuser) process.seteuid?.(65_534);
  try {
    for (const read of [readMember, readFederation]) {
      assert.throws(
        () => read(home),
        (error: unknown) =>
          error instanceof UserError &&
          /may not be read by this user/.test(error.message) &&
          error.remedy === 'Run as the owner of the file.',
      );
    }
  } finally {
    if (isSuperuser) process.seteuid?.(0);
  }
});
