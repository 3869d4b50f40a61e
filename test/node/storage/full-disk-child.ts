/** Fills the disk it is given, first with commits, then with blobs, and checks what each leaves. Exits 0 when all of it holds. */
import assert from 'node:assert/strict';
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Write } from '../../../src/coordinator/store.ts';
import { writeBlob } from '../../../src/core/protocol/ports.ts';
import { Problem } from '../../../src/core/protocol/problem.ts';
import { openFileBlobs } from '../../../src/node/storage/file-blobs.ts';
import { openCoordinatorStore } from '../../../src/node/storage/sqlite-coordinator-store.ts';
import { openOutbox } from '../../../src/node/storage/sqlite-outbox.ts';
import { outgoing } from '../../storage/outbox-contract.ts';
import { sampleKey, sampleRun, taskA } from '../../storage/samples.ts';

const disk = process.argv[2];
const path = join(disk, 'state.sqlite');
const isFull = (error: unknown): true => {
  assert.ok(error instanceof Problem && error.code === 'storage-full', String(error));
  return true;
};

let store = openCoordinatorStore(path);
const outbox = openOutbox(join(disk, 'client.sqlite'));
const blobs = await openFileBlobs(join(disk, 'blobs'));
const bytes = new Uint8Array(30_000);

let round = 0;
const commitRound = (next: number): Promise<void> => {
  const message: Write = { put: 'message', key: sampleKey({ round: next }), payload: bytes, envelope: bytes };
  return store.commit([{ put: 'run', run: sampleRun({ round: next }) }, message]);
};
const checkStore = async (): Promise<void> => {
  assert.equal((await store.runs())[0].round, round);
  assert.deepEqual((await store.message(sampleKey({ round })))?.envelope, bytes);
  assert.equal(await store.message(sampleKey({ round: round + 1 })), null);
};

// A ballast file stands for whatever else fills the disk.
const ballast = join(disk, 'ballast');
writeFileSync(ballast, new Uint8Array(200_000));

await assert.rejects(async () => {
  for (;;) {
    await commitRound(round + 1);
    round++;
  }
}, isFull);
assert.ok(round > 2, `only ${round} rounds`);
await checkStore();
await assert.rejects(commitRound(round + 1), isFull);

await assert.rejects(outbox.put(outgoing(1, { envelope: new Uint8Array(400_000) })), isFull);
assert.equal(await outbox.find(taskA, 1, 'update'), null);
await assert.rejects(writeBlob(blobs, 'a', new Uint8Array(400_000)), isFull);
assert.equal(await blobs.read('a'), null);
assert.deepEqual(readdirSync(join(disk, 'blobs', '~incomplete')), []);
assert.throws(() => openCoordinatorStore(join(disk, 'other.sqlite')), isFull);

rmSync(ballast);
await commitRound(round + 1);
round++;
await checkStore();
await outbox.put(outgoing(1));
await writeBlob(blobs, 'a', new Uint8Array(1000));
store.close();
store = openCoordinatorStore(path);
await checkStore();
assert.equal((await blobs.read('a'))?.length, 1000);
assert.deepEqual(await outbox.find(taskA, 1, 'update'), outgoing(1));
