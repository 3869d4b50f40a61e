/** Lists of faults drawn from a seed, for property tests: what a bad week does to a federation. */
import type { RandomStream } from '../core/math/random.ts';
import { clientSteps, coordinatorSteps, groupClientSteps, groupCoordinatorSteps } from '../core/protocol/ports.ts';
import { coordinatorParty, type Fault, groupMessages, messages } from './faults.ts';
import { streamOf } from './stream.ts';

export interface FaultShape {
  readonly clients: readonly string[];
  /** At most so many operations. */
  readonly most: number;
  /** Kinds to draw from; a kind that stands twice is drawn twice as often. */
  readonly kinds: readonly Fault['do'][];
  /** Longest delay, and longest time a killed party is away, ms. */
  readonly longestMs: number;
  /** Operations hit the first so many occurrences of an event. */
  readonly span: number;
  /** Draws also from what happens in group sessions. Default: not. */
  readonly isGrouped?: boolean;
}

/** 0 to `most` operations; the same seed (0 to 2^53 − 1) draws the same list. */
export function randomFaults(seed: number, shape: FaultShape): Fault[] {
  const random = streamOf(seed, 'faults');
  return Array.from({ length: random.below(shape.most + 1) }, () => drawFault(random, shape));
}

function drawFault(random: RandomStream, shape: FaultShape): Fault {
  const pick = <T>(items: readonly T[]): T => items[random.below(items.length)];
  const count = 1 + random.below(shape.span);
  const client = pick(shape.clients);
  // Short and long ones alike: whether a message is overtaken depends on the order of magnitude.
  const ms = Math.floor(shape.longestMs ** random.float64());
  const message = pick(shape.isGrouped ? [...messages, ...groupMessages] : messages);
  const part = pick(['request', 'response'] as const);
  const kind = pick(shape.kinds);
  switch (kind) {
    case 'drop':
      return { do: kind, at: { party: client, message, part, count } };
    case 'delay':
      return { do: kind, at: { party: client, message, part, count }, ms };
    case 'replay':
      return { do: kind, at: { party: client, message, part: 'request', count }, ms };
    case 'corrupt':
      return { do: kind, at: { party: client, message, part, count }, share: random.float64() };
    case 'crash': {
      const own = shape.isGrouped ? [...coordinatorSteps, ...groupCoordinatorSteps] : coordinatorSteps;
      const theirs = shape.isGrouped ? [...clientSteps, ...groupClientSteps] : clientSteps;
      const drawn = random.below(own.length + theirs.length);
      if (drawn < own.length) return { do: kind, at: { party: coordinatorParty, step: own[drawn], count }, ms };
      return { do: kind, at: { party: client, step: theirs[drawn - own.length], count }, ms };
    }
    case 'full':
      return { do: kind, at: { party: pick([coordinatorParty, client]), commit: 1 + random.below(6 * shape.span) } };
    case 'jump': {
      const sign = random.below(2) === 0 ? -1 : 1;
      return { do: kind, at: { party: coordinatorParty, ms: random.below(shape.longestMs) }, ms: sign * ms };
    }
  }
}
