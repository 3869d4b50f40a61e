/**
 * Sorting networks: comparators that sort any values of a fixed count, the same steps whatever the values are. Batcher's merge
 * exchange (Knuth, The Art of Computer Programming 3, 5.2.2, algorithm M), without the comparators that the wanted wires do not need.
 */

type Comparator = readonly [low: number, high: number];

/** Bounds the search for chains. */
const longestChain = 12;

/**
 * Comparators (low, high), two numbers each, to be run in order: each puts the less of its two values on `low`. Afterwards the wires
 * `from` … `to`, both included, hold the values of those ranks (0: the least); what the others hold is open.
 * Throws RangeError unless wires ≥ 1 and 0 ≤ from ≤ to < wires.
 */
export function sortingNetwork(wires: number, from: number, to: number): Uint32Array<ArrayBuffer> {
  checkRanks(wires, from, to);
  const used = Array.from({ length: wires }, (_, wire) => wire >= from && wire <= to);
  // Backwards: a comparator of which no output is used goes.
  return keptComparators(wires, ([low, high]) => {
    const isKept = used[low] || used[high];
    if (isKept) {
      used[low] = true;
      used[high] = true;
    }
    return isKept;
  });
}

/**
 * As `sortingNetwork`, but the wires `from` … `to` hold the values of those ranks in any order: enough for their sum, with fewer
 * comparators.
 */
export function selectionNetwork(wires: number, from: number, to: number): Uint32Array<ArrayBuffer> {
  checkRanks(wires, from, to);
  // Backwards: as long as nothing looks at them any more, wires of the same fate may change places.
  const fates = Array.from({ length: wires }, (_, wire): 'wanted' | 'dropped' | 'compared' =>
    wire >= from && wire <= to ? 'wanted' : 'dropped',
  );
  return keptComparators(wires, ([low, high]) => {
    const isKept = fates[low] !== fates[high] || fates[low] === 'compared';
    if (isKept) {
      fates[low] = 'compared';
      fates[high] = 'compared';
    }
    return isKept;
  });
}

function checkRanks(wires: number, from: number, to: number): void {
  if (!Number.isInteger(wires) || wires < 1) throw new RangeError(`a network has 1 wire or more, not ${wires}`);
  if (!Number.isInteger(from) || !Number.isInteger(to) || from < 0 || from > to || to >= wires) {
    throw new RangeError(`${wires} values have no ranks ${[from, to].join(' to ')}`);
  }
}

/** The comparators that `isKept` keeps, asked from the last to the first. */
function keptComparators(wires: number, isKept: (pair: Comparator) => boolean): Uint32Array<ArrayBuffer> {
  const kept = mergeExchange(wires).reverse().filter(isKept).reverse();
  return Uint32Array.from(chained(kept, wires).flat());
}

/**
 * The same comparators in an order in which many share a wire with the one before: a kernel then keeps its value in registers. The
 * longest such chain that can run comes first, again and again.
 */
function chained(comparators: readonly Comparator[], wires: number): Comparator[] {
  const waiting = Array.from({ length: wires }, (): number[] => []);
  comparators.forEach((pair, k) => {
    for (const wire of pair) waiting[wire].push(k);
  });
  const passed = new Array<number>(wires).fill(0);
  const next = (wire: number) => waiting[wire][passed[wire]];
  /** What stands next on both of its wires can run. */
  const runs = (k: number | undefined): k is number =>
    k !== undefined && comparators[k].every(wire => next(wire) === k);
  const move = (k: number, steps: 1 | -1) => {
    for (const wire of comparators[k]) passed[wire] += steps;
  };
  const longestFrom = (k: number, most: number): number[] => {
    let rest: number[] = [];
    move(k, 1);
    for (const follower of most > 1 ? comparators[k].map(next) : []) {
      const chain = runs(follower) ? longestFrom(follower, most - 1) : [];
      if (chain.length > rest.length) rest = chain;
    }
    move(k, -1);
    return [k, ...rest];
  };
  const order: Comparator[] = [];
  while (order.length < comparators.length) {
    let longest: number[] = [];
    for (let wire = 0; wire < wires; wire++) {
      const first = next(wire);
      const chain = runs(first) && comparators[first][0] === wire ? longestFrom(first, longestChain) : [];
      if (chain.length > longest.length) longest = chain;
    }
    for (const k of longest) {
      move(k, 1);
      order.push(comparators[k]);
    }
  }
  return order;
}

function mergeExchange(wires: number): Comparator[] {
  const comparators: Comparator[] = [];
  let top = 1;
  while (2 * top < wires) top *= 2;
  for (let p = top; p >= 1; p /= 2) {
    let remainder = 0;
    let distance = p;
    for (let q = top; ; q /= 2) {
      for (let i = 0; i + distance < wires; i++) {
        if ((i & p) === remainder) comparators.push([i, i + distance]);
      }
      if (q === p) break;
      distance = q - p;
      remainder = p;
    }
  }
  return comparators;
}
