import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { clipL2 } from '../../../src/core/privacy/clip.ts';
import { Problem } from '../../../src/core/protocol/problem.ts';
import {
  dequantise,
  type Encoding,
  groupMean,
  makeEncoding,
  meanError,
  quantise,
  wordCount,
} from '../../../src/core/secagg/encoding.ts';
import { pack, unpack, wordSizes } from '../../../src/core/secagg/packing.ts';

const request = { bits: 32, clipNorm: 1, weightMax: null, dimension: 3, members: 8 } as const;
const isProblem = (code: string) => (error: unknown) => error instanceof Problem && error.code === code;

interface Site {
  readonly update: Float32Array;
  readonly weight: number;
}

/** Settings of every size, and updates within them. */
const groups = fc
  .record({
    bits: fc.constantFrom(...wordSizes),
    clipNorm: fc.constantFrom(1e-6, 0.37, 1, 1000, 1e18),
    weightMax: fc.constantFrom(null, 1, 7, 300),
    dimension: fc.integer({ min: 1, max: 20 }),
    members: fc.integer({ min: 1, max: 60 }),
  })
  .chain(settings =>
    fc.record({
      settings: fc.constant(settings),
      sites: fc.array(
        fc.record({
          direction: fc.array(fc.double({ min: -1, max: 1, noNaN: true }), {
            minLength: settings.dimension,
            maxLength: settings.dimension,
          }),
          length: fc.constantFrom(1e-3, 0.5, 1, 10),
          weight: fc.integer({ min: 1, max: settings.weightMax ?? 1 }),
        }),
        { minLength: 1, maxLength: settings.members },
      ),
    }),
  )
  .map(({ settings, sites }) => ({
    encoding: makeEncoding(settings),
    sites: sites.map(({ direction, length, weight }): Site => {
      const { clipNorm } = settings;
      const [clipped] = clipL2([Float64Array.from(direction, x => x * clipNorm * length)], clipNorm);
      return { update: Float32Array.from(clipped), weight };
    }),
  }));

/** Words of all, added up modulo 2^32 as masks are. */
function summed(sites: readonly Site[], encoding: Encoding): Int32Array {
  const sum = new Int32Array(wordCount(encoding));
  for (const { update, weight } of sites) {
    const words = quantise(update, weight, encoding);
    for (let i = 0; i < sum.length; i++) sum[i] += words[i];
  }
  return sum;
}

test('the scale is the finest at which no sum wraps, and a step finer would let one', () => {
  fc.assert(
    fc.property(groups, ({ encoding }) => {
      const { members, clipNorm, scaleBits, bits } = encoding;
      const most = (scale: number) => members * (clipNorm * 2 ** scale + 1);
      assert.ok(Number.isInteger(scaleBits));
      assert.ok(most(scaleBits) < 2 ** (bits - 1));
      assert.ok(most(scaleBits + 1) >= 2 ** (bits - 1));
      assert.ok(2 ** -scaleBits <= clipNorm / 64);
    }),
  );
  assert.equal(makeEncoding(request).scaleBits, 27);
  assert.ok(makeEncoding({ ...request, bits: 16, clipNorm: 1e18 }).scaleBits < 0);
});

test('settings whose sums would wrap or be too coarse are refused with what to change', () => {
  const refused = (changes: object, words: RegExp) =>
    assert.throws(() => makeEncoding({ ...request, ...changes }), { name: 'RangeError', message: words });
  refused({ bits: 16, members: 600 }, /16 bits .* 600 clients .*use more bits or smaller groups/);
  refused({ bits: 16, members: 1e6 }, /use more bits or smaller groups/);
  refused({ bits: 16, weightMax: 4096 }, /use more bits, a lower weight cap or smaller groups/);
  assert.doesNotThrow(() => makeEncoding({ ...request, bits: 16, weightMax: 4095 }));
  for (const clipNorm of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) refused({ clipNorm }, /clip norm/);
  for (const weightMax of [0, 1.5, -3, Number.NaN]) refused({ weightMax }, /largest weight/);
  for (const members of [0, 2.5, Number.NaN]) refused({ members }, /members/);
  for (const dimension of [0, 2.5, Number.NaN]) refused({ dimension }, /dimension/);
});

test('norms far beyond those of float32 have a scale too', () => {
  for (const clipNorm of [1e-300, 1e300, Number.MAX_VALUE]) {
    const { scaleBits } = makeEncoding({ ...request, clipNorm });
    assert.ok(clipNorm * 2 ** scaleBits >= 64 && clipNorm * 2 ** scaleBits < 2 ** 28);
  }
});

test('the sum of words, masked, packed and unpacked, is the sum of the words, and gives weighted sums within half a step per client', () => {
  fc.assert(
    fc.property(groups, fc.infiniteStream(fc.integer()), ({ encoding, sites }, randoms) => {
      const { bits, dimension, scaleBits, weightMax } = encoding;
      const masks = Int32Array.from({ length: wordCount(encoding) }, () => randoms.next().value);
      const masked = summed(sites, encoding).map((word, i) => word + masks[i]);
      const arrived = unpack(pack(masked, bits), bits, masked.length).map((word, i) => word - masks[i]);
      const { sum, weight } = dequantise(arrived, encoding, sites.length);
      assert.equal(
        weight,
        sites.reduce((total, site) => total + site.weight, 0),
      );
      const shareOf = (site: Site) => site.weight / (weightMax ?? 1);
      // What clipping in float64 and rounding to float32 leave above the bound is taken off: at most this much.
      const slack = sites.length * encoding.clipNorm * 2 ** -23;
      const bound = sites.length * 2 ** -(scaleBits + 1) * (1 + 1e-6) + slack;
      for (let i = 0; i < dimension; i++) {
        const exact = sites.reduce((total, site) => total + shareOf(site) * site.update[i], 0);
        assert.ok(Math.abs(sum[i] - exact) <= bound, `${sum[i]}, expected ${exact} ± ${bound}`);
      }
      const share = sites.reduce((total, site) => total + shareOf(site), 0);
      const mean = groupMean({ sum, weight }, encoding);
      const most = meanError(encoding, sites.length, weight) + slack / share + encoding.clipNorm * 2 ** -23;
      for (let i = 0; i < dimension; i++) {
        const exact = sites.reduce((total, site) => total + shareOf(site) * site.update[i], 0) / share;
        assert.ok(Math.abs(mean[i] - exact) <= most, `${mean[i]}, expected ${exact} ± ${most}`);
      }
    }),
  );
});

test('a word is what BigInt arithmetic gives: the weighted value in steps, ties to the even one', () => {
  const { scaleBits, ...rest } = makeEncoding({ ...request, dimension: 1, weightMax: 4 });
  const half = 2 ** -(scaleBits + 1);
  const encoding = { ...rest, scaleBits };
  for (const [halves, expected] of [
    [0, 0],
    [1, 0],
    [2, 1],
    [3, 2],
    [5, 2],
    [7, 4],
    [-1, 0],
    [-3, -2],
    [-5, -2],
    [1_000_001, 500_000],
    [-1_000_003, -500_002],
  ]) {
    assert.deepEqual([...quantise(Float32Array.of(halves * half), 4, encoding)], [expected, 4]);
    assert.deepEqual([...quantise(Float32Array.of(4 * halves * half), 1, encoding)], [expected, 1]);
  }
  fc.assert(
    fc.property(
      fc.float({ min: -1, max: 1, noNaN: true }).filter(x => Math.abs(x) >= 2 ** -100),
      x => {
        const wide = BigInt(x * 2 ** (scaleBits + 150));
        const step = 1n << 150n;
        const floor = wide >= 0n ? wide / step : -((-wide + step - 1n) / step);
        const rest = 2n * (wide - floor * step);
        const up = rest > step || (rest === step && floor % 2n !== 0n);
        assert.equal(quantise(Float32Array.of(x), 4, encoding)[0], Number(up ? floor + 1n : floor));
      },
    ),
  );
});

test('overflow: no sum of a full group at the limit wraps, whatever the word size', () => {
  for (const bits of wordSizes)
    for (const members of [1, 3, 64, 250])
      for (const clipNorm of [1, 0.999999, 3e-7])
        for (const sign of [1, -1]) {
          const weightMax = Math.floor((2 ** (bits - 1) - 1) / members);
          const encoding = makeEncoding({ bits, clipNorm, weightMax, dimension: 2, members });
          const site = { update: Float32Array.of(sign * clipNorm, 0), weight: weightMax };
          const words = summed(new Array<Site>(members).fill(site), encoding);
          const { sum, weight } = dequantise(words, encoding, members);
          assert.equal(weight, members * weightMax);
          const [exact, half] = [sign * members * clipNorm, members * 2 ** -(encoding.scaleBits + 1)];
          assert.ok(
            Math.abs(sum[0] - exact) <= half * (1 + 1e-6) + members * clipNorm * 2 ** -24,
            `${bits} ${members}`,
          );
        }
});

test('secagg-weight of must-not.json: 10,000 examples under a cap of 1,000 are refused, not given a wrong share', () => {
  const encoding = makeEncoding({ ...request, weightMax: 1000 });
  const update = Float32Array.of(0.1, 0.2, 0.3);
  assert.throws(() => quantise(update, 10_000, encoding), isProblem('bad-weight'));
  const words = quantise(update, 1000, encoding);
  const mean = groupMean(dequantise(words, encoding, 1), encoding);
  update.forEach((x, i) => {
    assert.ok(Math.abs(mean[i] - x) < 1e-7);
  });
});

test('a weight is a whole number from 1 to the cap, and 1 where every update weighs the same', () => {
  const update = new Float32Array(3);
  for (const weightMax of [null, 5]) {
    const encoding = makeEncoding({ ...request, weightMax });
    for (const weight of [0, -1, 0.5, (weightMax ?? 1) + 1, Number.NaN, Number.POSITIVE_INFINITY])
      assert.throws(() => quantise(update, weight, encoding), isProblem('bad-weight'));
    assert.equal(quantise(update, weightMax ?? 1, encoding).length, weightMax === null ? 3 : 4);
  }
});

test('a value that is not finite, an update that was not clipped and one of another length are refused', () => {
  const encoding = makeEncoding(request);
  for (const x of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])
    assert.throws(() => quantise(Float32Array.of(0, x, 0), 1, encoding), isProblem('non-finite'));
  assert.throws(() => quantise(Float32Array.of(1.0001, 0, 0), 1, encoding), RangeError);
  assert.throws(() => quantise(Float32Array.of(0.8, 0.8, 0), 1, encoding), RangeError);
  assert.throws(() => quantise(new Float32Array(2), 1, encoding), RangeError);
  const most = 2 ** encoding.scaleBits + 1;
  assert.ok(quantise(Float32Array.of(1.000009, 0, 0), 1, encoding)[0] <= most);
});

test('one client moves the sum by the clip bound at most, and by half a step per coordinate for rounding', () => {
  fc.assert(
    fc.property(groups, ({ encoding, sites }) => {
      const { dimension, clipNorm, scaleBits, weightMax } = encoding;
      for (const { update, weight } of sites) {
        const words = quantise(update, weight, encoding).subarray(0, dimension);
        const most = (weight / (weightMax ?? 1)) * clipNorm * 2 ** scaleBits + Math.sqrt(dimension) / 2;
        assert.ok(Math.hypot(...words) <= most * (1 + 1e-9) + 1e-9);
      }
    }),
  );
});

test('a sum that no honest clients have is refused', () => {
  const encoding = makeEncoding({ ...request, weightMax: 10 });
  const honest = summed(new Array<Site>(4).fill({ update: Float32Array.of(0.5, -0.5, 0.5), weight: 5 }), encoding);
  assert.equal(dequantise(honest, encoding, 4).weight, 20);
  const refused = (at: number, word: number, contributors = 4) => {
    const words = honest.slice();
    words[at] = word;
    assert.throws(() => dequantise(words, encoding, contributors), RangeError);
  };
  const clipSteps = 2 ** encoding.scaleBits;
  // Twenty tenths of weight allow 2 clip bounds and the rounding of four.
  refused(0, 2 * clipSteps + 5);
  refused(0, -2 * clipSteps - 5);
  // Each coordinate alone would do, all three are too long.
  const long = new Int32Array([1.9 * clipSteps, 1.9 * clipSteps, 0, 20]);
  assert.throws(() => dequantise(long, encoding, 4), /longer than honest/);
  refused(3, 3);
  refused(3, 41);
  refused(3, -1);
  // Nothing but the weights is wrong.
  assert.throws(() => dequantise(new Int32Array([0, 0, 0, 3]), encoding, 4), /sum of weights/);
  // Of many coordinates rounding may make the sum much longer, but none of them.
  const wide = makeEncoding({ ...request, bits: 16, dimension: 10_000 });
  const single = new Int32Array(wide.dimension);
  single[77] = 4 * 2 ** wide.scaleBits + 4;
  dequantise(single, wide, 4);
  single[77]++;
  assert.throws(() => dequantise(single, wide, 4), /a coordinate is more/);
  for (const contributors of [0, 9, 1.5, Number.NaN]) refused(0, honest[0], contributors);
  assert.throws(() => dequantise(honest.subarray(1), encoding, 4), RangeError);
});

test('the sum under a wrong mask is refused', () => {
  const encoding = makeEncoding({ ...request, bits: 16, dimension: 64 });
  const words = summed([{ update: new Float32Array(64).fill(0.1), weight: 1 }], encoding);
  let state = 1;
  const wrong = words.map(word => {
    state = Math.imul(state, 1_664_525) + 1_013_904_223;
    return word + (state >>> 16);
  });
  assert.throws(() => dequantise(wrong, encoding, 1), RangeError);
});

test('the mean is no longer than the clip bound, though rounding may leave the sum a little longer', () => {
  const dimension = 4096;
  const encoding = makeEncoding({ bits: 16, clipNorm: 1, weightMax: null, dimension, members: 2 });
  // A little over half a step everywhere rounds to a whole one.
  const update = new Float32Array(dimension).fill(0.51 * 2 ** -encoding.scaleBits);
  const { sum, weight } = dequantise(summed([{ update, weight: 1 }], encoding), encoding, 1);
  assert.equal(sum[0], 2 ** -encoding.scaleBits);
  const tight = { ...encoding, clipNorm: 0.5 * 64 * 2 ** -encoding.scaleBits };
  const norm = Math.hypot(...groupMean({ sum, weight }, tight));
  assert.ok(norm <= tight.clipNorm * (1 + 1e-6), `${norm}`);
});
