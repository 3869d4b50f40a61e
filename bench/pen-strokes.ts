/** Images of random pen strokes: what a public feature map of handwriting is centred on. Nobody's data. */
import { RandomStream } from '../src/core/math/random.ts';

const side = 28;
/** Longest side of what is drawn, in pixels, and points of a curve. */
const extent = 18;
const pointsOfCurve = 61;

type Point = readonly [x: number, y: number];

/** So many images of 28 × 28 pixels from 0 to 1: one or two cubic curves with random ends and a pen of 0.8 to 1.6 pixels, its middle where MNIST has the middle of a digit. */
export function penStrokes(count: number): Float64Array[] {
  const stream = new RandomStream(new Uint8Array(32).fill(7));
  return Array.from({ length: count }, () => drawn(scaled(path(stream)), 0.8 + 0.8 * stream.float64()));
}

function path(stream: RandomStream): Point[] {
  const random = (): Point => [stream.float64(), stream.float64()];
  return Array.from({ length: 1 + stream.below(2) }, () => {
    const [a, b, c, d] = [random(), random(), random(), random()];
    return Array.from({ length: pointsOfCurve }, (_, i) => {
      const t = i / (pointsOfCurve - 1);
      const weights = [(1 - t) ** 3, 3 * (1 - t) ** 2 * t, 3 * (1 - t) * t * t, t * t * t];
      const at = (axis: 0 | 1) => [a, b, c, d].reduce((sum, point, k) => sum + weights[k] * point[axis], 0);
      return [at(0), at(1)] as const;
    });
  }).flat();
}

/** To the extent, around the middle of the image. */
function scaled(points: readonly Point[]): Point[] {
  const axis = (k: 0 | 1) => points.map(point => point[k]);
  const length = (values: readonly number[]) => Math.max(...values) - Math.min(...values);
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const factor = extent / Math.max(length(axis(0)), length(axis(1)));
  const [x, y] = [mean(axis(0)), mean(axis(1))];
  const middle = (side - 1) / 2;
  return points.map(point => [middle + factor * (point[0] - x), middle + factor * (point[1] - y)]);
}

/** White on black, grey over the last pixel of the pen. */
function drawn(points: readonly Point[], pen: number): Float64Array {
  return Float64Array.from({ length: side * side }, (_, i) => {
    const [x, y] = [i % side, Math.floor(i / side)];
    let nearest = Number.POSITIVE_INFINITY;
    for (const point of points) nearest = Math.min(nearest, (point[0] - x) ** 2 + (point[1] - y) ** 2);
    return Math.min(1, Math.max(0, pen + 0.5 - Math.sqrt(nearest)));
  });
}
