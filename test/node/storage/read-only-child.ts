/** With `prepare`: makes storage on a disk. With `check`: that disk is read-only now, and everything says so. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { UserError } from '../../../src/core/protocol/problem.ts';
import { openFileBlobs } from '../../../src/node/storage/file-blobs.ts';
import { lockDirectory } from '../../../src/node/storage/lock.ts';
import { openCoordinatorStore } from '../../../src/node/storage/sqlite-coordinator-store.ts';
import { openOutbox } from '../../../src/node/storage/sqlite-outbox.ts';

const [disk, what] = process.argv.slice(2);
const old = join(disk, 'old');
const isReadOnly = (error: unknown): true => {
  assert.ok(error instanceof UserError, String(error));
  assert.ok(error.message.startsWith(disk) && /read-only/.test(error.message), error.message);
  return true;
};

if (what === 'prepare') {
  lockDirectory(old, 'test').release();
  openCoordinatorStore(join(old, 'state.sqlite')).close();
  openOutbox(join(old, 'client.sqlite')).close();
  await openFileBlobs(join(old, 'blobs'));
} else {
  for (const folder of [old, join(disk, 'new')]) {
    assert.throws(() => lockDirectory(folder, 'test'), isReadOnly);
    assert.throws(() => openCoordinatorStore(join(folder, 'state.sqlite')), isReadOnly);
    assert.throws(() => openOutbox(join(folder, 'client.sqlite')), isReadOnly);
    await assert.rejects(openFileBlobs(join(folder, 'blobs')), isReadOnly);
  }
}
