/** A running federation whose processes may die at any instant; each is started again at once. */
import assert from 'node:assert/strict';
import type { LogEvent, Step } from '../../src/core/protocol/ports.ts';
import type { Enrolled } from '../federation/enrolled.ts';
import { type Operator, operatorOf } from '../federation/operator.ts';
import { type Death, type Started, startProcess } from '../federation/process.ts';

export interface Mortal {
  readonly operator: Operator;
  /** Every line of every log, in the order of arrival. */
  readonly log: readonly LogEvent[];
  /** Steps at which a process ended itself. */
  readonly died: readonly Step[];
  /** Resolves when every death of the plan has happened. */
  readonly allDied: Promise<void>;
  /** Resolves when an update is accepted from now on: the federation is at work. */
  atWork(): Promise<void>;
  /** Ends the process of a party as a power failure would. False when none is running this instant. */
  kill(party: string): boolean;
  end(): Promise<void>;
}

/** @param deaths by party: where each of its lives ends; the life after the last of them goes on. */
export async function runMortal(
  enrolled: Enrolled,
  deaths: Readonly<Record<string, readonly Death[]>> = {},
): Promise<Mortal> {
  const stack = new AsyncDisposableStack();
  const running = new Map<string, Started>();
  const log: LogEvent[] = [];
  const died: Step[] = [];
  const faults: unknown[] = [];
  const planned = Object.values(deaths).flat().length;
  const allDied = Promise.withResolvers<void>();
  let accepted = Promise.withResolvers<void>();
  const note = (event: LogEvent): void => {
    log.push(event);
    if (event.event !== 'update-accepted') return;
    accepted.resolve();
    accepted = Promise.withResolvers();
  };
  const start = (party: string, plan: readonly Death[]): void => {
    const death = plan[0] ?? null;
    let killed = false;
    const started = startProcess(
      enrolled,
      party,
      report => {
        if ('log' in report) note(report.log);
        if ('failed' in report) faults.push(`${party}: ${report.failed}`);
      },
      { death },
    );
    const { child } = started;
    const kill = child.kill.bind(child);
    child.kill = signal => {
      killed = true;
      return kill(signal);
    };
    running.set(party, started);
    void started.ended.then(signal => {
      running.delete(party);
      if (stack.disposed) return;
      if (signal !== 'SIGKILL') faults.push(`${party} ended by itself`);
      const own = signal === 'SIGKILL' && !killed && death !== null;
      if (own) died.push(death.step);
      if (died.length === planned) allDied.resolve();
      start(party, own ? plan.slice(1) : plan);
    });
  };
  for (const party of ['coordinator', ...enrolled.clients]) start(party, deaths[party] ?? []);
  return {
    operator: await operatorOf(enrolled, stack),
    log,
    died,
    allDied: allDied.promise,
    atWork: () => accepted.promise,
    kill: party => running.get(party)?.child.kill('SIGKILL') ?? false,
    async end() {
      await stack.disposeAsync();
      const last = [...running.values()];
      for (const { child } of last) child.kill('SIGKILL');
      await Promise.all(last.map(({ ended }) => ended));
      assert.deepEqual(faults, [], 'no process ends by itself');
    },
  };
}
