/** Holds the lock of a directory until it is killed or its stdin ends, or says why it cannot. For lock tests. */
import { writeSync } from 'node:fs';
import { UserError } from '../../../src/core/protocol/problem.ts';
import { lockDirectory } from '../../../src/node/storage/lock.ts';

try {
  lockDirectory(process.argv[2], 'test');
  writeSync(1, 'held\n');
  process.stdin.resume();
} catch (error) {
  if (!(error instanceof UserError)) throw error;
  writeSync(1, `${error.message} → ${error.remedy}\n`);
}
