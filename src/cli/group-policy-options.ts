/** The options by which a site says what it asks of groups that its updates are added up in: parley client. */
import { type Command, InvalidArgumentError } from 'commander';
import { defaultPolicy } from '../client/group-ports.ts';
import type { MemberPolicy } from '../core/secagg/member-policy.ts';
import { leastHonest } from '../core/secagg/thresholds.ts';

export interface GroupPolicyOptions {
  honest: number;
  colluders: number;
  strictSets?: true;
}

/** As in the settings of a task. */
const mostHonest = 256;
const mostColluders = 85;

/** Adds the options to a command. */
export function withGroupPolicy(command: Command): Command {
  return command
    .option(
      '--honest <n>',
      'protection group: take part only where every sum holds so many honest updates',
      wholeNumber(leastHonest, mostHonest),
      defaultPolicy.honest,
    )
    .option(
      '--colluders <n>',
      'protection group: also where so many members of a group work with the coordinator',
      wholeNumber(0, mostColluders),
      defaultPolicy.colluders,
    )
    .option('--strict-sets', 'protection group: from round to round none or --honest members of a sum may come and go');
}

export function groupPolicy({ honest, colluders, strictSets }: GroupPolicyOptions): MemberPolicy {
  return { honest, colluders, setChanges: strictSets === true ? 'strict' : 'shrink' };
}

function wholeNumber(least: number, most: number): (text: string) => number {
  return text => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`Expected a whole number from ${least} to ${most}.`);
  };
}
