/** The coordinator's disk fills up in the middle of a run: nothing acknowledged is lost, and the run goes on when there is room. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryFolder } from '../federation/enrolled.ts';
import { mountsAreRefused, onSmallDisk } from '../node/storage/private-mount.ts';

const where = {
  'update-verified': 'as an update arrives',
  'update-blob': 'when a tensor is stored and its message is not',
  'round-combined': 'as a round is recorded',
  'model-blob': 'between the model and the state of the server optimiser',
  'artifact-blob': 'as the run ends',
};

for (const [step, when] of Object.entries(where)) {
  test(`a disk that is full ${when} costs time, not bits`, { skip: mountsAreRefused() }, t => {
    const child = join(import.meta.dirname, 'disk-full-child.ts');
    const script = '"$2" "$3" "$1" "$4" "$5"';
    const { status, output } = onSmallDisk(8000, script, process.execPath, child, temporaryFolder(t), step);
    assert.equal(status, 0, output);
    const result = JSON.parse(output);
    assert.equal(result.model, result.expected, 'the model is that of an undisturbed run');
    assert.deepEqual(result.combined, Array(3).fill(['anna', 'bert']), 'every round is combined once, with everyone');
    assert.deepEqual(result.refusals, [], 'nobody is blamed');
    assert.ok(result.full > 0, 'the log says storage-full');
  });
}
