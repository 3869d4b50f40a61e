/** Selection: which of the present clients a round asks. */
import { compareBytes, encodeCbor } from '../core/bytes/cbor.ts';
import type { Primitives } from '../core/crypto/primitives.ts';
import type { Task } from '../core/protocol/task.ts';

export interface Selection {
  /** In canonical order (by name). */
  readonly cohort: readonly string[];
  /** So many answers close the round before its deadline. */
  readonly target: number;
}

/**
 * Selects the cohort of a round, or null while fewer than `cohort.minimum` clients are present.
 * Everyone can recompute the draw: the order is that of SHA-256(task, round, client), so it depends on nothing else.
 *
 * Not protected: the coordinator decides whom it calls present. Grouping by public coin comes with protection `group`.
 */
export function select(
  task: Task,
  taskHash: Uint8Array,
  round: number,
  present: readonly string[],
  primitives: Primitives,
): Selection | null {
  const { fraction, minimum, overSelection } = task.cohort;
  if (present.length < minimum) return null;
  const target = Math.max(minimum, Math.ceil(fraction * present.length));
  const asked = Math.min(present.length, Math.ceil(target * (1 + overSelection)));
  const drawn = present
    .map(client => ({ client, key: primitives.sha256(encodeCbor(['parley/v1/select', taskHash, round, client])) }))
    .sort((a, b) => compareBytes(a.key, b.key))
    .slice(0, asked)
    .map(({ client }) => client);
  return { cohort: drawn.sort(), target };
}
