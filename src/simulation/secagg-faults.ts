/** What befalls one group session in a simulation, drawn from a seed: the network, crashes, members that lie. */
import type { RandomStream } from '../core/math/random.ts';
import { type MemberLabel, memberLabels } from '../core/secagg/group-message.ts';
import { type Lie, lies } from './secagg-lies.ts';
import { streamOf } from './stream.ts';

/** Shares of requests and of answers, 0–1, to which something happens. */
export interface LinkFaults {
  /** Never arrives. */
  readonly lost: number;
  /** Arrives behind others that were sent later. */
  readonly late: number;
  /** Arrives once more, later. */
  readonly repeated: number;
  /** One bit is flipped. */
  readonly damaged: number;
  /** Longest delay, ms of virtual time. */
  readonly longestMs: number;
}

/** A member dies before its message of a step leaves, or when it has left. Its secrets are gone: it does not come back to the session. */
export interface MemberCrash {
  readonly at: number;
  readonly label: MemberLabel;
  readonly when: 'before' | 'after';
}

/** Between which effects the coordinator dies: before or after an event of the machine is stored. */
export const coordinatorPoints = ['message-unsaved', 'message-saved', 'close-unsaved', 'close-saved'] as const;
export type CoordinatorPoint = (typeof coordinatorPoints)[number];

export interface CoordinatorCrash {
  readonly point: CoordinatorPoint;
  /** 1: the first time that it comes there. */
  readonly count: number;
  /** How long it is away. */
  readonly ms: number;
}

export interface SessionFaults {
  readonly link: LinkFaults;
  readonly crashes: readonly MemberCrash[];
  readonly coordinator: readonly CoordinatorCrash[];
  /** Members that are revoked, ms after the beginning. */
  readonly revoked: readonly { readonly at: number; readonly ms: number }[];
  readonly liars: ReadonlyMap<number, Lie>;
}

export const noFaults: SessionFaults = {
  link: { lost: 0, late: 0, repeated: 0, damaged: 0, longestMs: 0 },
  crashes: [],
  coordinator: [],
  revoked: [],
  liars: new Map(),
};

/** The same seed draws the same faults. Mild ones and harsh ones alike: so that many sessions open, and many with members missing. */
export function randomSessionFaults(seed: number, members: number, stepMs: number): SessionFaults {
  const random = streamOf(seed, 'session-faults');
  const pick = <T>(items: readonly T[]): T => items[random.below(items.length)];
  const harshness = random.float64() ** 3;
  const each = <T>(share: number, make: (at: number) => T): T[] =>
    Array.from({ length: members }, (_, at) => (random.float64() < share ? [make(at)] : [])).flat();
  const isHonest = random.below(3) > 0;
  // As many as the group bears, or one more.
  const spare = members - Math.floor((2 * members) / 3) - 1;
  return {
    link: {
      lost: 0.4 * harshness,
      late: 0.3 * random.float64() * pick([0, 0.1, 1]),
      repeated: 0.3 * random.float64(),
      damaged: 0.3 * harshness * random.float64(),
      longestMs: Math.floor(stepMs ** random.float64()),
    },
    crashes: Array.from({ length: Math.min(random.below(spare + 2), random.below(spare + 3)) }, () => ({
      at: random.below(members),
      label: pick([...memberLabels, 'group-input', 'group-input', 'group-input'] as const),
      when: pick(['before', 'before', 'after'] as const),
    })),
    coordinator: Array.from({ length: random.below(4) }, () => ({
      point: pick(coordinatorPoints),
      count: 1 + random.below(12),
      ms: Math.floor(stepMs ** random.float64()),
    })),
    revoked: each(pick([0, 0, 0, 0, 0.1]), at => ({ at, ms: random.below(4 * stepMs) })),
    liars: new Map(isHonest ? [] : each(0.2, at => [at, drawLie(random)] as const)),
  };
}

function drawLie(random: RandomStream): Lie {
  return lies[random.below(lies.length)];
}
