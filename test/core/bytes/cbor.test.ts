import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Cbor, CborError, decodeCbor, encodeCbor } from '../../../src/core/bytes/cbor.ts';

const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'));
const hex = (data: Uint8Array): string => Buffer.from(data).toString('hex');
const twentyFive = Array.from({ length: 25 }, (_, i) => i + 1);

/** RFC 8949 Appendix A: every value that has an encoding here. */
const examples: [Cbor, string][] = [
  [0, '00'],
  [1, '01'],
  [10, '0a'],
  [23, '17'],
  [24, '1818'],
  [25, '1819'],
  [100, '1864'],
  [1000, '1903e8'],
  [1000000, '1a000f4240'],
  [1000000000000, '1b000000e8d4a51000'],
  [-1, '20'],
  [-10, '29'],
  [-100, '3863'],
  [-1000, '3903e7'],
  [-0.0, 'f98000'],
  [1.1, 'fb3ff199999999999a'],
  [1.5, 'f93e00'],
  [3.4028234663852886e38, 'fa7f7fffff'],
  [1.0e300, 'fb7e37e43c8800759c'],
  [2 ** -24, 'f90001'],
  [0.00006103515625, 'f90400'],
  [-4.1, 'fbc010666666666666'],
  [false, 'f4'],
  [true, 'f5'],
  [null, 'f6'],
  [new Uint8Array(0), '40'],
  [bytes('01020304'), '4401020304'],
  ['', '60'],
  ['a', '6161'],
  ['IETF', '6449455446'],
  ['"\\', '62225c'],
  ['\u00fc', '62c3bc'],
  ['\u6c34', '63e6b0b4'],
  ['\ud800\udd51', '64f0908591'],
  [[], '80'],
  [[1, 2, 3], '83010203'],
  [[1, [2, 3], [4, 5]], '8301820203820405'],
  [twentyFive, '98190102030405060708090a0b0c0d0e0f101112131415161718181819'],
  [{}, 'a0'],
  [{ a: 1, b: [2, 3] }, 'a26161016162820203'],
  [['a', { b: 'c' }], '826161a161626163'],
  [{ a: 'A', b: 'B', c: 'C', d: 'D', e: 'E' }, 'a56161614161626142616361436164614461656145'],
];

/** Well-formed CBOR that `encodeCbor` would not have written. The first part is the rest of Appendix A. */
const otherForms: [string, string][] = [
  ['f90000', '0.0 as a float: it is the integer 0'],
  ['f93c00', '1.0 as a float'],
  ['f97bff', '65504.0 as a float'],
  ['fa47c35000', '100000.0 as a float'],
  ['f9c400', '-4.0 as a float'],
  ['f97c00', 'infinity'],
  ['f97e00', 'NaN'],
  ['f9fc00', 'minus infinity'],
  ['fa7f800000', 'infinity, float32'],
  ['fb7ff8000000000000', 'NaN, float64'],
  ['1bffffffffffffffff', 'an integer above 2^53'],
  ['3bffffffffffffffff', 'a negative integer below −2^53'],
  ['c249010000000000000000', 'a bignum'],
  ['f7', 'undefined'],
  ['f0', 'simple value 16'],
  ['f8ff', 'simple value 255'],
  ['c074323031332d30332d32315432303a30343a30305a', 'a tagged date'],
  ['d74401020304', 'tag 23'],
  ['a201020304', 'integer keys'],
  ['5f42010243030405ff', 'bytes of indefinite length'],
  ['7f657374726561646d696e67ff', 'text of indefinite length'],
  ['9fff', 'an array of indefinite length'],
  ['bfff', 'a map of indefinite length'],
  ['1800', '0 in two bytes'],
  ['1817', '23 in two bytes'],
  ['1900ff', '255 in three bytes'],
  ['1a0000ffff', '65535 in five bytes'],
  ['1b00000000ffffffff', '2^32 − 1 in nine bytes'],
  ['3800', '−1 in two bytes'],
  ['5800', 'empty bytes with a long length'],
  ['780161', 'text with a long length'],
  ['9800', 'an array with a long length'],
  ['b800', 'a map with a long length'],
  ['fa3fc00000', '1.5 in float32'],
  ['fb3ff8000000000000', '1.5 in float64'],
  ['fb3fb99999a0000000', '0.1 rounded to float32, in float64'],
  ['fb8000000000000000', '−0 in float64'],
  ['a2616201616102', 'keys out of order'],
  ['a2616101616102', 'a key twice'],
  ['a262616101616202', 'a longer key before a shorter one'],
  ['61ff', 'text that is not UTF-8'],
  ['63eda080', 'a lone surrogate'],
  ['62c080', 'an overlong NUL'],
  ['0000', 'a second item'],
  ['', 'nothing'],
  ['18', 'an integer that ends early'],
  ['4201', 'bytes that end early'],
  ['8201', 'an array that ends early'],
  ['a16161', 'a map that ends early'],
  ['9affffffff', 'four billion items announced'],
  ['5affffffff', 'four gigabytes announced'],
  ['9bffffffffffffffff', 'more items than there are numbers'],
  ['1c', 'a reserved length'],
  ['ff', 'a break without a beginning'],
];

test('the values of RFC 8949 appendix A that have an encoding here have that one', () => {
  for (const [value, encoding] of examples) {
    assert.equal(hex(encodeCbor(value)), encoding);
    assert.deepEqual(decodeCbor(bytes(encoding)), value, encoding);
  }
});

test('every other form of a value is refused', () => {
  for (const [encoding, what] of otherForms) assert.throws(() => decodeCbor(bytes(encoding)), CborError, what);
});

test('integers take the shortest form at every boundary', () => {
  const boundaries: [number, number][] = [
    23,
    24,
    255,
    256,
    65535,
    65536,
    2 ** 32 - 1,
    2 ** 32,
    Number.MAX_SAFE_INTEGER,
  ].map(value => [value, value < 24 ? 1 : value < 256 ? 2 : value < 65536 ? 3 : value < 2 ** 32 ? 5 : 9]);
  for (const [value, length] of boundaries) {
    assert.equal(encodeCbor(value).length, length, String(value));
    assert.equal(decodeCbor(encodeCbor(value)), value);
    assert.equal(encodeCbor(-1 - value + (value === Number.MAX_SAFE_INTEGER ? 1 : 0)).length, length, String(-value));
  }
  assert.equal(decodeCbor(encodeCbor(Number.MIN_SAFE_INTEGER)), Number.MIN_SAFE_INTEGER);
  // −2^53 is not a safe integer: it is the float32 that it equals.
  assert.equal(hex(encodeCbor(-(2 ** 53))), 'fada000000');
  assert.equal(decodeCbor(encodeCbor(-(2 ** 53))), -(2 ** 53));
  assert.throws(() => decodeCbor(bytes('3b001fffffffffffff')), CborError, '−2^53 as an integer');
});

test('all 65536 half-precision floats decode to themselves or are refused as an integer or not finite', () => {
  let kept = 0;
  for (let bits = 0; bits < 65536; bits++) {
    const encoded = Uint8Array.of(0xf9, bits >> 8, bits & 255);
    const value = halfValue(bits);
    if (!Number.isFinite(value) || (Number.isInteger(value) && !Object.is(value, -0))) {
      assert.throws(() => decodeCbor(encoded), CborError);
    } else {
      kept++;
      assert.ok(Object.is(decodeCbor(encoded), value));
      assert.deepEqual(encodeCbor(value), encoded);
    }
  }
  assert.ok(kept > 30_000);
});

/** IEEE 754 binary16, RFC 8949 appendix D. */
function halfValue(bits: number): number {
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  const size =
    exponent === 0
      ? fraction * 2 ** -24
      : exponent === 31
        ? fraction === 0
          ? Infinity
          : Number.NaN
        : (fraction + 1024) * 2 ** (exponent - 25);
  return bits & 0x8000 ? -size : size;
}

const { value: anyValue } = fc.letrec<{ value: Cbor }>(tie => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom(null, true, false),
    fc.maxSafeInteger(),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.float({ noNaN: true, noDefaultInfinity: true }),
    fc.string({ unit: 'binary' }),
    fc.uint8Array({ maxLength: 40 }),
    fc.array(tie('value'), { maxLength: 6 }),
    fc.dictionary(fc.string({ unit: 'binary', maxLength: 8 }), tie('value'), { maxKeys: 6, noNullPrototype: true }),
  ),
}));

test('decode(encode(x)) = x, and encoding is a function of the value alone', () => {
  fc.assert(
    fc.property(anyValue, value => {
      const encoded = encodeCbor(value);
      const back = decodeCbor(encoded);
      assert.deepEqual(back, value);
      assert.deepEqual(encodeCbor(back), encoded);
    }),
    { numRuns: 1000, seed: 1 },
  );
});

test('the order in which keys were set does not change the bytes', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.integer(), { noNullPrototype: true }), map => {
      const reversed = Object.fromEntries(Object.entries(map).reverse());
      assert.deepEqual(encodeCbor(reversed), encodeCbor(map));
    }),
    { numRuns: 300, seed: 2 },
  );
});

test('arbitrary bytes decode to a value with exactly these bytes, or throw CborError and nothing else', () => {
  const mostlyShort = fc.oneof(fc.uint8Array({ maxLength: 8 }), fc.uint8Array({ maxLength: 200 }));
  let decoded = 0;
  fc.assert(
    fc.property(mostlyShort, noise => {
      let value: Cbor;
      try {
        value = decodeCbor(noise);
      } catch (error) {
        assert.ok(error instanceof CborError, String(error));
        return;
      }
      decoded++;
      assert.deepEqual(encodeCbor(value), noise);
    }),
    { numRuns: 5000, seed: 3 },
  );
  assert.ok(decoded > 0);
});

test('a changed byte of an encoding never decodes to the same value', () => {
  fc.assert(
    fc.property(anyValue, fc.nat(), fc.integer({ min: 1, max: 255 }), (value, place, change) => {
      const encoded = encodeCbor(value);
      const altered = Uint8Array.from(encoded);
      altered[place % altered.length] ^= change;
      try {
        assert.notDeepEqual(decodeCbor(altered), value);
      } catch (error) {
        if (!(error instanceof CborError)) throw error;
      }
    }),
    { numRuns: 1000, seed: 4 },
  );
});

test('nesting is bounded on both sides, so that no input overflows the stack', () => {
  const nested = (depth: number): Cbor => (depth === 0 ? 1 : [nested(depth - 1)]);
  assert.deepEqual(decodeCbor(encodeCbor(nested(32))), nested(32));
  assert.throws(() => encodeCbor(nested(33)), TypeError);
  assert.throws(() => decodeCbor(bytes(`${'81'.repeat(33)}01`)), CborError);
  assert.throws(() => decodeCbor(new Uint8Array(1_000_000).fill(0x81)), CborError);
  const loop: unknown[] = [];
  loop.push(loop);
  assert.throws(() => encodeCbor(loop), TypeError);
});

test('values without an encoding are a TypeError', () => {
  const without = [
    Number.NaN,
    Infinity,
    -Infinity,
    undefined,
    1n,
    Symbol('x'),
    () => 1,
    new Date(0),
    new Map(),
    '\ud800',
    [undefined],
  ];
  for (const value of without) assert.throws(() => encodeCbor(value), TypeError, String(typeof value));
});

test('members that are undefined are left out', () => {
  assert.deepEqual(encodeCbor({ a: 1, b: undefined }), encodeCbor({ a: 1 }));
});

test('a key named __proto__ is a key, not a prototype', () => {
  const encoded = encodeCbor(JSON.parse('{"__proto__": {"polluted": true}}'));
  const value = decodeCbor(encoded) as Record<string, unknown>;
  assert.equal(Object.getPrototypeOf(value), Object.prototype);
  assert.equal(value.polluted, undefined);
  assert.ok(Object.hasOwn(value, '__proto__'));
});

test('decoded bytes are a copy: changing the input afterwards changes nothing', () => {
  const encoded = encodeCbor(bytes('0102'));
  const value = decodeCbor(encoded) as Uint8Array;
  encoded.fill(0);
  assert.deepEqual(value, bytes('0102'));
});
