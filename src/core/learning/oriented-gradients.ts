/**
 * Histograms of oriented gradients (Dalal and Triggs 2005) as a feature map that is public: it depends on no data, so that private training
 * on its values costs what it would on pixels (Tramèr and Boneh 2021, "Differentially private learning needs better features").
 */
import { expNegative } from '../math/elementary.ts';

export interface OrientedScale {
  /** Standard deviation of the Gaussian whose derivatives are taken, in pixels. */
  readonly blur: number;
  /** Cells along each side of the image. */
  readonly cells: number;
  /** Standard deviation of the window of a cell, in pixels. */
  readonly spread: number;
}

export interface OrientedGradients {
  /** Features of one image: 8 directions × cells² at each scale. */
  readonly width: number;
  /** Writes the features of one image, height × width pixels row after row, to `target` from `at` on: none negative, of norm 1, or all 0 for an even image. */
  write(pixels: ArrayLike<number>, target: Float32Array | Float64Array, at: number): void;
}

const half = Math.SQRT1_2;
const directions = [
  [1, 0],
  [half, half],
  [0, 1],
  [-half, half],
  [-1, 0],
  [-half, -half],
  [0, -1],
  [half, -half],
] as const;

/** Of the strongest cell, what is added to the strength around a cell before it is divided by it: even parts stay faint. */
const contrastFloor = 0.1;

/**
 * At each scale: the gradient of the blurred image (0 beyond its borders) votes for the directions within 90° with its length × cos⁴,
 * votes are summed in Gaussian windows, cells divided by the mean strength of their neighbourhood of 3 × 3 and drawn to the root. The same
 * bits on every engine.
 */
export function orientedGradients(height: number, width: number, scales: readonly OrientedScale[]): OrientedGradients {
  const plans = scales.map(({ blur, cells, spread }) => ({
    cells,
    filters: derivativeFilters(blur),
    down: windows(cells, spread, height),
    across: windows(cells, spread, width),
    near: Array.from({ length: cells * cells }, (_, cell) => neighbourhood(cell, cells)),
  }));
  const size = directions.length * plans.reduce((sum, { cells }) => sum + cells * cells, 0);
  const field = { height, width };
  const votes = new Float64Array(height * width);
  return {
    width: size,
    write(pixels, target, at) {
      let next = at;
      for (const { cells, filters, down, across, near } of plans) {
        const { smooth, slope } = filters;
        const rightward = filtered(filtered(pixels, slope, field, 'across'), smooth, field, 'down');
        const downward = filtered(filtered(pixels, smooth, field, 'across'), slope, field, 'down');
        const histogram = new Float64Array(directions.length * cells * cells);
        const lengths = rightward.map((right, i) => Math.sqrt(right * right + downward[i] * downward[i]));
        directions.forEach(([x, y], direction) => {
          votesFor(x, y, { rightward, downward, lengths }, votes);
          pool(votes, field, down, across, histogram, direction);
        });
        equaliseContrast(histogram, near);
        const norm = Math.sqrt(plans.length * histogram.reduce((sum, value) => sum + value * value, 0));
        for (const value of histogram) target[next++] = norm > 0 ? value / norm : 0;
      }
    },
  };
}

interface Gradient {
  readonly rightward: Float64Array;
  readonly downward: Float64Array;
  readonly lengths: Float64Array;
}

interface Field {
  readonly height: number;
  readonly width: number;
}

/** A Gaussian that sums to 1, and minus its derivative, to three standard deviations. */
function derivativeFilters(blur: number): { readonly smooth: Float64Array; readonly slope: Float64Array } {
  const reach = Math.ceil(3 * blur);
  const bell = Float64Array.from({ length: 2 * reach + 1 }, (_, i) =>
    expNegative(-((i - reach) ** 2) / (2 * blur * blur)),
  );
  const sum = bell.reduce((total, value) => total + value, 0);
  const smooth = bell.map(value => value / sum);
  return { smooth, slope: smooth.map((value, i) => ((i - reach) / (blur * blur)) * value) };
}

interface Window {
  readonly first: number;
  readonly weights: Float64Array;
}

/** Gaussian windows around the middles of equal cells; weights below a thousandth are left out. */
function windows(cells: number, deviation: number, length: number): Window[] {
  return Array.from({ length: cells }, (_, cell) => {
    const middle = ((cell + 0.5) * length) / cells - 0.5;
    const weightAt = (i: number): number => expNegative(-((i - middle) ** 2) / (2 * deviation * deviation));
    const kept = Array.from({ length }, (_, i) => i).filter(i => weightAt(i) >= 1e-3);
    return { first: kept[0] ?? 0, weights: Float64Array.from(kept, weightAt) };
  });
}

function filtered(
  values: ArrayLike<number>,
  filter: Float64Array,
  { height, width }: Field,
  along: 'across' | 'down',
): Float64Array {
  const reach = filter.length >> 1;
  const [stride, length] = along === 'across' ? [1, width] : [width, height];
  const result = new Float64Array(height * width);
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const here = along === 'across' ? column : row;
      const at = row * width + column;
      let sum = 0;
      const last = Math.min(reach, length - 1 - here);
      for (let i = -Math.min(reach, here); i <= last; i++) sum += filter[i + reach] * values[at + i * stride];
      result[at] = sum;
    }
  }
  return result;
}

/** Length × cos⁴ of the angle to (x, y), 0 beyond 90°. */
function votesFor(x: number, y: number, { rightward, downward, lengths }: Gradient, votes: Float64Array): void {
  for (let i = 0; i < votes.length; i++) {
    const along = rightward[i] * x + downward[i] * y;
    // Squares of the faintest gradients are 0.
    const cosine = along > 0 && lengths[i] > 0 ? along / lengths[i] : 0;
    votes[i] = lengths[i] * cosine * cosine * cosine * cosine;
  }
}

function pool(
  votes: Float64Array,
  { height, width }: Field,
  down: readonly Window[],
  across: readonly Window[],
  histogram: Float64Array,
  direction: number,
): void {
  const cells = across.length;
  const columns = new Float64Array(height * cells);
  for (let row = 0; row < height; row++) {
    across.forEach(({ first, weights }, cell) => {
      let sum = 0;
      for (let i = 0; i < weights.length; i++) sum += weights[i] * votes[row * width + first + i];
      columns[row * cells + cell] = sum;
    });
  }
  down.forEach(({ first, weights }, above) => {
    for (let cell = 0; cell < cells; cell++) {
      let sum = 0;
      for (let i = 0; i < weights.length; i++) sum += weights[i] * columns[(first + i) * cells + cell];
      histogram[(above * cells + cell) * directions.length + direction] = sum;
    }
  });
}

/** @param near the cells around each cell, with itself. */
function equaliseContrast(histogram: Float64Array, near: readonly (readonly number[])[]): void {
  const of = directions.length;
  const strength = Float64Array.from(near, (_, cell) =>
    Math.sqrt(histogram.subarray(cell * of, (cell + 1) * of).reduce((sum, value) => sum + value * value, 0)),
  );
  const floor = contrastFloor * strength.reduce((most, value) => Math.max(most, value), 0);
  for (let cell = 0; cell < strength.length; cell++) {
    const around = near[cell].reduce((sum, other) => sum + strength[other], 0) / 9;
    for (let i = cell * of; i < (cell + 1) * of; i++) {
      histogram[i] = floor > 0 ? Math.sqrt(histogram[i] / (around + floor)) : 0;
    }
  }
}

function neighbourhood(cell: number, cells: number): number[] {
  const [row, column] = [Math.floor(cell / cells), cell % cells];
  const near = [-1, 0, 1];
  return near.flatMap(down =>
    near
      .map(right => [row + down, column + right])
      .filter(([r, c]) => r >= 0 && r < cells && c >= 0 && c < cells)
      .map(([r, c]) => r * cells + c),
  );
}
