/** A run whose coordinator keeps its state on a small disk, which is full from a step of round 2 on until somebody noticed. */
import { closeSync, cpSync, openSync, rmSync, symlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { pause } from '../../src/core/protocol/ports.ts';
import { systemClock } from '../../src/node/clock.ts';
import { enrol } from '../federation/enrolled.ts';
import { expectedModel } from '../federation/expected.ts';
import { startClient, startCoordinator } from '../federation/local.ts';
import { operatorOf } from '../federation/operator.ts';
import { smallTask } from '../federation/small-task.ts';

const [disk, folder, step] = process.argv.slice(2);
const clients = ['anna', 'bert'];
const task = smallTask({ minimum: clients.length, rounds: 3, hidden: 5000 });
const ballast = join(disk, 'ballast');

function fill(): void {
  const file = openSync(ballast, 'w');
  try {
    for (const block of [65_536, 4096, 1]) {
      try {
        for (;;) writeSync(file, new Uint8Array(block));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
      }
    }
  } finally {
    closeSync(file);
  }
}

// A run that hangs fails, and says where.
setTimeout(() => {
  process.stdout.write(JSON.stringify(coordinator.log.slice(-20)));
  process.exit(3);
}, 60_000).unref();

await using stack = new AsyncDisposableStack();
const enrolled = await enrol(join(folder, 'demo'), clients);
const state = join(enrolled.home, 'coordinator');
cpSync(state, join(disk, 'coordinator'), { recursive: true });
rmSync(state, { recursive: true });
symlinkSync(join(disk, 'coordinator'), state);

let filled = false;
const coordinator = await startCoordinator(stack, enrolled, {
  step(name) {
    const round = coordinator.coordinator.runs()[0]?.round ?? 0;
    if (filled || name !== step || round < 2) return;
    filled = true;
    fill();
  },
});
const isFull = (): number => coordinator.log.filter(line => /storage-full/.test(`${line.code} ${line.detail}`)).length;
const logs = clients.map(client => startClient(stack, enrolled, client).log);
const operator = await operatorOf(enrolled, stack);
await operator.present(clients);
const id = await operator.submit(task);
while (isFull() === 0) await pause(systemClock, 10);
rmSync(ballast);
const { status, model } = await operator.outcome(id);
const result = {
  model,
  expected: await expectedModel(task, clients),
  combined: status.reports.map(report => report.combined),
  refusals: status.refusals,
  full: isFull(),
  log: logs.flat().filter(({ level }) => level === 'warn').length,
};
await stack.disposeAsync();
process.stdout.write(JSON.stringify(result));
