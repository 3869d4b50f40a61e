/** Clients of a simulation that decline a round: why, and when asking them again has become pointless. */

import type { LogEvent } from '../core/protocol/ports.ts';
import { UserError } from '../core/protocol/problem.ts';

/** Training follows from seed, round and client: who has declined a round so often declines it for ever. */
const mostDeclines = 5;

export interface SimulatedDeclines {
  /** Looks at a log event of a party. Returns a line to show, the first time that a client gives a reason. */
  note(party: string, event: LogEvent): string | null;
  /** Says that a round cannot succeed, and why; null while it may. */
  readonly inVain: UserError | null;
}

export function watchDeclines(): SimulatedDeclines {
  const reasons = new Map<string, string>();
  const counts = new Map<string, number>();
  let inVain: UserError | null = null;
  return {
    note(party, { event, code, client, round, detail }) {
      if (event === 'refused' && code === 'declined' && client !== undefined) {
        const key = `${client}/${round}`;
        const count = (counts.get(key) ?? 0) + 1;
        counts.set(key, count);
        if (count >= mostDeclines && inVain === null) {
          const reason = reasons.get(client) ?? 'it cannot take part';
          inVain = new UserError(
            'simulate',
            `round ${round} does not get enough updates; ${client} declined it ${count} times: ${reason}`,
            'Correct the task, or lower cohort.minimum below the number of clients that can train.',
          );
        }
        return null;
      }
      const declines = event === 'cannot-train' || (event === 'refused' && code === 'non-finite');
      if (!declines || client !== undefined || detail === undefined || reasons.get(party) === detail) return null;
      reasons.set(party, detail);
      return `${party}: ${detail}`;
    },
    get inVain() {
      return inVain;
    },
  };
}
