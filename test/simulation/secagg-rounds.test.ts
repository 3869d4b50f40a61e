import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type MemberLabel, memberLabels } from '../../src/core/secagg/group-message.ts';
import { coordinatorPoints, noFaults, type SessionFaults } from '../../src/simulation/secagg-faults.ts';
import { type Lie, lies } from '../../src/simulation/secagg-lies.ts';
import type { SessionResult } from '../../src/simulation/secagg-session.ts';
import { planOf, realPorts, standInPorts, survive, surviveAll } from './secagg-rounds.ts';

const ports = standInPorts();

/** A seed whose session has so many members. */
function seedOf(members: number): number {
  for (let seed = 1; ; seed++) if (planOf(seed).inputs.length === members) return seed;
}

const faulty = (faults: Partial<SessionFaults>): SessionFaults => ({ ...noFaults, ...faults });
const others = (at: number, members: number): number[] =>
  Array.from({ length: members }, (_, i) => i).filter(i => i !== at);

describe('a group session', () => {
  test('without faults opens the sum of all', async () => {
    for (const members of [3, 5, 9]) {
      const { outcome, survivors, ends } = await survive(seedOf(members), ports, noFaults);
      assert.equal(outcome, 'opened');
      assert.equal(survivors.length, members);
      assert.ok(ends.every(end => end === 'finished'));
    }
  });

  test('opens the sum of all whatever point the coordinator dies at', async () => {
    for (const point of coordinatorPoints) {
      for (const count of [1, 2, 5, 9, 13, 17]) {
        const coordinator = [{ point, count, ms: 100 }];
        const { survivors } = await survive(seedOf(4), ports, faulty({ coordinator }));
        assert.equal(survivors.length, 4, `${point} ${count}`);
      }
    }
  });

  const dropped: readonly [MemberLabel, 'before' | 'after', keyof SessionResult][] = [
    ['group-keys', 'before', 'present'],
    ['group-keys', 'after', 'sharers'],
    ['group-shares', 'before', 'sharers'],
    ['group-shares', 'after', 'survivors'],
    ['group-input', 'before', 'survivors'],
  ];

  for (const [label, when, set] of dropped) {
    test(`opens the sum of the others when a member dies ${when} its ${label}`, async () => {
      for (const at of [0, 3, 6]) {
        const result = await survive(seedOf(7), ports, faulty({ crashes: [{ at, label, when }] }));
        assert.equal(result.outcome, 'opened');
        assert.deepEqual(result.survivors, others(at, 7));
        assert.deepEqual(result[set], others(at, 7));
        assert.equal(result.ends[at], 'died');
      }
    });
  }

  test('opens the sum with the input of a member that dies after sending it', async () => {
    for (const label of ['group-agree', 'group-unmask'] as const) {
      const crashes = [{ at: 2, label, when: 'before' as const }];
      const { outcome, survivors } = await survive(seedOf(7), ports, faulty({ crashes }));
      assert.equal(outcome, 'opened');
      assert.equal(survivors.length, 7);
    }
  });

  test('is void, and says so in numbers, when more members die than the group bears', async () => {
    const did = [
      'sent keys',
      'dealt out shares',
      'sent their input',
      'agreed on who is in the sum',
      'helped to open the sum',
    ];
    for (const [i, label] of memberLabels.entries()) {
      const crashes = [0, 1, 2].map(at => ({ at, label, when: 'before' as const }));
      const { outcome, why } = await survive(seedOf(7), ports, faulty({ crashes }));
      assert.equal(outcome, 'void');
      assert.equal(why, `4 of 7 members ${did[i]}; the group needs 5`);
    }
  });

  test('leaves a member out that is revoked before its input is in the sum', async () => {
    const revoked = [{ at: 1, ms: 0 }];
    const { outcome, survivors } = await survive(seedOf(7), ports, faulty({ revoked }));
    assert.equal(outcome, 'opened');
    assert.deepEqual(survivors, others(1, 7));
  });
});

describe('a member that lies', () => {
  /** What follows when the liar stays, and when it drops out before its input. */
  const outcomes: { readonly [lie: string]: readonly [staying: string | null, dropping: string | null] } = {
    'other-commitment': ['bad-self', null],
    'alter group-input': ['false-complaint', null],
    'alter group-unmask': ['false-share', null],
    'false-boxes': ['bad-box', 'bad-box'],
    'other-key': [null, 'bad-key'],
    'other-coins': [null, 'bad-ciphertext'],
  };
  const nameOf = (lie: Lie): string => ('label' in lie ? `${lie.kind} ${lie.label}` : lie.kind);

  for (const lie of lies.filter(one => nameOf(one) in outcomes)) {
    test(`(${nameOf(lie)}) is blamed, with evidence that holds, where that shows`, async () => {
      const [staying, dropping] = outcomes[nameOf(lie)];
      const liars = new Map([[2, lie]]);
      const stays = await survive(seedOf(7), ports, faulty({ liars }));
      assert.deepEqual(
        stays.blamed.map(({ evidence }) => evidence.kind),
        staying === null ? [] : [staying],
      );
      const crashes = [{ at: 2, label: 'group-input' as const, when: 'before' as const }];
      const drops = await survive(seedOf(7), ports, faulty({ liars, crashes }));
      // A complaint of R2 comes from those that survive.
      assert.deepEqual(
        drops.blamed.map(({ evidence }) => evidence.kind),
        dropping === null ? [] : [dropping],
      );
    });
  }

  test('never makes an honest one be blamed, nor a sum be wrong', async () => {
    for (const lie of lies)
      for (const at of [0, 4]) await survive(seedOf(7), ports, faulty({ liars: new Map([[at, lie]]) }));
  });
});

describe('whatever befalls a group session, it ends with the exact sum of its survivors or with none:', () => {
  test('150 sessions under random faults, of which a good part opens', async () => {
    const { opened, openedUnmasked, blamed } = await surviveAll(1, 150, ports);
    assert.ok(opened >= 60, `${opened} opened`);
    assert.ok(openedUnmasked >= 5, `${openedUnmasked} opened without a member that the others had masked with`);
    assert.ok(blamed >= 5, `a liar was caught in ${blamed}`);
  });

  test('6 of them on real cryptography', async () => {
    await surviveAll(1, 6, await realPorts());
  });
});
