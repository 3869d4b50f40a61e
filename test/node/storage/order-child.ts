/** Makes ten commits, then writes one blob, with a mark on stdout after each. For the test that traces its system calls. */
import { writeSync } from 'node:fs';
import { join } from 'node:path';
import { writeBlob } from '../../../src/core/protocol/ports.ts';
import { openFileBlobs } from '../../../src/node/storage/file-blobs.ts';
import { openCoordinatorStore } from '../../../src/node/storage/sqlite-coordinator-store.ts';
import { sampleKey, sampleReport, sampleRun, taskA } from '../../storage/samples.ts';

const folder = process.argv[2];
const store = openCoordinatorStore(join(folder, 'state.sqlite'));
const blobs = await openFileBlobs(join(folder, 'blobs'));
await store.commit([{ put: 'run', run: sampleRun() }]);
writeSync(1, 'mark\n');
for (let round = 1; round <= 10; round++) {
  const bytes = new Uint8Array(1000);
  await store.commit([
    { put: 'message', key: sampleKey({ round }), payload: bytes, envelope: bytes },
    { put: 'round', report: sampleReport(taskA, round) },
    { put: 'run', run: sampleRun({ round }) },
  ]);
  writeSync(1, 'mark\n');
}
await writeBlob(blobs, 't/model', new Uint8Array(200_000));
writeSync(1, 'mark\n');
process.kill(process.pid, 'SIGKILL');
