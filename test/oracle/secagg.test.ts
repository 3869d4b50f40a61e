import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { dealPlainly } from './plain-deal.ts';
import { playPlainly } from './plain-session.ts';

const folder = join(import.meta.dirname, '..', 'vectors', 'secagg');

for (const name of readdirSync(folder).filter(name => name.endsWith('.json') && !name.startsWith('deal-'))) {
  test(`a second implementation makes every byte of ${name}`, () => {
    const { input, expected } = JSON.parse(readFileSync(join(folder, name), 'utf8'));
    assert.deepEqual(playPlainly(input), expected);
  });

  test(`the sum that opens in ${name} is that of the inputs of its survivors`, () => {
    const { input, expected } = JSON.parse(readFileSync(join(folder, name), 'utf8'));
    const { sets, sums } = expected.opening;
    for (const { label, words } of input.manifest.segments) {
      const sum = Array.from({ length: words }, (_, i) =>
        sets.survivors.reduce((total: number, at: number) => total + input.members[at].words[label][i], 0),
      );
      assert.deepEqual(sums[label].words, sum, label);
    }
  });
}

test('a second implementation deals the groups of deal-two-groups.json', () => {
  const { input, expected } = JSON.parse(readFileSync(join(folder, 'deal-two-groups.json'), 'utf8'));
  assert.deepEqual(dealPlainly(input), expected);
});
