import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { groupCount, groupThresholds, mostColluders } from '../../../src/core/secagg/thresholds.ts';

/** cryptography.md §3.7: g, nMin, t, cMax, m_min. */
const published = [
  [5, 3, 4, 1, 4],
  [8, 5, 6, 2, 7],
  [10, 5, 7, 3, 8],
  [20, 5, 14, 6, 14],
  [50, 5, 34, 16, 34],
];

test('the thresholds of the sizes in the design are those of its table', () => {
  for (const [g, honest, t, colluders, least] of published) {
    assert.deepEqual(groupThresholds(g, { honest, colluders: null }), { members: g, t, colluders, honest, least });
  }
});

const group = fc
  .integer({ min: 3, max: 200 })
  .chain(members => fc.record({ members: fc.constant(members), honest: fc.integer({ min: 3, max: members }) }));

test('every sum that may open holds the honest inputs asked for, and two quorums share an honest member', () => {
  fc.assert(
    fc.property(group, ({ members, honest }) => {
      const { t, colluders, least } = groupThresholds(members, { honest, colluders: null });
      assert.ok(least - colluders >= honest);
      assert.ok(least <= members);
      assert.ok(2 * t - members > colluders);
      // Those that collude can open nothing alone, and the honest members of a whole group can.
      assert.ok(colluders < t);
      assert.ok(members - colluders >= t);
    }),
  );
});

test('fewer colluders may be asked for, never more', () => {
  fc.assert(
    fc.property(group, fc.nat(200), ({ members, honest }, colluders) => {
      const most = Math.min(mostColluders(members), members - honest);
      const ask = () => groupThresholds(members, { honest, colluders });
      if (colluders > most) assert.throws(ask, RangeError);
      else assert.equal(ask().colluders, colluders);
    }),
  );
});

test('a group that cannot hold its honest members is refused', () => {
  const none = { colluders: null };
  assert.throws(() => groupThresholds(10, { honest: 2, ...none }), /at least 3/);
  assert.throws(() => groupThresholds(4, { honest: 5, ...none }), /cannot hold 5/);
  assert.throws(() => groupThresholds(10, { honest: 3.5, ...none }), RangeError);
  assert.throws(() => groupThresholds(0, { honest: 3, ...none }), RangeError);
  assert.throws(() => groupThresholds(10, { honest: 3, colluders: -1 }), RangeError);
  assert.throws(() => groupThresholds(10, { honest: 3, colluders: Number.NaN }), RangeError);
  assert.deepEqual(groupThresholds(3, { honest: 3, ...none }), { members: 3, t: 3, colluders: 0, honest: 3, least: 3 });
});

test('groups are as large as asked for, and one holds a cohort that is smaller', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2000 }), fc.integer({ min: 1, max: 300 }), (clients, size) => {
      const groups = groupCount(clients, size);
      assert.ok(groups === 1 || Math.floor(clients / groups) >= size);
      // One group more would have to be smaller.
      assert.ok(Math.floor(clients / (groups + 1)) < size);
    }),
  );
  assert.equal(groupCount(100, 8), 12);
  assert.equal(groupCount(4, 8), 1);
  assert.throws(() => groupCount(0, 8), RangeError);
  assert.throws(() => groupCount(8, 0), RangeError);
});
