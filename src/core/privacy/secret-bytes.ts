/** Random bytes for rounding and noise: from the platform's cryptographic generator, never from a seed of a task. */
import type { Primitives } from '../crypto/primitives.ts';
import type { RandomBytes } from './random-words.ts';

/** Leaves no copy of what it hands out. */
export function secretBytes({ randomBytes }: Pick<Primitives, 'randomBytes'>): RandomBytes {
  return bytes => {
    const drawn = randomBytes(bytes.length);
    bytes.set(drawn);
    drawn.fill(0);
  };
}
