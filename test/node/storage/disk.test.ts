import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { mountsAreRefused, onSmallDisk } from './private-mount.ts';

const script = (name: string): string => join(import.meta.dirname, name);
const skip = mountsAreRefused();

test('on a full disk a commit is a storage-full problem that leaves nothing, and work goes on once there is space', {
  skip,
}, () => {
  const { status, output } = onSmallDisk(1024, '"$2" "$3" "$1"', process.execPath, script('full-disk-child.ts'));
  assert.equal(status, 0, output);
});

test('a read-only directory is named as such by the lock, the databases and the blobs', { skip }, () => {
  const steps = '"$2" "$3" "$1" prepare; mount -o remount,ro "$1"; "$2" "$3" "$1" check';
  const { status, output } = onSmallDisk(1024, steps, process.execPath, script('read-only-child.ts'));
  assert.equal(status, 0, output);
});
