/** Selection: which of the present clients a round asks. */
import { compareBytes, encodeCbor } from '../core/bytes/cbor.ts';
import type { Primitives } from '../core/crypto/primitives.ts';
import type { Task } from '../core/protocol/task.ts';

export interface Selection {
  /** In canonical order (by name); those who have answered already are in it. */
  readonly cohort: readonly string[];
  /** So many answers close the round before its deadline. */
  readonly target: number;
}

/** Who can be asked in a round. No name stands in two lists. */
export interface Candidates {
  /** Answered in an earlier attempt at this round; in the cohort anyway. */
  readonly answered: readonly string[];
  readonly fresh: readonly string[];
  /** Asked in an earlier attempt without success: drawn only when the fresh ones are too few. */
  readonly passedOver: readonly string[];
}

/** Which draw: the task (32 bytes), the round, and how often the round has asked before. */
export interface Draw {
  readonly taskHash: Uint8Array;
  readonly round: number;
  readonly attempt: number;
}

/**
 * Selects the cohort of a round, or null while fewer than `cohort.minimum` clients are there.
 * Everyone can recompute the draw: the order is that of SHA-256(task, round, attempt, client), so it depends on nothing else.
 *
 * Not protected: the coordinator decides whom it calls present. Grouping by public coin comes with protection `group`.
 */
export function select(task: Task, draw: Draw, candidates: Candidates, primitives: Primitives): Selection | null {
  const { answered, fresh, passedOver } = candidates;
  const { fraction, minimum, overSelection } = task.cohort;
  const present = answered.length + fresh.length + passedOver.length;
  if (present < minimum) return null;
  const target = Math.max(minimum, Math.ceil(fraction * present));
  const asked = Math.min(present, Math.ceil(target * (1 + overSelection)));
  const order = [...ranked(fresh, draw, primitives), ...ranked(passedOver, draw, primitives)];
  const drawn = order.slice(0, Math.max(0, asked - answered.length));
  return { cohort: [...answered, ...drawn].sort(), target };
}

/** In the order of a draw: that of SHA-256(task, round, attempt, client). */
export function ranked(
  clients: readonly string[],
  { taskHash, round, attempt }: Draw,
  primitives: Primitives,
): string[] {
  const key = (client: string): Uint8Array =>
    primitives.sha256(encodeCbor(['parley/v1/select', taskHash, round, attempt, client]));
  return clients
    .map(client => ({ client, key: key(client) }))
    .sort((a, b) => compareBytes(a.key, b.key))
    .map(({ client }) => client);
}
