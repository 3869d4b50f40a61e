import assert from 'node:assert/strict';
import { createCipheriv, hkdfSync } from 'node:crypto';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { Keystream } from '../../../src/core/crypto/group-primitives.ts';
import { nobleHkdf } from '../../../src/core/crypto/noble-hkdf.ts';
import { nobleKeystream } from '../../../src/core/crypto/noble-keystream.ts';
import { webKeystream } from '../../../src/core/crypto/web-keystream.ts';
import type { KernelSource, Kernels } from '../../../src/core/math/kernels/kernels.ts';
import { createSimdKernels } from '../../../src/core/math/kernels/simd.ts';
import { twinKernels } from '../../../src/core/math/kernels/twin.ts';
import { applyMasks, type MaskOptions } from '../../../src/core/secagg/apply-masks.ts';
import type { Mask } from '../../../src/core/secagg/mask.ts';
import type { MaskSegment } from '../../../src/core/secagg/mask-plan.ts';
import { nodeKeystream } from '../../../src/node/keystream.ts';

const primitives = { hkdf: nobleHkdf };
const web = webKeystream(crypto.subtle);
const keystreams: Record<string, Keystream> = { OpenSSL: nodeKeystream, WebCrypto: web };

const bitSizes = [16, 20, 24, 32] as const;
const segmentOf = (length: number, bits: MaskSegment['bits'] = 32, label = 'update'): MaskSegment => ({
  length,
  bits,
  label,
});
const seedOf = (value: number) => new Uint8Array(32).fill(value);
const masksOf = (count: number): Mask[] =>
  Array.from({ length: count }, (_, i) => ({ seed: seedOf(i + 1), sign: i % 3 === 0 ? -1 : 1 }));
const ramp = (length: number) => Int32Array.from({ length }, (_, i) => Math.imul(i, 0x9e3779b1));

async function masked(
  masks: readonly Mask[],
  segment: MaskSegment,
  vector: Int32Array,
  options: MaskOptions & { keystream?: Keystream } = {},
): Promise<Int32Array> {
  const result = Int32Array.from(vector);
  await applyMasks(masks, segment, result, options.keystream ?? nodeKeystream, primitives, options);
  return result;
}

/** vector + Σ sign·PRG modulo 2^bits by the specification: node:crypto and BigInt. */
function expected(masks: readonly Mask[], { bits, label }: MaskSegment, vector: Int32Array): Int32Array {
  const streams = masks.map(({ seed }) => {
    // CBOR of ["parley/v1/stream", label], for labels shorter than 24 bytes.
    const info = Buffer.concat([
      Buffer.from([0x82, 0x60 + 16]),
      Buffer.from('parley/v1/stream'),
      Buffer.from([0x60 + label.length]),
      Buffer.from(label),
    ]);
    const key = new Uint8Array(hkdfSync('sha256', seed, new Uint8Array(0), info, 32));
    const zeros = Buffer.alloc(vector.length * (bits === 16 ? 2 : 4));
    return createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(zeros);
  });
  const words = streams.map(
    stream => (i: number) => (bits === 16 ? stream.readUInt16LE(2 * i) : stream.readUInt32LE(4 * i)),
  );
  return vector.map((value, i) => {
    const sum = masks.reduce((total, { sign }, m) => total + BigInt(sign) * BigInt(words[m](i)), BigInt(value));
    return Number(bits === 32 ? BigInt.asIntN(32, sum) : BigInt.asUintN(bits, sum));
  });
}

for (const [name, keystream] of Object.entries(keystreams)) {
  describe(`with the keystream of ${name}`, () => {
    for (const bits of bitSizes) {
      test(`a vector of ${bits} bits gets the sum of its masks as specified`, async () => {
        for (const [length, count] of [
          [1, 1],
          [100, 7],
          [16_385, 3],
          [40_000, 2],
          [33, 70],
        ]) {
          const [segment, vector, masks] = [segmentOf(length, bits), ramp(length), masksOf(count)];
          assert.deepEqual(await masked(masks, segment, vector, { keystream }), expected(masks, segment, vector));
        }
      });
    }

    test('parts together are the whole', async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.constantFrom(...bitSizes),
          fc.nat(20_000),
          fc.nat(20_000),
          fc.nat(9),
          async (bits, a, b, count) => {
            const [segment, vector, masks] = [segmentOf(20_000, bits), ramp(20_000), masksOf(count)];
            const whole = await masked(masks, segment, vector, { keystream });
            const parts = Int32Array.from(vector);
            const cuts = [0, Math.min(a, b), Math.max(a, b), 20_000];
            for (const i of [2, 0, 1]) {
              const part = { from: cuts[i], to: cuts[i + 1] };
              await applyMasks(masks, segment, parts, keystream, primitives, part);
            }
            assert.deepEqual(parts, whole);
          },
        ),
        { numRuns: 12, seed: 1 },
      );
    });

    test('an abort ends the work with its reason', async () => {
      const stop = new AbortController();
      const reason = new Error('enough');
      const fractions: number[] = [];
      const onProgress = (fraction: number) => {
        fractions.push(fraction);
        if (fractions.length === 2) stop.abort(reason);
      };
      await assert.rejects(
        masked(masksOf(6), segmentOf(100_000), ramp(100_000), { keystream, onProgress, signal: stop.signal }),
        reason,
      );
      assert.equal(fractions.length, 2);
    });
  });
}

test('what one member adds another takes away: masks of opposite sign cancel modulo 2^b, in any order', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...bitSizes),
      fc.integer({ min: 1, max: 300 }),
      fc.array(fc.uint8Array({ minLength: 32, maxLength: 32 }), { minLength: 1, maxLength: 5 }),
      async (bits, length, seeds) => {
        const segment = segmentOf(length, bits);
        const values = ramp(length).map(value => (bits === 32 ? value : value & (2 ** bits - 1)));
        const added = seeds.map(seed => ({ seed, sign: 1 }) as const);
        const taken = seeds.map(seed => ({ seed, sign: -1 }) as const);
        const hidden = await masked(added, segment, values);
        assert.notDeepEqual(hidden, values);
        assert.deepEqual(await masked([...taken].reverse(), segment, hidden), values);
        assert.deepEqual(await masked([...taken, ...added], segment, values), values);
      },
    ),
    { numRuns: 40, seed: 2 },
  );
});

test('masked values lie in their range, and without masks they are brought into it', async () => {
  for (const bits of [16, 20, 24] as const) {
    const values = Int32Array.of(-1, -(2 ** 31), 2 ** 31 - 1, 5, -7);
    assert.deepEqual(
      await masked([], segmentOf(5, bits), values),
      values.map(value => Number(BigInt.asUintN(bits, BigInt(value)))),
    );
    assert.ok((await masked(masksOf(3), segmentOf(5, bits), values)).every(value => value >= 0 && value < 2 ** bits));
  }
  assert.deepEqual(await masked([], segmentOf(2), Int32Array.of(-1, 7)), Int32Array.of(-1, 7));
  assert.deepEqual(await masked(masksOf(2), segmentOf(0), new Int32Array(0)), new Int32Array(0));
});

test('segments of one vector get different masks from the same seed', async () => {
  const [update, figures] = [segmentOf(100, 32, 'update'), segmentOf(100, 32, 'figures')];
  const zeros = new Int32Array(100);
  const [one, other] = [await masked(masksOf(1), update, zeros), await masked(masksOf(1), figures, zeros)];
  assert.ok(one.every((word, i) => word !== other[i]));
});

test('kernels in WebAssembly and in plain TypeScript, and keystreams of OpenSSL and noble, give the same vector', async () => {
  for (const bits of bitSizes) {
    const [segment, vector, masks] = [segmentOf(17_001, bits), ramp(17_001), masksOf(3)];
    const simd = await masked(masks, segment, vector, { kernels: createSimdKernels() });
    assert.deepEqual(await masked(masks, segment, vector, { kernels: twinKernels, keystream: nobleKeystream }), simd);
  }
});

test('the fraction done rises to 1', async () => {
  const fractions: number[] = [];
  await masked(masksOf(70), segmentOf(40_000), ramp(40_000), { onProgress: fraction => void fractions.push(fraction) });
  assert.ok(fractions.every((fraction, i) => fraction > (fractions[i - 1] ?? 0)));
  assert.equal(fractions.at(-1), 1);
});

test('the memory goes back without the vector and the keystream in it, after failures too', async () => {
  const isZero = ({ buffer }: { readonly buffer: ArrayBuffer }) => new Uint8Array(buffer).every(byte => byte === 0);
  const released: boolean[] = [];
  let last: Kernels | null = null;
  const source: KernelSource = {
    ...twinKernels,
    release(kernels) {
      last = kernels;
      released.push(isZero(kernels));
    },
  };
  await masked(masksOf(6), segmentOf(20_000), ramp(20_000), { kernels: source });
  await masked(masksOf(6), segmentOf(20_000), ramp(20_000), { kernels: source, keystream: web });
  let late = 0;
  const failing: Keystream = {
    open: () => ({
      async fill(target) {
        // The second reader fails while others still write.
        const turn = late++;
        if (turn === 1) throw new Error('no stream');
        for (let i = 0; i < 10; i++) await null;
        target.fill(turn + 1);
      },
    }),
  };
  await assert.rejects(
    masked(masksOf(6), segmentOf(100), ramp(100), { kernels: source, keystream: failing }),
    /no stream/,
  );
  assert.ok(late > 2);
  // Nobody writes behind the back of the next holder.
  for (let i = 0; i < 100; i++) await null;
  assert.ok(last !== null && isZero(last));
  assert.deepEqual(released, [true, true, true]);
});

test('other lengths, parts outside and seeds of another length are refused', async () => {
  const cases: [readonly Mask[], Int32Array, MaskOptions][] = [
    [[], new Int32Array(9), {}],
    [[], new Int32Array(10), { from: -1 }],
    [[], new Int32Array(10), { to: 11 }],
    [[], new Int32Array(10), { from: 6, to: 5 }],
    [[], new Int32Array(10), { from: 0.5 }],
    [[{ seed: new Uint8Array(16), sign: 1 }], new Int32Array(10), {}],
  ];
  for (const [masks, vector, options] of cases) {
    await assert.rejects(applyMasks(masks, segmentOf(10), vector, nodeKeystream, primitives, options), RangeError);
  }
});

describe('the masks of a seed', () => {
  /** must-not.json, secagg-prg-6161 and secagg-prg-0001: Flower folds both seeds to the 32-bit seed 0 of a Mersenne Twister. */
  const folded = [2_357_136_044, 2_546_248_239, 3_071_714_933, 3_626_093_760];
  const seeds = [new Uint8Array(32).fill(0x61), Uint8Array.from({ length: 32 }, (_, i) => i)];
  const wordsOf = async (seed: Uint8Array) =>
    [...(await masked([{ seed, sign: 1 }], segmentOf(4), new Int32Array(4)))].map(word => word >>> 0);

  test('are not those of a seed folded to 32 bits, and two seeds that fold to the same differ', async () => {
    const [one, other] = await Promise.all(seeds.map(wordsOf));
    assert.notDeepEqual(one, folded);
    assert.notDeepEqual(other, folded);
    assert.ok(one.every((word, i) => word !== other[i]));
  });

  test('change with every one of its 256 bits', async () => {
    const seen = new Set<string>();
    for (let bit = -1; bit < 256; bit++) {
      const seed = Uint8Array.from(seeds[1]);
      if (bit >= 0) seed[bit >> 3] ^= 1 << (bit & 7);
      for (const word of await wordsOf(seed)) seen.add(String(word));
    }
    // 1,028 words of 32 bits: a collision among honest ones has a chance of 1 in 8,000.
    assert.equal(seen.size, 4 * 257);
  });
});
