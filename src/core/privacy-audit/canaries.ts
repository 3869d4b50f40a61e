/** Rows whose clipped gradients are unit vectors, each on an axis of its own. */
import type { Examples } from './examples.ts';

/** So large that the gradient by the bias is next to nothing beside that by the weight. */
const size = 1000;

/**
 * A row for each axis named, and so many bystanders on the last axis. The model begins at, or next to, zeros: the gradient of every row is
 * longer than any clip bound up to 100, and points down its axis.
 */
export function canaryExamples(axes: number, canaries: readonly number[], bystanders: number): Examples {
  const onAxis = (axis: number): ArrayLike<number> => {
    const features = new Float32Array(axes);
    features[axis] = size;
    return features;
  };
  const [last, rows] = [onAxis(axes - 1), canaries.map(axis => ({ features: onAxis(axis), label: 1 }))];
  return { rows: [...rows, ...new Array(bystanders).fill({ features: last, label: 1 })] };
}
