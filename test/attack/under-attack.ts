/** A federation of two honest clients over real sockets, at work while somebody attacks. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { LogEvent } from '../../src/core/protocol/ports.ts';
import type { CoordinatorSettings } from '../../src/node/run-coordinator.ts';
import { type Enrolled, enrol, temporaryFolder } from '../federation/enrolled.ts';
import { expectedModel } from '../federation/expected.ts';
import { type LocalCoordinator, startClient, startCoordinator } from '../federation/local.ts';
import { type Operator, operatorOf } from '../federation/operator.ts';
import { type Orders, type Report, startProcess } from '../federation/process.ts';
import { smallTask, type TaskSettings } from '../federation/small-task.ts';

export const honest = ['anna', 'bert'];

export interface Siege {
  readonly enrolled: Enrolled;
  readonly folder: string;
  readonly operator: Operator;
  /** Of the coordinator. */
  readonly log: readonly LogEvent[];
  /**
   * Attacks during a run of the honest clients; it must end with the model of the two alone. Resolves with what the log says of
   * the attack: warnings and errors that are not about the honest clients.
   */
  during(attack: (task: string) => Promise<void>, settings?: Partial<TaskSettings>): Promise<LogEvent[]>;
}

export interface UnderAttack extends Siege {
  readonly coordinator: LocalCoordinator;
}

export interface UnderFlood extends Siege {
  /** The coordinator's process. */
  readonly pid: number;
}

/** A coordinator in this process; the stack ends it. `others` are members who do nothing by themselves. */
export async function underAttack(
  stack: AsyncDisposableStack,
  others: readonly string[],
  settings: Partial<CoordinatorSettings> = {},
): Promise<UnderAttack> {
  const enrolled = await enrolIn(stack, others);
  const coordinator = await startCoordinator(stack, enrolled, settings);
  return { ...(await besiege(stack, enrolled, coordinator.log)), coordinator };
}

/** A coordinator in a process of its own, whose memory can be watched. */
export async function underFlood(
  stack: AsyncDisposableStack,
  others: readonly string[],
  orders: Partial<Orders>,
): Promise<UnderFlood> {
  const enrolled = await enrolIn(stack, others);
  const log: LogEvent[] = [];
  const ready = Promise.withResolvers<void>();
  const onReport = (report: Report): void => {
    if ('log' in report) log.push(report.log);
    else if ('ready' in report) ready.resolve();
    else ready.reject(new Error(report.failed));
  };
  const { child, ended } = startProcess(enrolled, 'coordinator', onReport, orders);
  stack.defer(async () => {
    child.disconnect();
    await ended;
  });
  await ready.promise;
  // A flooder that was heard counts as present: a round that asks it waits until its deadline, and never ends without both others.
  return { ...(await besiege(stack, enrolled, log, { rounds: 2, deadlineSeconds: 0.3 })), pid: child.pid ?? 0 };
}

function enrolIn(stack: AsyncDisposableStack, others: readonly string[]): Promise<Enrolled> {
  const folder = temporaryFolder({ after: hook => stack.defer(hook) });
  return enrol(join(folder, 'demo'), [...honest, ...others]);
}

/** Starts the honest clients. */
async function besiege(
  stack: AsyncDisposableStack,
  enrolled: Enrolled,
  log: readonly LogEvent[],
  usual: Partial<TaskSettings> = {},
): Promise<Siege> {
  for (const name of honest) startClient(stack, enrolled, name);
  const operator = await operatorOf(enrolled, stack);
  await operator.present(honest);
  let runs = 0;
  return {
    folder: join(enrolled.folder, '..'),
    enrolled,
    operator,
    log,
    async during(attack, taskSettings = {}) {
      const before = log.length;
      const task = smallTask({ name: `attacked-${++runs}`, minimum: honest.length, ...usual, ...taskSettings });
      const id = await operator.submit(task);
      const [outcome] = await Promise.all([operator.outcome(id), attack(id)]);
      assert.equal(outcome.model, await expectedModel(task, honest), 'the honest clients train on, undisturbed');
      return log.slice(before).filter(({ level, client }) => isWarning(level) && !honest.includes(client ?? ''));
    },
  };
}

const isWarning = (level: LogEvent['level']): boolean => level === 'warn' || level === 'error';
