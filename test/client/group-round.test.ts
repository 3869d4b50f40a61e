import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { CoordinatorChannel } from '../../src/client/channel.ts';
import { admittedWeight } from '../../src/coordinator/admit.ts';
import type { Step } from '../../src/core/protocol/ports.ts';
import { Problem, UserError } from '../../src/core/protocol/problem.ts';
import { dequantise, groupMean } from '../../src/core/secagg/encoding.ts';
import { decodeFigures } from '../../src/core/secagg/figures.ts';
import { syntheticExamples, syntheticStep } from '../../src/simulation/synthetic-trainer.ts';
import { clients, cohort, GroupHost, groupTask, type PlayerSettings, player } from './group-host.ts';

const everyone = clients.map((_, at) => at);
const last = clients.length - 1;

async function play(host: GroupHost, settings: Partial<Record<number, PlayerSettings>> = {}) {
  const players = everyone.map(at => player(host, at, settings[at]));
  const ends = await Promise.allSettled(players.map(one => one.run()));
  return { players, ends };
}

/** The mean of what these clients trained, by what the task weighs them with. */
function meanOf(host: GroupHost, places: readonly number[]): Float32Array {
  const names = places.map(at => clients[at].name);
  const weights = names.map(name => admittedWeight(syntheticExamples(name), host.task));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const trained = names.map(name => syntheticStep(name, host.round, host.model));
  return host.model.map((value, i) =>
    trained.reduce((sum, parameters, c) => sum + (weights[c] / total) * (parameters[i] - value), 0),
  );
}

async function assertMean(host: GroupHost, places: readonly number[]): Promise<void> {
  const { encoding, figures } = player(host, 0).context.session;
  const [update, told] = await host.opened();
  assert.ok(encoding !== null);
  const mean = groupMean(dequantise(update, encoding, places.length), encoding);
  meanOf(host, places).forEach((value, i) => {
    assert.ok(Math.abs(value - mean[i]) < 1e-4, `parameter ${i}: ${mean[i]}, expected ${value}`);
  });
  assert.equal(decodeFigures(told, figures, places.length).loss, 1 / host.round);
}

test('a group gives the mean of what its members trained and their loss', async () => {
  const host = new GroupHost();
  const { players, ends } = await play(host);
  for (const end of ends) assert.equal(end.status, 'fulfilled', String((end as PromiseRejectedResult).reason));
  await assertMean(host, everyone);
  for (const { log, steps } of players) {
    assert.deepEqual(
      log.map(({ event }) => event),
      ['group-joined', 'group-summed'],
    );
    const all = [
      'model-verified',
      'trained',
      'momentum-blob',
      'group-session-stored',
      'group-keys-sent',
      'group-shares-sent',
      'group-input-sent',
      'group-agreed',
      'group-unmasked',
    ];
    // Where enough have helped to open the sum, nobody else is asked to.
    assert.ok(steps.length >= all.length - 1);
    assert.deepEqual(steps, all.slice(0, steps.length));
  }
});

test('the final evaluation is a session of figures alone', async () => {
  const host = new GroupHost({ kind: 'evaluate', round: 4 });
  await play(host);
  const [told, ...others] = await host.opened();
  assert.deepEqual(others, []);
  const { figures } = player(host, 0).context.session;
  const { evaluation, evaluated, loss } = decodeFigures(told, figures, clients.length);
  assert.equal(loss, null);
  assert.equal(evaluated, clients.length);
  assert.equal(evaluation?.examples, 10 * clients.length);
});

describe('a member that dies', () => {
  const dies: [Step, string][] = [
    ['trained', 'before the session'],
    ['group-session-stored', 'before it says anything'],
    ['group-keys-sent', 'with its keys known'],
    ['group-shares-sent', 'before its input: its masks are opened'],
    ['group-input-sent', 'after its input, which counts'],
    ['group-agreed', 'after it agreed'],
    ['group-unmasked', 'when nothing more is asked of it'],
  ];
  for (const [step, when] of dies) {
    test(`costs its own input at most: ${step}, ${when}`, async () => {
      const host = new GroupHost({ task: groupTask({ protection: { kind: 'group', honest: 3, colluders: 0 } }) });
      const never = new Promise<void>(() => undefined);
      const dying = player(host, last, {
        step: reached => {
          if (reached !== step) return;
          host.lose(last);
          return never;
        },
      });
      void dying.run();
      await Promise.all(everyone.slice(0, last).map(at => player(host, at).run()));
      const counts = ['group-input-sent', 'group-agreed', 'group-unmasked'].includes(step);
      const inSum = host.state.survivors.includes(last);
      // Whether its input was taken before the step closed depends on who was quicker.
      if (!counts) assert.ok(!inSum);
      await assertMean(host, host.state.survivors);
    });
  }

  test('says so when it lives again, and begins no second session', async () => {
    const host = new GroupHost();
    const never = new Promise<void>(() => undefined);
    const first = player(host, last, { step: step => (step === 'group-keys-sent' ? never : undefined) });
    void first.run();
    while (!first.steps.includes('group-keys-sent')) await new Promise(resolve => setImmediate(resolve));
    const sent = host.sent.length;
    const second = player(host, last, { outbox: first.outbox.crash(), blobs: first.blobs });
    await assert.rejects(second.run(), (error: Error) => error instanceof Problem && error.code === 'replayed');
    assert.match(second.reasons.join(), /failed/);
    assert.deepEqual(second.steps, []);
    assert.equal(host.sent.length, sent, 'nothing of a session is sent');
  });
});

describe('a line that is bad', () => {
  /** Every message is lost once on its way there, and once on its way back. */
  const losing = (channel: CoordinatorChannel): CoordinatorChannel => {
    let [said, asked] = [0, 0];
    return {
      ...channel,
      async sendGroup(...message) {
        if (said++ % 3 === 0) throw new Problem('unavailable', 'the connection was lost');
        const receipt = await channel.sendGroup(...message);
        if (said % 3 === 2) throw new Error('the receipt was lost');
        return receipt;
      },
      async nextGroup(...after) {
        if (asked++ % 2 === 0) throw new Problem('unavailable', 'the connection was lost');
        return channel.nextGroup(...after);
      },
    };
  };

  test('makes a member send the same bytes again', async () => {
    const host = new GroupHost();
    await play(host, Object.fromEntries(everyone.map(at => [at, { channel: losing }])));
    await assertMean(host, everyone);
    for (const at of everyone)
      for (const label of ['group-keys', 'group-shares', 'group-input', 'group-agree', 'group-unmask']) {
        const tries = host.sent.filter(one => one.at === at && one.label === label).map(({ bytes }) => bytes);
        assert.equal(new Set(tries).size, 1, `${label} of ${at}`);
      }
    assert.ok(host.sent.length > 5 * clients.length, 'something was sent again');
  });

  test('or a message that the coordinator did not sign: it is asked for again', async () => {
    const host = new GroupHost();
    const altering = (channel: CoordinatorChannel): CoordinatorChannel => {
      let calls = 0;
      return {
        ...channel,
        async nextGroup(...asked) {
          const told = await channel.nextGroup(...asked);
          if (told === null || calls++ % 2 === 1) return told;
          return { ...told, payload: told.payload.map((byte, i) => (i === 40 ? byte ^ 1 : byte)) };
        },
      };
    };
    await play(host, { 0: { channel: altering } });
    await assertMean(host, everyone);
  });
});

describe('a session is given up, its line told, and the others not kept waiting', () => {
  test('when the coordinator has closed it', async () => {
    const host = new GroupHost();
    const closed = async (): Promise<never> => {
      host.lose(0);
      throw new Problem('round-closed');
    };
    const { players, ends } = await play(host, { 0: { channel: channel => ({ ...channel, sendGroup: closed }) } });
    assert.equal(ends[0].status, 'fulfilled');
    assert.deepEqual(
      players[0].log.map(({ event, code }) => [event, code]),
      [
        ['group-joined', undefined],
        ['group-aborted', 'round-closed'],
      ],
    );
  });

  test('when the certificate of another member is revoked', async () => {
    const host = new GroupHost();
    const verifyMember = (): never => {
      throw new Problem('revoked');
    };
    const one = player(host, 0, { member: { verifyMember } });
    await Promise.all([one.run(), ...everyone.slice(1).map(at => player(host, at).run())]);
    assert.deepEqual(
      one.log.map(({ event, code }) => [event, code]),
      [
        ['group-joined', undefined],
        ['group-aborted', 'group-refused'],
      ],
    );
    assert.match(one.reasons.join(), /failed/);
  });
});

describe('nothing is trained, and nothing said,', () => {
  const refusedBy = (assignment: (host: GroupHost) => object, pattern: RegExp): void => {
    const host = new GroupHost();
    assert.throws(
      () => player(host, 0, { assignment: { ...host.assignment, ...assignment(host) } }),
      (error: Error) => error instanceof Problem && error.code === 'bad-request' && pattern.test(error.message),
    );
  };

  test('for another manifest than the one that follows from the task', () => {
    for (const changes of [{ kind: 'evaluate', round: 4 }, { round: 2 }, { evaluate: true }] as const) {
      const other = new GroupHost(changes).assignment.group;
      refusedBy(() => ({ group: other }), /manifest of the group is not the one/);
    }
  });

  test('in a round that shows single updates of a task with groups', () => {
    refusedBy(() => ({ group: null }), /not of a group/);
  });

  test('for a cohort without this member, out of order, or too small', () => {
    const group = (members: readonly Uint8Array[]) => (host: GroupHost) => ({
      group: { ...host.assignment.group, cohort: members },
    });
    refusedBy(group(cohort.slice(1)), /does not hold this member/);
    refusedBy(group(cohort.toReversed()), /not in ascending order/);
    refusedBy(group([...cohort, cohort[last]]), /not in ascending order/);
    refusedBy(group(cohort.slice(0, 2)), /no such group can be/);
  });

  test('where the task asks for less than this site does', async () => {
    const cases = [
      [{ honest: 4 }, 'protection.honest', '--honest 3'],
      [{ colluders: 2 }, 'protection.colluders', '--colluders 1'],
    ] as const;
    for (const [asked, setting, remedy] of cases) {
      const host = new GroupHost();
      const one = player(host, 0, { member: { policy: { honest: 3, colluders: 0, setChanges: 'shrink', ...asked } } });
      await assert.rejects(one.run(), (error: Error) => {
        assert.ok(error instanceof UserError);
        assert.ok(error.message.startsWith(`${setting}: `), error.message);
        assert.ok(error.remedy.includes(remedy), error.remedy);
        return true;
      });
      assert.deepEqual(one.steps, []);
    }
  });

  test('from a model with parameters that no training gives', async () => {
    for (const crafted of [2 ** 21, Number.NaN, Number.NEGATIVE_INFINITY]) {
      const model = new Float32Array(new GroupHost().model.length);
      model[3] = crafted;
      const one = player(new GroupHost({ model }), 0);
      await assert.rejects(one.run(), (error: Error) => error instanceof Problem && error.code === 'group-refused');
      assert.ok(!one.steps.includes('trained'));
    }
  });
});
