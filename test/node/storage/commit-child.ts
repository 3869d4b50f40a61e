/** Commits version after version to a store, a blob and an outbox, and says each number once it is acknowledged. For kill tests. */
import { writeSync } from 'node:fs';
import { join } from 'node:path';
import { writeBlob } from '../../../src/core/protocol/ports.ts';
import { openFileBlobs } from '../../../src/node/storage/file-blobs.ts';
import { lockDirectory } from '../../../src/node/storage/lock.ts';
import { openCoordinatorStore } from '../../../src/node/storage/sqlite-coordinator-store.ts';
import { openOutbox } from '../../../src/node/storage/sqlite-outbox.ts';
import { outgoing } from '../../storage/outbox-contract.ts';
import { sampleKey, sampleReceived, sampleReport, sampleRun, taskA } from '../../storage/samples.ts';

const [folder, versions] = process.argv.slice(2);
lockDirectory(folder, 'kill test');
const store = openCoordinatorStore(join(folder, 'state.sqlite'));
const outbox = openOutbox(join(folder, 'client.sqlite'));
const blobs = await openFileBlobs(join(folder, 'blobs'));

let run = (await store.runs())[0] ?? sampleRun({ round: 0 });
for (let made = 0; made < Number(versions); made++) {
  const round = run.round + 1;
  const received = round % 5 === 0 ? [] : [...run.received, sampleReceived(`c${round}`)];
  const bytes = Uint8Array.of(round & 0xff, round >> 8);
  await outbox.put(outgoing(round, { envelope: bytes }));
  await writeBlob(blobs, `${taskA}/model`, new Uint8Array(Uint16Array.from({ length: 20_000 }, () => round).buffer));
  run = { ...run, round, received };
  await store.commit([
    { put: 'message', key: sampleKey({ round }), payload: bytes, envelope: bytes },
    { put: 'round', report: sampleReport(taskA, round) },
    { put: 'run', run },
  ]);
  writeSync(1, `${round}\n`);
}
