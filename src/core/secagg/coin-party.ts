/** What a coin party remembers, so that nobody has it reveal twice or draw until they like the coin. */
import { compareBytes } from '../bytes/cbor.ts';
import type { Primitives } from '../crypto/primitives.ts';
import { Problem } from '../protocol/problem.ts';
import { type DrawContext, drawRoot, mostDraws, type PartyValue } from './coin.ts';

/**
 * A party's newest draw of one task in one federation. Durable before the commitment, or the reveal, leaves: a party that forgets could be
 * asked again. Holds no secret.
 */
export interface PartyMemory {
  readonly epoch: number;
  readonly draw: number;
  /** The commitment given. */
  readonly commitment: Uint8Array;
  /** The root that it revealed for; null before that. */
  readonly root: Uint8Array | null;
}

/**
 * The memory with which a party may commit in a draw. It may have missed the draw before. Throws Problem('draw-spent') for a draw that is not
 * later than its newest, and for a third one of an epoch.
 */
export function committing(
  memory: PartyMemory | null,
  { epoch, draw }: Pick<DrawContext, 'epoch' | 'draw'>,
  commitment: Uint8Array,
): PartyMemory {
  const isLater = memory === null || epoch > memory.epoch || (epoch === memory.epoch && draw > memory.draw);
  if (!isLater || draw >= mostDraws) throw new Problem('draw-spent', `coin: draw ${draw} of epoch ${epoch}`);
  return { epoch, draw, commitment, root: null };
}

/**
 * The memory with which a party may reveal: its own commitment stands unchanged in the draw, and it reveals for no other cohort or
 * commitments in this draw. The same root again is the same reveal again. Whether the root is in the log is checked elsewhere.
 *
 * Throws Problem('draw-spent') for another draw than the newest, 'equivocation' for a second root in it, 'draw-altered' where the party's
 * commitment is missing or another, and as `drawRoot`.
 */
export function revealing(
  memory: PartyMemory,
  context: DrawContext,
  draw: {
    readonly party: Uint8Array;
    readonly cohort: readonly Uint8Array[];
    readonly commitments: readonly PartyValue[];
  },
  primitives: Pick<Primitives, 'sha256'>,
): PartyMemory {
  if (memory.epoch !== context.epoch || memory.draw !== context.draw)
    throw new Problem('draw-spent', `coin: draw ${context.draw} of epoch ${context.epoch}`);
  const own = draw.commitments.find(({ party }) => compareBytes(party, draw.party) === 0);
  if (own === undefined || compareBytes(own.value, memory.commitment) !== 0)
    throw new Problem('draw-altered', 'coin: my commitment is not in the draw');
  const root = drawRoot(context, draw.cohort, draw.commitments, primitives);
  if (memory.root !== null && compareBytes(memory.root, root) !== 0)
    throw new Problem('equivocation', 'coin: a second root in one draw');
  return { ...memory, root };
}
