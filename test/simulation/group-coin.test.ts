/** Several groups, dealt by a coin: each gives an exact sum or none, whoever crashes, and rules combine what they give. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  coinClientSteps,
  coinCoordinatorSteps,
  groupClientSteps,
  groupCoordinatorSteps,
  type LogEvent,
} from '../../src/core/protocol/ports.ts';
import { coordinatorParty, type Fault } from '../../src/simulation/faults.ts';
import { randomFaults } from '../../src/simulation/random-faults.ts';
import { clientNames, deadlineMs, printed } from './federation.ts';
import { checkGroupLaws, type GroupOutcome, type GroupSettings, runGroups } from './group-federation.ts';

const parties = ['site-1', 'site-2', 'site-3'];
const protection = { size: 4, colluders: 0, redrawRounds: 2, coin: parties };
const nine = { clients: 9, minimum: 3, protection };

interface Told extends GroupOutcome {
  readonly lines: readonly (readonly [string, LogEvent])[];
}

/** Runs one list of operations and checks what must hold; a failure says which. */
async function survive(settings: GroupSettings): Promise<Told> {
  const lines: (readonly [string, LogEvent])[] = [];
  try {
    const outcome = await runGroups({ ...settings, onLog: (party, event) => void lines.push([party, event]) });
    checkGroupLaws(outcome);
    checkDeals(outcome);
    return { ...outcome, lines };
  } catch (cause) {
    throw new Error(`seed ${settings.seed}, ${printed(settings.faults ?? [])}`, { cause });
  }
}

type Report = NonNullable<GroupOutcome['status']>['reports'][number];

const reportsOf = ({ status }: GroupOutcome): readonly Report[] => status?.reports ?? [];
const membersIn = ({ groups }: Report): string[] => (groups ?? []).map(({ members }) => members.join());
const opened = ({ groups }: Report): number => (groups ?? []).filter(({ outcome }) => outcome === 'opened').length;

/** Within an epoch the groups are the same, and their sets only shrink. */
function checkDeals(outcome: GroupOutcome): void {
  const last = new Map<string, readonly string[]>();
  for (const report of reportsOf(outcome)) {
    const epoch = Math.floor((report.round - 1) / 2);
    for (const { members, survivors } of (report.groups ?? []).filter(group => group.outcome === 'opened')) {
      const key = `${epoch}: ${members.join()}`;
      const before = last.get(key) ?? members;
      assert.ok(
        survivors.every(client => before.includes(client)),
        `round ${report.round}: ${key} grew`,
      );
      last.set(key, survivors);
    }
  }
}

function told({ lines }: Told, event: string, by = coordinatorParty): LogEvent[] {
  return lines.flatMap(([party, line]) => (party === by && line.event === event ? [line] : []));
}

test('nine clients are dealt into two groups, the same for the rounds of an epoch, and the model is the mean over all', async () => {
  const outcome = await survive({ ...nine, rounds: 4 });
  const reports = reportsOf(outcome);
  assert.deepEqual(reports.map(opened), [2, 2, 2, 2]);
  const [first, second, third, fourth] = reports.map(membersIn);
  assert.deepEqual(first, second);
  assert.deepEqual(third, fourth);
  assert.notDeepEqual(second, third);
  for (const { groups } of reports)
    assert.deepEqual((groups ?? []).flatMap(({ members }) => members).sort(), clientNames(9).sort());
  const warnings = outcome.lines.filter(([, { level = 'info' }]) => level !== 'info');
  assert.deepEqual(warnings, []);
  // Two epochs of rounds, and one of the final evaluation.
  assert.equal(told(outcome, 'groups-dealt').length, 3);
});

test('clients that make one group need no coin', async () => {
  const outcome = await survive({ clients: 6, minimum: 3, rounds: 2, protection: { ...protection, coin: parties } });
  assert.deepEqual(reportsOf(outcome).map(opened), [1, 1]);
  assert.deepEqual(told(outcome, 'draw-begun'), []);
});

describe('a client is killed in the middle of a round, and only its group misses it:', () => {
  for (const step of groupClientSteps) {
    test(step, async () => {
      const at = { party: 'site-7', step, count: 1 } as const;
      const outcome = await survive({ ...nine, rounds: 2, faults: [{ do: 'crash', at, ms: 3_600_000 }] });
      for (const { groups } of reportsOf(outcome))
        for (const { members, outcome: end } of groups ?? [])
          if (!members.includes('site-7')) assert.equal(end, 'opened');
    });
  }
});

test('a member that is back is not waited for in its group, and nobody new stands in for it before the next epoch', async () => {
  const at = { party: 'site-7', step: 'group-keys-sent', count: 1 } as const;
  const outcome = await survive({ ...nine, rounds: 3, faults: [{ do: 'crash', at, ms: 20_000 }] });
  const [first, second, third] = reportsOf(outcome);
  assert.deepEqual(membersIn(first), membersIn(second));
  const has = ({ groups }: Report): boolean => (groups ?? []).some(({ survivors }) => survivors.includes('site-7'));
  assert.deepEqual([first, second, third].map(has), [false, false, true]);
});

describe('a coin party that crashes costs a draw, and the next one deals:', () => {
  for (const step of ['coin-memory', 'coin-committed'] as const) {
    test(step, async () => {
      // Its secret was in memory only.
      const faults: Fault[] = [{ do: 'crash', at: { party: 'site-2', step, count: 1 }, ms: 1000 }];
      const outcome = await survive({ ...nine, rounds: 2, faults });
      const [lost, ...others] = told(outcome, 'draw-void');
      assert.match(lost.detail ?? '', /of site-2$/);
      assert.deepEqual(others, []);
      assert.deepEqual(reportsOf(outcome).map(opened), [2, 2]);
    });
  }

  test('once it has revealed it is not needed any more', async () => {
    const at = { party: 'site-2', step: 'coin-revealed', count: 1 } as const;
    const outcome = await survive({ ...nine, rounds: 2, faults: [{ do: 'crash', at, ms: 1000 }] });
    assert.deepEqual(told(outcome, 'draw-void'), []);
  });
});

test('two void draws make the rounds of the epoch void, with the parties named; the next epoch draws anew', async () => {
  const faults: Fault[] = parties.map(party => ({ do: 'crash', at: { party, ms: 900 }, ms: 22_000 }));
  const outcome = await survive({ ...nine, clients: 11, rounds: 4, faults });
  const reports = reportsOf(outcome);
  assert.deepEqual(reports.slice(0, 2).map(opened), [0, 0]);
  assert.ok(reports.slice(2).every(report => opened(report) === 2));
  const [why] = told(outcome, 'round-void');
  assert.match(
    why.detail ?? '',
    /no coin for its groups: draw 1 of epoch 1 has no commitment of site-1, site-2, site-3; draw 2/,
  );
});

test('a run whose coin parties are all gone for good ends, without a model', async () => {
  const faults: Fault[] = parties.map(party => ({ do: 'crash', at: { party, ms: 900 }, ms: 36_000_000 }));
  const outcome = await runGroups({ ...nine, clients: 11, rounds: 2, faults });
  assert.deepEqual(outcome.world.defects, []);
  assert.equal(outcome.status?.phase, 'stopped');
});

describe('the coordinator is killed at a step, and no sum is wrong for it:', () => {
  const steps = [...coinCoordinatorSteps, ...groupCoordinatorSteps.filter(step => step !== 'group-round-void')];
  for (const step of steps) {
    test(step, async () => {
      for (const count of [1, 3]) {
        const faults: Fault[] = [{ do: 'crash', at: { party: coordinatorParty, step, count }, ms: 500 }];
        const outcome = await survive({ ...nine, seed: count, rounds: 3, faults });
        assert.deepEqual(reportsOf(outcome).map(opened), [2, 2, 2], `${step} ${count}`);
      }
    });
  }
});

/** Trains as the others, and then goes as far as its clip bound lets it: out of the way of all of them. */
const liar = 'site-5';

describe('one of 24 clients lies, and spoils the sum of its group:', () => {
  const six = { clients: 24, minimum: 20, rounds: 1, protection, lies: (client: string) => client === liar } as const;
  const after = ({ given }: GroupOutcome): Float32Array => {
    const model = given.get(2);
    assert.ok(model !== undefined);
    return model;
  };

  test('the median of six groups stays with the honest, and their mean does not', async () => {
    const uniform = { rule: 'mean', weightBy: 'uniform' };
    const [median, mean, honest] = [
      await runGroups({ ...six, aggregation: { rule: 'median', byzantine: 1 } }),
      await runGroups({ ...six, aggregation: uniform }),
      await runGroups({ ...six, lies: undefined, aggregation: uniform }),
    ];
    for (const outcome of [median, mean, honest]) assert.deepEqual(reportsOf(outcome).map(opened), [6]);
    const offBy = (outcome: GroupOutcome): number =>
      Math.max(...after(outcome).map((value, i) => Math.abs(value - after(honest)[i])));
    assert.ok(offBy(mean) > 3 * offBy(median), `mean ${offBy(mean)}, median ${offBy(median)}`);
  });
});

const kinds: readonly Fault['do'][] = ['drop', 'delay', 'replay', 'crash', 'crash', 'full', 'corrupt', 'jump'];

test('whatever befalls parties, members and coordinator, a group gives the exact sum of who is in it or none, and the run ends', async () => {
  // PARLEY_SEEDS=from,count runs others: a long run of thousands is for a night.
  const [from, count] = (process.env.PARLEY_SEEDS ?? '1,6').split(',').map(Number);
  let sums = 0;
  for (let seed = from; seed < from + count; seed++) {
    const faults = randomFaults(seed, {
      clients: clientNames(9),
      most: 8,
      kinds,
      longestMs: 3 * deadlineMs,
      span: 4,
      isGrouped: true,
    });
    const steps = [...coinCoordinatorSteps, ...coinClientSteps];
    const step = steps[seed % steps.length];
    const party =
      step === 'coin-stored' || step === 'coin-cohort' || step === 'coin-dealt' ? coordinatorParty : parties[seed % 3];
    const crash: Fault = { do: 'crash', at: { party, step, count: 1 + (seed % 4) }, ms: 1000 * (seed % 90) };
    const outcome = await survive({ ...nine, seed, faults: [...faults, crash] });
    sums += reportsOf(outcome).reduce((sum, report) => sum + opened(report), 0);
  }
  assert.ok(sums > 2 * count, `${sums} sums`);
});
