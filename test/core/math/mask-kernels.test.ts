import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { assertSame } from './same-kernels.ts';

const words = (values: Float32Array) => new Uint32Array(values.buffer, values.byteOffset, values.length);

/** The words, by both kernels: as halves of 16 bits, small numbers, since of a NaN only that it is one is compared. */
function philox(count: number, key: readonly [number, number], counter: readonly [number, number, number, number]) {
  const [, halves] = assertSame([count, 2 * count], (k, [target, split]) => {
    k.philox(target, count, ...key, ...counter);
    const from = new Uint32Array(k.buffer, target, count);
    new Float32Array(k.buffer, split, 2 * count).set(Array.from(from).flatMap(word => [word >>> 16, word & 0xffff]));
    from.fill(0);
    return undefined;
  });
  return Uint32Array.from({ length: count }, (_, i) => halves[2 * i] * 65_536 + halves[2 * i + 1]);
}

test('Philox4x32-10 gives the known answers of Random123 (tests/kat_vectors)', () => {
  const vectors = [
    ['00000000 00000000 00000000 00000000', '00000000 00000000', '6627e8d5 e169c58d bc57ac4c 9b00dbd8'],
    ['ffffffff ffffffff ffffffff ffffffff', 'ffffffff ffffffff', '408f276d 41c83b0e a20bc7c6 6d5451fd'],
    ['243f6a88 85a308d3 13198a2e 03707344', 'a4093822 299f31d0', 'd16cfe09 94fdcceb 5001e420 24126ea1'],
  ].map(row => row.map(text => text.split(' ').map(word => Number.parseInt(word, 16))));
  for (const [counter, key, expected] of vectors) {
    const [c0, c1, c2, c3] = counter;
    assert.deepEqual([...philox(16, [key[0], key[1]], [c0, c1, c2, c3]).subarray(0, 4)], expected);
  }
});

test('block i has the counter of the first block plus i, and agrees with the twin to the bit', () => {
  const word = fc.integer({ min: 0, max: 0xffffffff });
  fc.assert(
    fc.property(fc.tuple(word, word), fc.tuple(word, word, word, word), fc.nat(11), (key, counter, block) => {
      const [first, ...rest] = counter;
      const all = philox(48, key, counter);
      const alone = philox(16, key, [(first + block) >>> 0, ...rest]);
      assert.deepEqual(all.subarray(4 * block, 4 * block + 4), alone.subarray(0, 4));
    }),
    { numRuns: 30 },
  );
});

test('what is below the threshold is dropped, whatever it is, the rest is scaled; the twin agrees to the bit', () => {
  const counts = fc.integer({ min: 1, max: 30 });
  fc.assert(
    fc.property(counts, fc.integer({ min: 0, max: 0xffffffff }), fc.nat(255), (n, threshold, seed) => {
      let masks: Uint32Array = new Uint32Array();
      let before: Float32Array = new Float32Array();
      const [, , target] = assertSame([n, n, n], (k, [x, w, y]) => k.drop(x, w, y, n, threshold, 1 / 3) as undefined, {
        seed,
        prepare: ([x, w]) => {
          x[0] = Number.NaN;
          // Positive float32 numbers as words: no NaN among them.
          words(w).forEach((word, i, all) => {
            all[i] = (word * 2_654_435_761) & 0x7f7fffff;
          });
          words(w)[n - 1] = Math.min(threshold, 0x7f7fffff);
          masks = words(w).slice();
          before = x.slice();
        },
      });
      target.forEach((y, i) => {
        assert.equal(y, masks[i] >= threshold ? Math.fround(before[i] * Math.fround(1 / 3)) : 0);
      });
    }),
  );
});
