import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Kernels, Layout } from '../../../src/core/math/kernels/kernels.ts';
import { createSimdKernels } from '../../../src/core/math/kernels/simd.ts';
import { twinKernels } from '../../../src/core/math/kernels/twin.ts';

const sources = { simd: createSimdKernels(), twin: twinKernels };
const word = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const vectors = fc.array(fc.tuple(word, word), { minLength: 1, maxLength: 70 });

/** What `run` leaves in memory that held words and sums; there is one value more behind each, which must stay. */
function after(
  source: (typeof sources)['simd'],
  [words, sums]: readonly [Int32Array, Int32Array],
  run: (kernels: Kernels, words: number, sums: number) => void,
): number[] {
  const layout = new Layout();
  const at = layout.float32(words.length + 1);
  const to = layout.float32(sums.length + 1);
  const kernels = source.acquire(layout.bytes);
  const memory = (offset: number, count: number) => new Int32Array(kernels.buffer, offset, count);
  memory(at, words.length + 1).set([...words, 7]);
  memory(to, sums.length + 1).set([...sums, 7]);
  run(kernels, at, to);
  const result = [...memory(to, sums.length + 1)];
  assert.deepEqual([...memory(at, words.length + 1)], [...words, 7]);
  source.release(kernels);
  return result;
}

for (const [name, source] of Object.entries(sources)) {
  test(`${name}: words of 32 and of 16 bits are added and subtracted modulo 2^32, and nothing else changes`, () => {
    fc.assert(
      fc.property(vectors, fc.constantFrom(1, -1), (pairs, sign) => {
        const words = Int32Array.from(pairs, ([w]) => w);
        const sums = Int32Array.from(pairs, ([, s]) => s);
        assert.deepEqual(
          after(source, [words, sums], (k, w, s) => k.addWords32(w, s, sums.length, sign)),
          [...sums.map((s, i) => Number(BigInt.asIntN(32, BigInt(s) + BigInt(sign) * BigInt(words[i])))), 7],
        );
        const halves = new Uint16Array(words.buffer);
        assert.deepEqual(
          after(source, [words, sums], (k, w, s) => k.addWords16(w, s, sums.length, sign)),
          [...sums.map((s, i) => Number(BigInt.asIntN(32, BigInt(s) + BigInt(sign) * BigInt(halves[i])))), 7],
        );
      }),
      { seed: 1 },
    );
  });

  test(`${name}: the low bits of every value are kept`, () => {
    fc.assert(
      fc.property(vectors, fc.integer({ min: 1, max: 31 }), (pairs, bits) => {
        const sums = Int32Array.from(pairs, ([, s]) => s);
        const words = new Int32Array(sums.length);
        const kept = [...sums.map(s => Number(BigInt.asUintN(bits, BigInt(s)))), 7];
        assert.deepEqual(
          after(source, [words, sums], (k, _, s) => k.keepLowBits(s, sums.length, bits)),
          kept,
        );
      }),
      { seed: 2 },
    );
  });
}
