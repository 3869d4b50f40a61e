/** Declines of clients, told to the operator: who, for which reason, and what to do about it. */
import type { RunStatus } from '../coordinator/status.ts';
import { type DeclineReason, declineAdvice, declineReasonOf } from '../core/protocol/decline.ts';

/** A line for each reason that clients give for the first time, with their names. `told` remembers which were told. */
export function newDeclines(refusals: RunStatus['refusals'], told: Set<string>): string[] {
  const byReason = new Map<DeclineReason, string[]>();
  for (const { client, code } of refusals) {
    const reason = declineReasonOf(code);
    const key = `${client} ${code}`;
    if (client === null || reason === null || told.has(key)) continue;
    told.add(key);
    byReason.set(reason, [...(byReason.get(reason) ?? []), client]);
  }
  return [...byReason].map(([reason, clients]) => `declined by ${clients.join(', ')}: ${explained(reason)}`);
}

/** A line for each reason among the refusals. */
export function declineReasons(refusals: RunStatus['refusals']): string[] {
  const found = refusals.map(refusal => declineReasonOf(refusal.code)).filter(reason => reason !== null);
  return [...new Set(found)].map(explained);
}

function explained(reason: DeclineReason): string {
  const { meaning, remedy } = declineAdvice(reason);
  return `${reason}: ${meaning}\n→ ${remedy}`;
}
