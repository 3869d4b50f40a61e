/** The coordinator's clock is set ten minutes ahead and back while it works: rounds still end, and end the same. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { systemClock } from '../../src/node/clock.ts';
import { byHand, credentialsOf } from '../federation/by-hand.ts';
import { type Enrolled, enrol, temporaryFolder } from '../federation/enrolled.ts';
import { expectedModel } from '../federation/expected.ts';
import { type LocalCoordinator, startClient, startCoordinator } from '../federation/local.ts';
import { type Operator, operatorOf } from '../federation/operator.ts';
import { smallTask } from '../federation/small-task.ts';

const tenMinutesMs = 600_000;

describe('a clock that jumps by', () => {
  const stack = new AsyncDisposableStack();
  const clients = ['anna', 'bert'];
  let enrolled: Enrolled;
  let coordinator: LocalCoordinator;
  let operator: Operator;
  let offsetMs = 0;
  /** Called once, when an update of round 2 is stored. */
  let jump: () => void = () => undefined;
  before(async () => {
    const folder = temporaryFolder({ after: hook => stack.defer(hook) });
    enrolled = await enrol(join(folder, 'demo'), [...clients, 'cleo']);
    coordinator = await startCoordinator(stack, enrolled, {
      // Timers of the system do not jump with its clock.
      clock: { now: () => systemClock.now() + offsetMs, after: systemClock.after },
      step(name) {
        const active = coordinator.coordinator.runs().find(run => run.phase === 'training');
        if (name !== 'update-stored' || active?.round !== 2) return;
        jump();
        jump = () => undefined;
      },
    });
    for (const client of clients) startClient(stack, enrolled, client);
    operator = await operatorOf(enrolled, stack);
    await operator.present(clients);
  });
  after(() => stack.disposeAsync());

  for (const minutes of [10, -10]) {
    test(`${minutes} minutes in the middle of a round costs nobody its place`, async () => {
      const task = smallTask({ name: `jump-by-${minutes}`, minimum: clients.length, deadlineSeconds: 60 });
      jump = () => {
        offsetMs += minutes * 60_000;
      };
      const { status, model } = await operator.outcome(await operator.submit(task));
      assert.deepEqual(
        status.reports.map(({ combined, dropped }) => ({ combined, dropped })),
        Array.from({ length: task.rounds }, () => ({ combined: clients, dropped: [] })),
      );
      assert.equal(model, await expectedModel(task, clients));
    });
  }

  test('-10 minutes does not make a round wait ten minutes longer for who is silent', { timeout: 60_000 }, async () => {
    offsetMs = 0;
    const silent = byHand(stack, enrolled, credentialsOf(enrolled, 'cleo'));
    await silent.hello();
    const assigned = silent.assignment();
    await operator.present(['cleo']);
    const task = smallTask({ name: 'silent', minimum: clients.length, deadlineSeconds: 0.5, rounds: 2 });
    const id = await operator.submit(task);
    jump = () => {
      offsetMs = -tenMinutesMs;
    };
    await assigned;
    const { status, model } = await operator.outcome(id);
    assert.deepEqual(
      status.reports.map(({ dropped }) => dropped),
      [['cleo'], ['cleo']],
    );
    assert.equal(model, await expectedModel(task, clients));
  });

  test('-10 minutes refuses a certificate that is not valid yet, until the clock is right again', async () => {
    const hand = byHand(stack, enrolled, credentialsOf(enrolled, 'cleo'));
    offsetMs = -tenMinutesMs; // certificates begin five minutes before they were issued
    assert.equal((await hand.hello()).code, 'unauthenticated');
    offsetMs = 0;
    assert.equal((await hand.hello()).code, 'ok');
  });
});
