import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readCases } from '../../src/conformance/files.ts';
import { transcriptParts } from '../../src/conformance/implementations/transcript.ts';
import { implementations } from '../../src/conformance/implementations.ts';
import { meets } from '../../src/conformance/judge.ts';
import { secaggFiles } from '../vectors/secagg-files.ts';

const folder = join(import.meta.dirname, '..', 'vectors', 'secagg');

test('every byte of the published transcripts of group sessions is made again', async () => {
  const made = await secaggFiles();
  const names = readdirSync(folder).filter(name => name !== 'README.md');
  assert.deepEqual(names.sort(), [...made.keys()].sort());
  for (const [name, text] of made) assert.equal(readFileSync(join(folder, name), 'utf8'), text, name);
});

test('a session passes the conformance of its parts, and a transcript with one changed digit fails', async () => {
  const cases = readCases([join(folder, 'one-leaves-after-shares-16.json')]);
  assert.equal(cases.length, transcriptParts.length);
  for (const { fn, input, expectation } of cases) {
    const { run, precision } = implementations[fn];
    const got = await run(input);
    assert.ok(meets(got, expectation, precision), fn);
    const other = JSON.parse(JSON.stringify(got).replace(/[0-9a-f]{64}/, digits => digits.replace(/./, flipped)));
    assert.ok(!meets(other, expectation, precision), `${fn}, changed`);
  }
});

function flipped(digit: string): string {
  return (Number.parseInt(digit, 16) ^ 1).toString(16);
}
