import assert from 'node:assert/strict';
import { test } from 'node:test';
import { simulationPorts } from '../../src/cli/simulation-ports.ts';
import { Presence } from '../../src/coordinator/presence.ts';
import { VirtualClock } from '../../src/simulation/clock.ts';

const hour = 3_600_000;

/** Runs the steps at their times (ms), on a virtual clock. */
async function timeline(
  steps: readonly (readonly [number, (presence: Presence, clock: VirtualClock) => void])[],
): Promise<void> {
  const clock = new VirtualClock(simulationPorts);
  const presence = new Presence(clock);
  let ran = 0;
  for (const [at, step] of steps) {
    clock.after(at, () => {
      ran++;
      step(presence, clock);
    });
  }
  await clock.run(() => false, hour);
  assert.equal(ran, steps.length);
}

const expect =
  (...names: string[]) =>
  (presence: Presence) =>
    assert.deepEqual(presence.present(), names);

test('a client is present while it waits, however long, and for 15 seconds after', async () => {
  const leaves: (() => void)[] = [];
  await timeline([
    [0, presence => void leaves.push(presence.arrive('a'))],
    [60_000, expect('a')],
    [60_001, () => leaves[0]()],
    [75_001, expect('a')],
    [75_002, expect()],
  ]);
});

test('with several connections a client leaves with the last of them; leaving twice counts once', async () => {
  const leaves: (() => void)[] = [];
  await timeline([
    [0, presence => void leaves.push(presence.arrive('a'), presence.arrive('a'))],
    [1, () => [leaves[0], leaves[0]].forEach(leave => void leave())],
    [60_000, expect('a')],
    [60_001, () => leaves[1]()],
    [76_000, expect()],
  ]);
});

test('present clients are listed in order, a forgotten one is gone at once and does not come back by leaving', async () => {
  const leaves: (() => void)[] = [];
  await timeline([
    [0, presence => void presence.arrive('b')],
    [1, presence => void leaves.push(presence.arrive('a'))],
    [2, expect('a', 'b')],
    [3, presence => presence.forget('a')],
    [4, expect('b')],
    [5, () => leaves[0]()],
    [6, expect('b')],
  ]);
});

test('a clock set back does not make a client present for longer', () => {
  let now = 1_000_000;
  const presence = new Presence({ now: () => now, after: () => () => undefined });
  presence.arrive('a')();
  now -= 500_000;
  assert.deepEqual(presence.present(), ['a']);
  now += 15_000;
  assert.deepEqual(presence.present(), ['a']);
  now += 1;
  assert.deepEqual(presence.present(), []);
});

test('those who wait for a change wake at the next one, at their time, or when they give up; none is kept', async () => {
  const woken: string[] = [];
  const abort = new AbortController();
  const wait = (name: string, ms: number, signal?: AbortSignal) => (presence: Presence, clock: VirtualClock) =>
    void presence.change(ms, signal).then(() => woken.push(`${name} at ${clock.elapsed()}`));
  await timeline([
    [0, wait('change', 1000)],
    [0, wait('time', 50)],
    [0, wait('abort', 1000, abort.signal)],
    [10, () => abort.abort()],
    [20, wait('aborted before', 1000, abort.signal)],
    [100, presence => presence.wake()],
    [200, wait('later', 5)],
  ]);
  assert.deepEqual(woken, ['abort at 10', 'aborted before at 20', 'time at 50', 'change at 100', 'later at 205']);
});
