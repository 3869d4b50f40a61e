/** Seeded randomness of the simulation: one stream per purpose, so that what one purpose draws moves no other. */
import { RandomStream } from '../core/math/random.ts';

/** The stream of a purpose under a seed, a whole number from 0 to 2^53 − 1. */
export function streamOf(seed: number, purpose: string): RandomStream {
  const bytes = new Uint8Array(32);
  new DataView(bytes.buffer).setFloat64(0, seed);
  return new RandomStream(bytes).split(purpose);
}
