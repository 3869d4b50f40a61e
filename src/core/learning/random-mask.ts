/**
 * Random-mask sparsification (Konečný et al. 2016, "Federated learning: strategies for improving communication efficiency", §2 and §3): of
 * an update only coordinates that a public seed names are sent. They are the same for all clients of a round, so masked sums stay sums.
 *
 * The seed says which coordinates are left out, never what they hold. It hides nothing, and costs or gives no privacy.
 */
import { RandomStream } from '../math/random.ts';

/**
 * Places that are kept, ascending, each once: ⌈keep·length⌉ of them (a product within 2^−51 of a whole number counts as that), every choice of
 * so many equally likely.
 *
 * @param seed 32 bytes, public, fresh in every round. @param keep share above 0, at most 1. Throws RangeError for others.
 */
export function keptCoordinates(seed: Uint8Array, length: number, keep: number): Int32Array<ArrayBuffer> {
  return choose(new RandomStream(seed), length, keptCount(length, keep));
}

/** ⌈keep·length⌉, at least 1. Throws RangeError for a length or a share out of range. */
export function keptCount(length: number, keep: number): number {
  if (!Number.isInteger(length) || length < 1 || length >= 2 ** 31) throw new RangeError(`kept: ${length} places`);
  if (!(keep > 0 && keep <= 1)) throw new RangeError(`kept: expected a share above 0 and at most 1, got ${keep}`);
  return Math.max(1, Math.ceil(keep * length * (1 - 2 ** -51)));
}

/** `count` of the places 0 to length − 1, ascending: selection sampling (Knuth 1997, vol. 2, §3.4.2, algorithm S). */
export function choose(random: RandomStream, length: number, count: number): Int32Array<ArrayBuffer> {
  const kept = new Int32Array(count);
  let found = 0;
  for (let place = 0; found < count; place++) {
    if (random.below(length - place) < count - found) kept[found++] = place;
  }
  return kept;
}

/** The values at the places. */
export function gather(values: Float32Array, places: Int32Array): Float32Array<ArrayBuffer> {
  return Float32Array.from(places, place => values[place]);
}

/**
 * The inverse on an otherwise empty vector: the values at their places, zeros elsewhere. A mean of such updates is keep times that of whole
 * ones, in expectation over seeds: multiplied by 1 / keep it is right in the mean, and varies the more.
 *
 * Throws RangeError for another number of values than places, and for a place outside.
 */
export function scatter(values: Float32Array, places: Int32Array, length: number): Float32Array<ArrayBuffer> {
  if (values.length !== places.length)
    throw new RangeError(`scatter: ${values.length} values for ${places.length} places`);
  const whole = new Float32Array(length);
  for (let i = 0; i < places.length; i++) {
    if (!(places[i] >= 0 && places[i] < length)) throw new RangeError(`scatter: place ${places[i]} of ${length}`);
    whole[places[i]] = values[i];
  }
  return whole;
}
