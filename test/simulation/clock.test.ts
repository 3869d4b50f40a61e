import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { simulationPorts } from '../../src/cli/simulation-ports.ts';
import { VirtualClock } from '../../src/simulation/clock.ts';

const hour = 3_600_000;
const clock = (): VirtualClock => new VirtualClock(simulationPorts);

test('timers run by time, those of one instant in the order of their creation, cancelled ones never', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.record({ ms: fc.nat(20), cancel: fc.boolean() }), { maxLength: 60 }), async timers => {
      const time = clock();
      const ran: { index: number; at: number }[] = [];
      const start = time.now();
      const cancels = timers.map(({ ms }, index) => time.after(ms, () => ran.push({ index, at: time.now() - start })));
      timers.forEach(({ cancel }, index) => {
        if (cancel) cancels[index]();
      });
      await time.run(() => false, hour);
      const expected = timers
        .map(({ ms, cancel }, index) => ({ index, at: ms, cancel }))
        .filter(({ cancel }) => !cancel)
        .sort((a, b) => a.at - b.at || a.index - b.index)
        .map(({ index, at }) => ({ index, at }));
      assert.deepEqual(ran, expected);
    }),
    { numRuns: 200 },
  );
});

test('a timer runs only after everything that the one before set off has settled', async () => {
  const time = clock();
  const seen: string[] = [];
  time.after(1, async () => {
    for (let i = 0; i < 50; i++) await Promise.resolve();
    seen.push('first');
  });
  time.after(1, () => seen.push('second'));
  await time.run(() => false, hour);
  assert.deepEqual(seen, ['first', 'second']);
});

test('virtual time stands still while real work is under way', async () => {
  const time = clock();
  const seen: string[] = [];
  time.after(0, () => {
    const work = (async () => {
      for (let i = 0; i < 5; i++) await simulationPorts.turn();
      seen.push(`worked at ${time.elapsed()}`);
    })();
    void time.outside(work);
  });
  time.after(1, () => seen.push(`timer at ${time.elapsed()}`));
  await time.run(() => false, hour);
  assert.deepEqual(seen, ['worked at 0', 'timer at 1']);
});

test('nothing happens while everything waits for work, at the same instant neither', async () => {
  const time = clock();
  const seen: string[] = [];
  const begin = (name: string, waits: boolean) => {
    const work = (async () => {
      for (let i = 0; i < 5; i++) await simulationPorts.turn();
      seen.push(name);
    })();
    void (waits ? time.halting(work) : time.outside(work));
  };
  time.after(1, () => begin('first', true));
  time.after(1, () => seen.push('second'));
  time.after(1, () => begin('fourth', false));
  time.after(1, () => seen.push('third'));
  await time.run(() => false, hour);
  assert.deepEqual(seen, ['first', 'second', 'third', 'fourth']);
});

test('a run ends when it is done, at its limit, or when nothing can happen any more', async () => {
  const time = clock();
  let ticks = 0;
  const tick = (): void => {
    ticks++;
    time.after(1000, tick);
  };
  time.after(1000, tick);
  assert.equal(await time.run(() => ticks === 3, hour), true);
  assert.equal(time.elapsed(), 3000);
  assert.equal(await time.run(() => false, 10_000), false);
  assert.ok(time.elapsed() <= 10_000);
  assert.equal(await clock().run(() => false, hour), false);
});
