import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { bytesToFloats } from '../../../src/core/bytes/floats.ts';
import { writeBlob } from '../../../src/core/protocol/ports.ts';
import { blobStages } from '../../../src/node/storage/blob-writer.ts';
import { openFileBlobs } from '../../../src/node/storage/file-blobs.ts';
import { openCoordinatorStore } from '../../../src/node/storage/sqlite-coordinator-store.ts';
import { openOutbox } from '../../../src/node/storage/sqlite-outbox.ts';
import { sampleKey, taskA } from '../../storage/samples.ts';
import { scratch } from '../../storage/scratch.ts';
import { startChild } from './child.ts';

const kills = 60;

test(`over ${kills} kills at random instants, every acknowledged write is there and none is half there`, async t => {
  const folder = scratch(t);
  const random = generator(20_240_611);
  let acknowledged = 0;
  for (let kill = 0; kill < kills; kill++) {
    const child = startChild(t, 'commit-child.ts', folder, '1000');
    let left = 1 + Math.floor(random() * 12);
    for await (const line of child.lines) {
      assert.equal(Number(line), acknowledged + 1);
      acknowledged = Number(line);
      // The child goes on while the signal is on its way, so that it arrives anywhere in a later write.
      if (--left === 0) child.process.kill('SIGKILL');
    }
    await child.kill();
    acknowledged = await checkAll(folder, acknowledged);
  }
  assert.ok(acknowledged > kills);
});

/** Checks that what the child left is one version of everything, the last it acknowledged or the next; answers which. */
async function checkAll(folder: string, acknowledged: number): Promise<number> {
  const store = openCoordinatorStore(join(folder, 'state.sqlite'));
  const outbox = openOutbox(join(folder, 'client.sqlite'));
  const blobs = await openFileBlobs(join(folder, 'blobs'));
  try {
    const [run] = await store.runs();
    const { round } = run;
    assert.ok(round === acknowledged || round === acknowledged + 1, `${round} after ${acknowledged}`);
    assert.deepEqual(
      (await store.rounds(taskA, 0)).map(r => r.round),
      Array.from({ length: round }, (_, i) => i + 1),
    );
    for (let r = Math.max(1, round - 5); r <= round; r++)
      assert.notEqual(await store.message(sampleKey({ round: r })), null);
    assert.equal(await store.message(sampleKey({ round: round + 1 })), null);
    const since = round - (round % 5);
    assert.deepEqual(
      run.received.map(r => r.client),
      Array.from({ length: round % 5 }, (_, i) => `c${since + 1 + i}`),
    );
    const said = (await outbox.find(taskA, round + 1, 'update')) ?? (await outbox.find(taskA, round, 'update'));
    assert.ok(said !== null);
    const model = (await blobs.read(`${taskA}/model`)) ?? assert.fail('no model');
    const version = new Uint16Array(bytesToFloats(model).buffer);
    assert.equal(version.length, 20_000);
    assert.ok(version[0] === round || version[0] === round + 1);
    assert.ok(version.every(value => value === version[0]));
    return round;
  } finally {
    store.close();
    outbox.close();
  }
}

for (const stage of blobStages) {
  test(`killed when a blob is ${stage}, the old value or the new one is there, and nothing else`, async t => {
    const folder = scratch(t);
    await writeBlob(await openFileBlobs(folder), 't/old', new Uint8Array(300_000).fill(1));
    for (const key of ['t/old', 'u/new']) {
      const child = startChild(t, 'blob-child.ts', folder, key, stage);
      const said: string[] = [];
      for await (const line of child.lines) said.push(line);
      await child.kill();
      assert.equal(child.process.signalCode, 'SIGKILL');
      assert.deepEqual(said, [], 'killed before the value was acknowledged');
      const isNew = blobStages.indexOf(stage) >= blobStages.indexOf('renamed');
      const blobs = await openFileBlobs(folder);
      const expected = isNew
        ? new Uint8Array(400_000).fill(2)
        : key === 't/old'
          ? new Uint8Array(300_000).fill(1)
          : null;
      const found = await blobs.read(key);
      assert.ok(found === null ? expected === null : expected !== null && Buffer.compare(found, expected) === 0);
      assert.deepEqual(readdirSync(join(folder, '~incomplete')), []);
      await writeBlob(blobs, key, Uint8Array.of(3));
      assert.deepEqual(await blobs.read(key), Uint8Array.of(3));
      await writeBlob(blobs, key, new Uint8Array(300_000).fill(1));
    }
  });
}

/** Numbers in [0, 1) from a seed (Park and Miller's generator). */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}
