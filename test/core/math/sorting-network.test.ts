import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { selectionNetwork, sortingNetwork } from '../../../src/core/math/sorting-network.ts';

/** The wires after a network, all inputs of zeros and ones at once: bit k of wires[i] is input k's value on wire i. */
function throughBits(network: Uint32Array, wires: bigint[]): bigint[] {
  const after = [...wires];
  for (let k = 0; k < network.length; k += 2) {
    const [a, b] = [after[network[k]], after[network[k + 1]]];
    after[network[k]] = a & b;
    after[network[k + 1]] = a | b;
  }
  return after;
}

/** For every number of ones: the inputs that have at least so many. */
function atLeast(wires: readonly bigint[]): bigint[] {
  const counts = [-1n, ...wires.map(() => 0n)];
  for (const wire of wires) {
    for (let ones = wires.length; ones > 0; ones--) counts[ones] |= counts[ones - 1] & wire;
  }
  return counts;
}

/** All 2^wires inputs. */
function allInputs(wires: number): bigint[] {
  const inputs = 2 ** wires;
  return Array.from({ length: wires }, (_, wire) => {
    let pattern = ((1n << BigInt(2 ** wire)) - 1n) << BigInt(2 ** wire);
    for (let length = 2 ** (wire + 1); length < inputs; length *= 2) pattern |= pattern << BigInt(length);
    return pattern;
  });
}

const ranges = fc
  .integer({ min: 1, max: 130 })
  .chain(wires => fc.tuple(fc.constant(wires), fc.nat(wires - 1), fc.nat(wires - 1)))
  .map(([wires, a, b]) => ({ wires, from: Math.min(a, b), to: Math.max(a, b) }));
const sorted = (values: Iterable<number>) => [...values].sort((a, b) => a - b);

function through(network: Uint32Array, values: readonly number[]): number[] {
  const wires = [...values];
  for (let k = 0; k < network.length; k += 2) {
    const [a, b] = [wires[network[k]], wires[network[k + 1]]];
    wires[network[k]] = Math.min(a, b);
    wires[network[k + 1]] = Math.max(a, b);
  }
  return wires;
}

describe('a sorting network', () => {
  // A network that sorts all zeros and ones sorts everything (Knuth 5.3.4, theorem Z); the same holds rank by rank.
  test('sorts every input of zeros and ones, up to 16 wires: so it sorts everything', () => {
    for (let wires = 1; wires <= 16; wires++) {
      const inputs = allInputs(wires);
      const ones = atLeast(inputs);
      const mask = (1n << BigInt(2 ** wires)) - 1n;
      const after = throughBits(sortingNetwork(wires, 0, wires - 1), inputs);
      after.forEach((wire, rank) => {
        assert.equal(wire, ones[wires - rank] & mask, `${wires} wires, rank ${rank}`);
      });
    }
  });

  test('pruned to any ranks puts these on their wires for every input of zeros and ones, up to 10 wires', () => {
    for (let wires = 1; wires <= 10; wires++) {
      const inputs = allInputs(wires);
      const ones = atLeast(inputs);
      const mask = (1n << BigInt(2 ** wires)) - 1n;
      for (let from = 0; from < wires; from++) {
        for (let to = from; to < wires; to++) {
          const after = throughBits(sortingNetwork(wires, from, to), inputs);
          for (let rank = from; rank <= to; rank++) assert.equal(after[rank], ones[wires - rank] & mask);
        }
      }
    }
  });

  test('puts the values of the wanted ranks on their wires, as sorting does', () => {
    fc.assert(
      fc.property(
        ranges,
        fc.infiniteStream(fc.oneof(fc.integer({ min: -3, max: 3 }), fc.integer())),
        (range, stream) => {
          const { wires, from, to } = range;
          const values = Array.from({ length: wires }, () => stream.next().value as number);
          const expected = sorted(values).slice(from, to + 1);
          assert.deepEqual(through(sortingNetwork(wires, from, to), values).slice(from, to + 1), expected);
        },
      ),
      { numRuns: 150 },
    );
  });

  test('has no more comparators than planned for 20, 50 and 100 rows', () => {
    const counts = [20, 50, 100].map(rows => {
      const cut = Math.floor(rows / 4);
      return [
        sortingNetwork(rows, 0, rows - 1),
        sortingNetwork(rows, (rows - 1) >> 1, rows >> 1),
        sortingNetwork(rows, cut, rows - 1 - cut),
      ].map(network => network.length / 2);
    });
    assert.deepEqual(counts, [
      [97, 81, 91],
      [395, 329, 373],
      [1077, 889, 1003],
    ]);
  });

  test('refuses ranks that there are not', () => {
    for (const [wires, from, to] of [
      [0, 0, 0],
      [3, 2, 1],
      [3, 0, 3],
      [3, -1, 1],
      [2.5, 0, 1],
      [3, 0.5, 1],
    ]) {
      assert.throws(() => sortingNetwork(wires, from, to), RangeError);
    }
  });
});

describe('a selection network', () => {
  test('brings the wanted ranks to their wires, in any order, with no more comparators than sorting takes', () => {
    fc.assert(
      fc.property(
        ranges.chain(range =>
          fc.tuple(fc.constant(range), fc.array(fc.integer(), { minLength: range.wires, maxLength: range.wires })),
        ),
        ([{ wires, from, to }, values]) => {
          const network = selectionNetwork(wires, from, to);
          const wanted = through(network, values).slice(from, to + 1);
          assert.deepEqual(sorted(wanted), sorted(values).slice(from, to + 1));
          assert.ok(network.length <= sortingNetwork(wires, from, to).length);
        },
      ),
    );
  });

  test('selects from every input of zeros and ones, up to 9 wires', () => {
    for (let wires = 1; wires <= 9; wires++) {
      for (let from = 0; from < wires; from++) {
        for (let to = from; to < wires; to++) {
          const network = selectionNetwork(wires, from, to);
          for (let input = 0; input < 2 ** wires; input++) {
            const bits = Array.from({ length: wires }, (_, wire) => (input >> wire) & 1);
            const ones = (some: readonly number[]) => some.reduce((sum, bit) => sum + bit, 0);
            assert.equal(ones(through(network, bits).slice(from, to + 1)), ones(sorted(bits).slice(from, to + 1)));
          }
        }
      }
    }
  });

  test('compares nothing where all is wanted, and less than sorting where the middle is', () => {
    assert.equal(selectionNetwork(50, 0, 49).length, 0);
    assert.ok(selectionNetwork(50, 12, 37).length < 0.91 * sortingNetwork(50, 12, 37).length);
  });
});
