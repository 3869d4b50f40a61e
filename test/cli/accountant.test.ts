import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { test } from 'node:test';
import { withAccountant } from '../../src/cli/accountant.ts';

const plan = { noiseMultiplier: 10, rounds: 1, samplingRate: 1, delta: 1e-5 };

/** What is written to a stream, a terminal or not, in all. */
function stream(isTTY: boolean): { stream: NodeJS.WriteStream; written: () => string } {
  let text = '';
  const sink = new Writable({
    write(chunk, _encoding, done) {
      text += String(chunk);
      done();
    },
  });
  return { stream: Object.assign(sink, { isTTY, columns: 80 }) as unknown as NodeJS.WriteStream, written: () => text };
}

for (const [isTTY, waitedMs, said] of [
  [true, 499, ''],
  [true, 501, 'calculating …\r\x1b[K'],
  [false, 60_000, ''],
] as const) {
  test(`after ${waitedMs} ms ${isTTY ? 'a terminal' : 'a file'} has ${said === '' ? 'nothing' : 'one line, which is gone at the end'}`, async t => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const { TERM } = process.env;
    process.env.TERM = 'xterm';
    t.after(() => {
      process.env.TERM = TERM;
    });
    const { stream: terminal, written } = stream(isTTY);
    const report = await withAccountant(async accountant => {
      t.mock.timers.tick(waitedMs);
      return accountant.ask('report', plan);
    }, terminal);
    assert.ok(report.withAmplification.rdp.epsilon > 0);
    t.mock.timers.tick(60_000);
    assert.equal(written(), said);
  });
}

test('a refusal is passed on, and the line is gone', async t => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { stream: terminal, written } = stream(true);
  await assert.rejects(
    withAccountant(accountant => accountant.ask('report', { ...plan, delta: 2 }), terminal),
    RangeError,
  );
  t.mock.timers.tick(60_000);
  assert.equal(written(), '');
});
