/** Rows of ten classes that overlap, in fifty features: easy to learn something about, and easy to learn by heart. */
import { RandomStream } from '../math/random.ts';
import type { Examples } from './examples.ts';

export const [mixtureFeatures, mixtureClasses] = [50, 10];

/** So many rows around the means of their classes, of length 1. The same rows every time: an audit compares models, not data. */
export function mixtureRows(count: number): Examples['rows'] {
  const stream = new RandomStream(new Uint8Array(32).fill(5));
  const means = Array.from({ length: mixtureClasses }, () =>
    Float64Array.from({ length: mixtureFeatures }, () => 0.3 * stream.normal()),
  );
  return Array.from({ length: count }, () => {
    const label = stream.below(mixtureClasses);
    const values = means[label].map(mean => mean + stream.normal());
    const length = Math.hypot(...values);
    return { features: values.map(value => value / length), label };
  });
}
