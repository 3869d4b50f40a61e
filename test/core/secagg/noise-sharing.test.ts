import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type GroupSettings, mostMembers, protectionSchema } from '../../../src/core/protocol/protection-settings.ts';
import { noiseSharing, sureNoise } from '../../../src/core/secagg/noise-sharing.ts';
import { groupCount, groupThresholds } from '../../../src/core/secagg/thresholds.ts';

const settingsOf = (changes: object): GroupSettings => {
  const settings = protectionSchema.parse({ kind: 'group', ...changes });
  assert.ok(settings !== 'inspect');
  return settings;
};
const parties = ['a', 'b', 'c'];

test('every group that a task can come to holds the noise that its plan counts on, and some group no more', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 3, max: 60 }),
      fc.integer({ min: 3, max: 20 }),
      fc.option(fc.nat(10)),
      fc.boolean(),
      fc.nat(400),
      (size, honest, colluders, hasCoin, more) => {
        const settings = settingsOf({ size, honest, colluders, coin: hasCoin ? parties : [] });
        const least = Math.max(honest + (colluders ?? 0), 3 * (colluders ?? 0) + 1);
        fc.pre(least <= size);
        // What the rules of a task demand of `cohort.minimum`.
        const minimum = hasCoin ? least + more : Math.min(least + more, mostMembers(settings));
        const { noisyClients, leastShares, mostShares } = noiseSharing(settings, minimum);
        assert.equal(mostShares, mostMembers(settings));
        assert.ok(noisyClients >= honest - 1 && noisyClients < leastShares);
        let fewest = Number.POSITIVE_INFINITY;
        for (let clients = minimum; clients <= minimum + 2 * mostShares; clients++) {
          const groups = hasCoin ? groupCount(clients, size) : 1;
          const members = [Math.floor(clients / groups), Math.ceil(clients / groups)];
          for (const g of members.filter(m => m <= mostShares)) {
            const thresholds = groupThresholds(g, settings);
            assert.ok(thresholds.least >= leastShares);
            fewest = Math.min(fewest, sureNoise(thresholds));
          }
        }
        assert.ok(fewest >= noisyClients, `${fewest} < ${noisyClients}`);
        if (!hasCoin) assert.equal(fewest, noisyClients);
      },
    ),
    { seed: 5, numRuns: 300 },
  );
});

test('larger groups that bear one more colluder can hold less noise: 12 members hold that of 6, and 13 that of 5', () => {
  const settings = settingsOf({ size: 12, coin: parties });
  assert.deepEqual(
    [12, 13].map(members => sureNoise(groupThresholds(members, settings))),
    [6, 5],
  );
  assert.equal(noiseSharing(settings, 12).noisyClients, 5);
});

test('a member that colludes with nobody knows its own noise: it is taken off where no colluders are expected', () => {
  const thresholds = groupThresholds(5, { honest: 5, colluders: 0 });
  assert.deepEqual([thresholds.least, sureNoise(thresholds)], [5, 4]);
  const one = groupThresholds(8, { honest: 5, colluders: 1 });
  assert.deepEqual([one.least, sureNoise(one)], [6, 5]);
});

test('what no group can hold is refused', () => {
  assert.throws(() => noiseSharing(settingsOf({ size: 8, honest: 5 }), 4), /4 members cannot hold 5 honest/);
  assert.throws(() => noiseSharing(settingsOf({ size: 8 }), 16), /room for 15/);
});
