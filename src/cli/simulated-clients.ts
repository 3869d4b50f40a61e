/** Are there the clients that a task needs? Without them a simulated run would wait for ever. */
import { trustedClient } from '../core/protocol/aggregation-settings.ts';
import { UserError } from '../core/protocol/problem.ts';
import { groupSettings, mostMembers } from '../core/protocol/protection-settings.ts';
import type { Task } from '../core/protocol/task.ts';

const shownNames = 20;

/** Throws UserError where there are fewer clients than a round needs, more than its one group holds, or not those that the task names. */
export function checkClients({ aggregation, cohort, protection }: Task, names: readonly string[]): void {
  if (names.length < cohort.minimum) {
    throw new UserError(
      'simulate',
      `the task needs ${cohort.minimum} clients, there are ${names.length}`,
      'Use --clients, or lower cohort.minimum.',
    );
  }
  const groups = groupSettings(protection);
  if (groups !== null && groups.coin.length === 0 && names.length > mostMembers(groups)) {
    throw new UserError(
      'simulate',
      `all ${names.length} clients would be one group, of ${mostMembers(groups)} at most (protection.size ${groups.size})`,
      'Use a larger protection.size, or name clients that toss a coin (protection.coin), so that there are several groups.',
    );
  }
  const trusted = trustedClient(aggregation);
  if (trusted !== null) requireNamed(trusted, `${aggregation.rule} trusts "${trusted}" (aggregation.trusted)`, names);
  for (const party of groups?.coin ?? []) requireNamed(party, `"${party}" tosses the coin (protection.coin)`, names);
}

function requireNamed(name: string, what: string, names: readonly string[]): void {
  if (names.includes(name)) return;
  const others = `The clients are ${names.slice(0, shownNames).join(', ')}${names.length > shownNames ? ', …' : ''}.`;
  throw new UserError('simulate', `${what}, and there is no such client`, others);
}
