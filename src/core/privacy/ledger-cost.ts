/** What events cost, each kind calculated once: a ledger of ten thousand entries holds few kinds. */
import { encodeCbor } from '../bytes/cbor.ts';
import { toHex } from '../bytes/floats.ts';
import { flatten, type PrivacyEvent } from './event.ts';
import { deltaLeft, eventOrders, eventRdp, eventSlip } from './event-rdp.ts';
import { rdpToEpsilon } from './rdp-conversion.ts';
import { defaultOrders } from './rdp-orders.ts';

/** Orders of every curve here. At the last one stands the ε of what is private without any δ. */
export const ledgerOrders: readonly number[] = [...defaultOrders, Number.POSITIVE_INFINITY];
const pureKinds: ReadonlySet<PrivacyEvent['kind']> = new Set(['laplace', 'randomized-response', 'epsilon-delta']);

/** Name of how costs are added up. A new one wherever the same events come to another figure: ledgers name what they were kept with. */
export const ledgerAccountant = 'rdp-1';

/** So many times what costs the same. */
export interface Cost {
  /** Events that differ in their count only have the same key. */
  readonly key: string;
  /** RDP of one of them at each of `ledgerOrders`; ∞ where none is known. */
  readonly curve: Float64Array;
  readonly count: number;
  /** ln of the probability that none of them slips. */
  readonly logKept: number;
}

/** Curves of the events seen so far. */
export class EventCosts {
  readonly #curves = new Map<string, { readonly curve: Float64Array; readonly logKept: number }>();

  /** Kinds of events that were calculated: what a reservation waits for, if anything. */
  get evaluations(): number {
    return this.#curves.size;
  }

  /** Throws RangeError for an event that no accountant here knows. */
  of(event: PrivacyEvent): Cost {
    const { count = 1, ...once } = event;
    const key = toHex(encodeCbor(once));
    // Without its count an event is one of its kind, and a repetition is one repetition.
    const one = this.#curves.get(key) ?? calculated({ ...once, count: 1 } as PrivacyEvent);
    this.#curves.set(key, one);
    return { key, curve: one.curve, count, logKept: count === 0 ? 0 : one.logKept * count };
  }
}

function calculated(event: PrivacyEvent): { curve: Float64Array; logKept: number } {
  const curve = new Float64Array(ledgerOrders.length).fill(Number.POSITIVE_INFINITY);
  const isPure = flatten(event).every(({ event: leaf }) => pureKinds.has(leaf.kind));
  const orders = isPure ? ledgerOrders : eventOrders(event);
  const rdp = eventRdp(event, orders);
  for (const [i, order] of orders.entries()) curve[ledgerOrders.indexOf(order)] = rdp[i];
  return { curve, logKept: Math.log1p(-eventSlip(event)) };
}

/**
 * The order of a filter for releases like this one: where one of them takes the smallest share of ε at δ. Chosen from what is known before
 * the first release.
 */
export function filterOrder({ curve }: Cost, epsilon: number, delta: number): number {
  const share = defaultOrders.map((order, i) => curve[i] / mostRdp(order, epsilon, delta));
  const best = share.reduce((least, value, i) => (value >= 0 && value < share[least] ? i : least), fallback(share));
  return defaultOrders[best];
}

/** Where no order leaves room for ε at all the highest one is as good as any: everything is refused. */
function fallback(share: readonly number[]): number {
  const first = share.findIndex(value => value >= 0 && value < Number.POSITIVE_INFINITY);
  return first < 0 ? share.length - 1 : first;
}

/** The RDP at this order that is ε at δ, less than 0 where even none is more. The inverse of `rdpToEpsilon` where that is above 0. */
function mostRdp(order: number, epsilon: number, delta: number): number {
  return epsilon - Math.log1p(-1 / order) + Math.log(delta * order) / (order - 1);
}

/** ε at δ of this much RDP, at the best order or at the one given. ∞ where δ is used up (null). */
export function epsilonOf(rdp: ArrayLike<number>, order: number | null, delta: number | null): number {
  if (delta === null) return Number.POSITIVE_INFINITY;
  if (order !== null) return rdpToEpsilon(order, rdp[ledgerOrders.indexOf(order)], delta);
  let least = Number.POSITIVE_INFINITY;
  for (const [i, at] of ledgerOrders.entries())
    if (rdp[i] < Number.POSITIVE_INFINITY) least = Math.min(least, rdpToEpsilon(at, rdp[i], delta));
  return least;
}

/**
 * Under a filter this share of δ is kept for slips from the beginning: what a filter converts with must not depend on how much was
 * released.
 */
const slipShare = 0.1;

/** The δ that a line converts with when slips have taken so much of it; null when nothing is left. `order` as in `epsilonOf`. */
export function lineDelta(slip: number, delta: number, order: number | null): number | null {
  if (order === null) return deltaLeft(delta, slip);
  return slip <= slipShare * delta ? (1 - slipShare) * delta : null;
}
