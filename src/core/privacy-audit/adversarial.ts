/** Contributions that a careless implementation does not bound. */
import type { Examples } from './examples.ts';
import type { ClientUpdate } from './mechanisms.ts';

/** Updates of three tensors, the second of a single value. */
const shapes = [4, 1, 3] as const;
export const updateLength = 8;

export const adversarialUpdates: Readonly<Record<string, ClientUpdate>> = {
  ordinary: update([0.3, -0.2, 0.5, 0.1, 0.4, -0.6, 0.2, 0.1]),
  long: update([3, -2, 5, 1, 4, -6, 2, 1]),
  'equal norms in every tensor': update([1, 0, 0, 0, 1, 1, 0, 0]),
  'one huge scalar': update([0, 0, 0, 0, 1e6, 0, 0, 0]),
  'values of 3e38': update(new Array(updateLength).fill(3e38)),
  'values of 1e308': update(new Array(updateLength).fill(1e308)),
  'a NaN': update([Number.NaN, 1, 1, 1, 1, 1, 1, 1]),
  'an infinity': update([Number.POSITIVE_INFINITY, 0, 0, 0, 0, 0, 0, 0]),
  'both infinities': update([Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, 0, 0, 0, 0, 0]),
  zero: update(new Array(updateLength).fill(0)),
  'a weight of 1e6': { ...update([3, -2, 5, 1, 4, -6, 2, 1]), examples: 1e6 },
};

export const ordinaryUpdates: readonly ClientUpdate[] = [
  adversarialUpdates.ordinary,
  { ...adversarialUpdates.long, examples: 3 },
  update([-1, 0.5, 0.25, 0, 0, 0.1, -0.3, 2]),
];

const ordinary = (shift: number, label: number) => ({ features: [0.4 + shift, -1.2, 0.3 * shift, 0.8], label });

export const adversarialRows: Readonly<Record<string, Examples['rows'][number]>> = {
  ordinary: ordinary(0.5, 1),
  'a long gradient': { features: [40, -30, 20, 50], label: 2 },
  'features of 3e38': { features: [3e38, -3e38, 3e38, 3e38], label: 0 },
  'a NaN': { features: [Number.NaN, 0, 0, 0], label: 1 },
  'an infinity': { features: [Number.POSITIVE_INFINITY, 1, 0, 0], label: 1 },
  'minus infinity': { features: [0, Number.NEGATIVE_INFINITY, 0, 1], label: 0 },
  zeros: { features: [0, 0, 0, 0], label: 2 },
  'values of 1e-40': { features: [1e-40, 1e-40, 0, 0], label: 0 },
};

/** More rows than one part of a batch. */
export const ordinaryRows: Examples['rows'] = Array.from({ length: 19 }, (_, i) => ordinary(i / 7 - 1, i % 3));

function update(values: readonly number[]): ClientUpdate {
  let at = 0;
  const parts = shapes.map(size => {
    const part = Float64Array.from(values.slice(at, at + size));
    at += size;
    return part;
  });
  return { parts, examples: 1 };
}
