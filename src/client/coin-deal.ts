/** The groups that a coin dealt, dealt again by a member: with its own eyes on everything that the coin parties signed. */
import { compareBytes } from '../core/bytes/cbor.ts';
import { Problem } from '../core/protocol/problem.ts';
import { groupSettings } from '../core/protocol/protection-settings.ts';
import { epochOf, verifyCoin } from '../core/secagg/coin-evidence.ts';
import { dealCohort } from '../core/secagg/deal-cohort.ts';
import type { DealPlace } from '../core/secagg/set-memory.ts';
import type { ClientPorts } from './ports.ts';
import type { RoundContext } from './stages.ts';

export interface CoinDeal extends DealPlace {
  /** Places in the cohort of the members of each group. */
  readonly groups: readonly (readonly number[])[];
}

/**
 * Deals the cohort of an assignment again; null where the assignment names no coin. Throws Problem `bad-request` for a coin that the task does
 * not ask for, that is not of the round's epoch, or that its parties did not toss for exactly this cohort.
 */
export async function coinDeal(
  { task, taskHash, round, assignment: { group } }: Omit<RoundContext, 'protection'>,
  { group: memberPorts, federation, primitives }: ClientPorts,
): Promise<CoinDeal | null> {
  if (group === null || group.coin === null) return null;
  const settings = groupSettings(task.protection);
  if (settings === null || settings.coin.length === 0 || memberPorts === null)
    throw new Problem('bad-request', 'a coin that the task does not ask for');
  requireAscending(group.cohort);
  const { verifyMember } = memberPorts;
  const epoch = epochOf(round, settings);
  const rules = { federation, task: taskHash, parties: settings.coin, epoch, verifyMember, primitives };
  const { coin, draw } = verifyCoin(group.coin, group.cohort, rules);
  return { epoch, draw, groups: await dealCohort(group.cohort, settings.size, coin, memberPorts) };
}

/** Throws Problem `bad-request` for a cohort that is not listed in ascending order, each member once. */
export function requireAscending(cohort: readonly Uint8Array[]): void {
  if (cohort.some((hash, i) => i > 0 && compareBytes(cohort[i - 1], hash) >= 0))
    throw new Problem('bad-request', 'the cohort is not in ascending order, each once');
}
