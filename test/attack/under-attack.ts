/** A federation of two honest clients over real sockets, at work while somebody attacks. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { LogEvent } from '../../src/core/protocol/ports.ts';
import type { CoordinatorSettings } from '../../src/node/run-coordinator.ts';
import { type Enrolled, enrol, temporaryFolder } from '../federation/enrolled.ts';
import { expectedModel } from '../federation/expected.ts';
import { allPresent, type LocalCoordinator, startClient, startCoordinator } from '../federation/local.ts';
import { type Operator, operatorOf } from '../federation/operator.ts';
import { smallTask, type TaskSettings } from '../federation/small-task.ts';

export const honest = ['anna', 'bert'];

export interface UnderAttack {
  readonly enrolled: Enrolled;
  readonly coordinator: LocalCoordinator;
  readonly operator: Operator;
  readonly folder: string;
  /**
   * Attacks during a run of the honest clients; it must end with the model of the two alone. Resolves with what the log says of
   * the attack: refusals and ended sessions that are not of the honest clients.
   */
  during(attack: (task: string) => Promise<void>, settings?: Partial<TaskSettings>): Promise<LogEvent[]>;
}

/** Starts it; the stack ends it. `others` are members who do nothing by themselves. */
export async function underAttack(
  stack: AsyncDisposableStack,
  others: readonly string[],
  settings: Partial<CoordinatorSettings> = {},
): Promise<UnderAttack> {
  const folder = temporaryFolder({ after: hook => stack.defer(hook) });
  const enrolled = await enrol(join(folder, 'demo'), [...honest, ...others]);
  const coordinator = await startCoordinator(stack, enrolled, settings);
  for (const name of honest) startClient(stack, enrolled, name);
  const operator = await operatorOf(enrolled, stack);
  await allPresent(coordinator, honest);
  let runs = 0;
  return {
    folder,
    enrolled,
    coordinator,
    operator,
    async during(attack, taskSettings = {}) {
      const before = coordinator.log.length;
      const task = smallTask({ name: `attacked-${++runs}`, minimum: honest.length, ...taskSettings });
      const id = await operator.submit(task);
      const [outcome] = await Promise.all([operator.outcome(id), attack(id)]);
      assert.equal(outcome.model, await expectedModel(task, honest), 'the honest clients train on, undisturbed');
      return coordinator.log
        .slice(before)
        .filter(({ level, client }) => level !== undefined && level !== 'info' && !honest.includes(client ?? ''));
    },
  };
}
