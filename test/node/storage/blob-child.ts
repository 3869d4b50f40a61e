/** Writes one blob over the old one and kills itself at a stage of that. For kill tests. */
import { writeSync } from 'node:fs';
import { writeBlob } from '../../../src/core/protocol/ports.ts';
import { openFileBlobs } from '../../../src/node/storage/file-blobs.ts';

const [folder, key, last] = process.argv.slice(2);
const blobs = await openFileBlobs(folder, stage => {
  if (stage === last) process.kill(process.pid, 'SIGKILL');
});
await writeBlob(blobs, key, new Uint8Array(400_000).fill(2));
writeSync(1, 'acknowledged\n');
