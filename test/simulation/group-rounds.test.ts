import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { groupClientSteps, type LogEvent, type Step } from '../../src/core/protocol/ports.ts';
import type { Fault } from '../../src/simulation/faults.ts';
import { randomFaults } from '../../src/simulation/random-faults.ts';
import { clientNames, deadlineMs, printed } from './federation.ts';
import { checkGroupLaws, type GroupOutcome, type GroupSettings, runGroups } from './group-federation.ts';

/** Runs one list of operations; a failure says which. */
async function survive(settings: GroupSettings): Promise<GroupOutcome> {
  try {
    const outcome = await runGroups(settings);
    checkGroupLaws(outcome);
    return outcome;
  } catch (cause) {
    throw new Error(`seed ${settings.seed}, ${printed(settings.faults ?? [])}`, { cause });
  }
}

function survivorsOf({ status }: GroupOutcome): number[] {
  return (status?.reports ?? []).map(({ groups }) => (groups ?? []).flatMap(({ survivors }) => survivors).length);
}

test('four hospitals through a group have the model that they would have if single updates were shown, within 1e-4', async () => {
  const four = { clients: 4, evaluation: { pooledAucBins: 16, aloneBaseline: true } };
  const [grouped, inspected] = [await survive(four), await runGroups({ ...four, protection: 'inspect' })];
  assert.deepEqual(survivorsOf(grouped), [4, 4, 4]);
  const [one, other] = [grouped, inspected].map(({ given, task }) => given.get(task.rounds + 1));
  assert.ok(one !== undefined && other !== undefined);
  one.forEach((value, i) => {
    assert.ok(Math.abs(value - other[i]) <= 1e-4, `parameter ${i}`);
  });
  assert.deepEqual(grouped.status?.pooled, inspected.status?.pooled);
  for (const [i, { loss, evaluation }] of (grouped.status?.reports ?? []).entries()) {
    const shown = inspected.status?.reports[i];
    assert.ok(Math.abs((loss ?? 0) - (shown?.loss ?? 1)) < 1e-12);
    assert.equal(evaluation?.examples, shown?.evaluation?.examples);
  }
});

describe('one of eight clients is killed in the middle of a round, and the other seven have the model of theirs:', () => {
  const steps: readonly Step[] = [
    'assignment-verified',
    'model-verified',
    'trained',
    'momentum-blob',
    ...groupClientSteps,
  ];
  for (const step of steps) {
    test(step, async () => {
      // Longer away than the run takes.
      const at = { party: 'site-3', step, count: 2 };
      const outcome = await survive({ clients: 8, minimum: 7, faults: [{ do: 'crash', at, ms: 3_600_000 }] });
      const [first, second, third] = survivorsOf(outcome);
      assert.deepEqual([first, third], [8, 7]);
      // What it sent before it died counts.
      assert.ok(second === 7 || second === 8);
      assert.equal(outcome.status?.phase, 'finished');
    });
  }
});

test('a message of a session that is lost on the way costs time, and neither the round nor the client', async () => {
  for (const message of ['group', 'group-next'] as const)
    for (const part of ['request', 'response'] as const)
      for (const count of [1, 4]) {
        const at = { party: 'site-2', message, part, count };
        const outcome = await survive({ clients: 5, minimum: 5, rounds: 2, faults: [{ do: 'drop', at }] });
        assert.deepEqual(survivorsOf(outcome), [5, 5], `${message} ${part} ${count}`);
      }
});

test('a client that is back after a crash takes part again when the set may change, and its old session is over', async () => {
  const told: (readonly [string, LogEvent])[] = [];
  const at = { party: 'site-2', step: 'group-session-stored', count: 1 } as const;
  const outcome = await survive({
    clients: 5,
    minimum: 4,
    rounds: 4,
    faults: [{ do: 'crash', at, ms: 100 }],
    onLog: (party, event) => void told.push([party, event]),
  });
  assert.deepEqual(survivorsOf(outcome), [4, 5, 5, 5]);
  const of = (wanted: string) =>
    told.flatMap(([party, { event, round, code }]) => (party === 'site-2' && event === wanted ? [round ?? code] : []));
  assert.deepEqual(of('refused'), ['replayed'], 'it declines the round whose session it began');
  assert.deepEqual(
    of('group-joined'),
    [2, 3, 4, 5],
    'and begins one session in each later one, the final evaluation too',
  );
});

const kinds: readonly Fault['do'][] = ['drop', 'delay', 'replay', 'crash', 'crash', 'full', 'corrupt', 'jump'];

test('whatever befalls members and coordinator, a round is the exact sum of who is in it, or void, and the run ends', async () => {
  // PARLEY_SEEDS=from,count runs others: a long run of thousands is for a night.
  const [from, count] = (process.env.PARLEY_SEEDS ?? '1,25').split(',').map(Number);
  const [opened, voids] = [[0], [0]];
  for (let seed = from; seed < from + count; seed++) {
    const clients = 5 + (seed % 2);
    const outcome = await survive({
      seed,
      clients,
      minimum: 3 + (seed % 3),
      faults: randomFaults(seed, {
        clients: clientNames(clients),
        most: 10,
        kinds,
        longestMs: 3 * deadlineMs,
        span: 4,
        isGrouped: true,
      }),
      trainingMs: (client, round) => (client.charCodeAt(5) * seed * round) % 20_000,
    });
    for (const survivors of survivorsOf(outcome)) survivors > 0 ? opened[0]++ : voids[0]++;
  }
  assert.ok(opened[0] > 2 * count, `${opened} rounds opened, ${voids} void`);
});
