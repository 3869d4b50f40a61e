/** What this site asks of every group, held against a task: no coordinator can talk it into less. */
import { UserError } from '../core/protocol/problem.ts';
import type { MemberPolicy } from '../core/secagg/member-policy.ts';
import type { Thresholds } from '../core/secagg/thresholds.ts';

/** Throws UserError, naming setting and remedy, for a group that protects less than the policy asks for. */
export function requirePolicy({ honest, colluders, members }: Thresholds, policy: MemberPolicy): void {
  if (honest < policy.honest)
    throw new UserError(
      'protection.honest',
      `sums of this task hold ${honest} honest updates at least, and this site asks for ${policy.honest}`,
      `Ask the operator for protection.honest ${policy.honest} or more, or start this client with --honest ${honest}.`,
    );
  if (colluders < policy.colluders)
    throw new UserError(
      'protection.colluders',
      `a group of ${members} bears ${colluders} colluders under this task, and this site asks for ${policy.colluders}`,
      `Ask the operator for larger groups (protection.size) or more protection.colluders, or start this client with --colluders ${colluders}.`,
    );
}
