import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeSafetensors, encodeSafetensors } from '../../../src/core/bytes/safetensors.ts';
import { SafetensorsError } from '../../../src/core/bytes/safetensors-error.ts';
import { parameterCount } from '../../../src/core/learning/parameters.ts';

/** Written by safetensors 0.8.0 for Python: bias [0.5, 2], scalar 7, weight [[1.5, −2, 0.25], [3, 0.001, −0]], two metadata. */
const fromPython =
  'e0000000000000007b225f5f6d657461646174615f5f223a7b22726f756e64223a223135222c22c3a9223a22c3bc5c6e5c22227d2c2262696173223a7b226474797065223a22463332222c227368617065223a5b325d2c22646174615f6f666673657473223a5b302c385d7d2c227363616c6172223a7b226474797065223a22463332222c227368617065223a5b5d2c22646174615f6f666673657473223a5b382c31325d7d2c22776569676874223a7b226474797065223a22463332222c227368617065223a5b322c335d2c22646174615f6f666673657473223a5b31322c33365d7d7d2020200000003f000000400000e0400000c03f000000c00000803e000040406f12833a00000080';

const pythonManifest = [
  { name: 'bias', shape: [2] },
  { name: 'scalar', shape: [] },
  { name: 'weight', shape: [2, 3] },
];
const pythonValues = Float32Array.of(0.5, 2, 7, 1.5, -2, 0.25, 3, 0.001, -0);
const pythonMetadata = { round: '15', é: 'ü\n"' };

/** A file of the header as given, padded, and `dataBytes` zero bytes. */
function file(header: string | Uint8Array, dataBytes = 0, headerLength?: bigint): Uint8Array {
  const text = typeof header === 'string' ? new TextEncoder().encode(header) : header;
  const padded = Math.ceil(text.length / 8) * 8;
  const bytes = new Uint8Array(8 + padded + dataBytes);
  bytes.fill(0x20, 8, 8 + padded);
  new DataView(bytes.buffer).setBigUint64(0, headerLength ?? BigInt(padded), true);
  bytes.set(text, 8);
  return bytes;
}

function refused(bytes: Uint8Array, message: RegExp): void {
  assert.throws(
    () => decodeSafetensors(bytes),
    (error: unknown) => error instanceof SafetensorsError && message.test(error.message),
  );
}

const entry = (name: string, shape: string, begin: number | string, end: number | string, dtype = 'F32'): string =>
  `"${name}":{"dtype":"${dtype}","shape":${shape},"data_offsets":[${begin},${end}]}`;

test('a file written by the Python package is read', () => {
  const read = decodeSafetensors(new Uint8Array(Buffer.from(fromPython, 'hex')));
  assert.deepEqual(read.manifest, pythonManifest);
  assert.deepEqual(read.parameters, pythonValues);
  assert.deepEqual(read.metadata, pythonMetadata);
});

test('the same content is written byte for byte as the Python package writes it', () => {
  const written = encodeSafetensors(pythonManifest, pythonValues, pythonMetadata);
  assert.equal(Buffer.from(written).toString('hex'), fromPython);
});

test('a header length that begins with 0x80 is not mistaken for a pickle', () => {
  const padding = 'x'.repeat(128 - '{"__metadata__":{"p":""}}'.length);
  const bytes = encodeSafetensors([], new Float32Array(0), { p: padding });
  assert.equal(bytes[0], 0x80);
  assert.deepEqual(decodeSafetensors(bytes).metadata, { p: padding });
});

test('other formats are refused by name', () => {
  const begin = (...magic: number[]): Uint8Array => Uint8Array.from([...magic, ...new Array(32).fill(0x28)]);
  refused(begin(0x80, 2, 0x63), /Python pickle/);
  refused(begin(0x50, 0x4b, 3, 4), /zip archive/);
  refused(begin(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59), /NumPy/);
  refused(begin(0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a), /HDF5/);
  refused(Uint8Array.of(0x80, 0x05), /Python pickle/);
});

test('a header that is too short, too long or does not begin with { is refused', () => {
  refused(new Uint8Array(7), /too short/);
  refused(file('', 0, 0n), /begin with \{/);
  refused(file(' {}', 0), /begin with \{/);
  refused(file('[]', 0), /begin with \{/);
  refused(file('{}', 0, 9n), /longer than the file/);
  refused(file('{}', 0, 100_000_001n), /longer than 100000000/);
  refused(file('{}', 0, 2n ** 64n - 1n), /longer than 100000000/);
});

test('a header that is not JSON of this format is refused', () => {
  for (const header of [
    '{',
    '{"a"',
    '{"a":1}',
    '{"a":null}',
    '{} {}',
    '{}x',
    '{"a":[]}',
    '{,}',
    `{${entry('a', '[]', 0, 4)},}`,
  ]) {
    refused(file(header, 4), /header|tensor/);
  }
  for (const shape of ['[1.0]', '[1e0]', '[-1]', '["1"]', '[01]', '[true]', '1', '[1,]', '[,1]']) {
    refused(file(`{${entry('a', shape, 0, 4)}}`, 4), /not valid JSON/);
  }
  refused(file('{"a":{"dtype":"F32","shape":[]}}'), /needs dtype/);
  refused(file('{"a":{"dtype":"F32","shape":[],"data_offsets":[0]}}'), /needs dtype/);
  refused(file('{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4],"code":"x"}}', 4), /unknown field/);
  refused(file('{"__metadata__":{"a":1}}'), /not valid JSON/);
  refused(file('{"__metadata__":{"a":{"b":"c"}}}'), /not valid JSON/);
  refused(file('{"\\ud800":{}}'), /well-formed/);
  refused(file(Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x7d)), /UTF-8/);
  refused(file('{}\t'), /goes on/);
});

test('a name that occurs twice is refused, wherever JSON.parse would keep the last', () => {
  const a = entry('a', '[1]', 0, 4);
  refused(file(`{${a},${a}}`, 4), /twice/);
  refused(file(`{${a},${entry('\\u0061', '[1]', 4, 8)}}`, 8), /twice/);
  refused(file('{"__metadata__":{},"__metadata__":{}}'), /twice/);
  refused(file('{"__metadata__":{"x":"1","x":"2"}}'), /twice/);
  refused(file('{"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}}', 4), /twice/);
});

test('__proto__ is refused as a tensor, as metadata and as a field, also when it is escaped', () => {
  refused(file(`{${entry('__proto__', '[1]', 0, 4)}}`, 4), /__proto__/);
  refused(file(`{${entry('\\u005f_proto__', '[1]', 0, 4)}}`, 4), /__proto__/);
  refused(file('{"__metadata__":{"__proto__":"x"}}'), /__proto__/);
  refused(file('{"a":{"__proto__":{},"dtype":"F32","shape":[1],"data_offsets":[0,4]}}', 4), /__proto__/);
});

test('holes, overlaps, bytes to spare and shapes that do not fit are refused', () => {
  refused(file(`{${entry('a', '[1]', 4, 8)}}`, 8), /hole or overlap/);
  refused(file(`{${entry('a', '[1]', 0, 4)},${entry('b', '[1]', 8, 12)}}`, 12), /hole or overlap/);
  refused(file(`{${entry('a', '[2]', 0, 8)},${entry('b', '[1]', 4, 8)}}`, 8), /hole or overlap/);
  refused(file(`{${entry('a', '[1]', 0, 4)},${entry('b', '[1]', 0, 4)}}`, 4), /hole or overlap/);
  refused(file(`{${entry('a', '[1]', 4, 0)}}`, 4), /hole or overlap/);
  refused(file(`{${entry('a', '[2]', 0, 4)}}`, 4), /fill its place/);
  refused(file(`{${entry('a', '[1]', 0, 4)}}`, 5), /where the file ends/);
  refused(file(`{${entry('a', '[1]', 0, 4)}}`, 0), /where the file ends/);
  refused(file('{}', 4), /where the file ends/);
});

test('offsets and shapes beyond 2^53 are refused', () => {
  refused(file(`{${entry('a', '[1]', 0, '9007199254740992')}}`, 4), /2\^53/);
  refused(file(`{${entry('a', `[${'9'.repeat(400)}]`, 0, 4)}}`, 4), /2\^53/);
  refused(file(`{${entry('a', '[4294967296,4294967296]', 0, 0)}}`), /2\^53/);
  refused(file(`{${entry('a', '[4611686018427387905,4]', 0, 4)}}`, 4), /2\^53/);
});

test('a dtype other than F32 is refused by name', () => {
  refused(file(`{${entry('a', '[1]', 0, 2, 'F16')}}`, 2), /dtype "F16"; only F32/);
  refused(file(`{${entry('a', '[1]', 0, 8, 'I64')}}`, 8), /dtype "I64"/);
});

test('numbers that are not finite are refused', () => {
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
    const bytes = file(`{${entry('a', '[2]', 0, 8)}}`, 8);
    new DataView(bytes.buffer).setFloat32(bytes.length - 4, value, true);
    refused(bytes, /value 1 is not finite/);
    assert.throws(() => encodeSafetensors([{ name: 'a', shape: [1] }], Float32Array.of(value), {}), RangeError);
  }
});

test('tensors are given in the order of their data, whatever the order of the header', () => {
  const bytes = file(`{${entry('b', '[1]', 4, 8)},${entry('a', '[1]', 0, 4)},${entry('none', '[0,3]', 0, 0)}}`, 8);
  assert.deepEqual(
    decodeSafetensors(bytes).manifest.map(tensor => tensor.name),
    ['none', 'a', 'b'],
  );
});

test('a header of one string of many megabytes is read, and refused when it is not closed', () => {
  const long = 'é'.repeat(4_000_000);
  assert.equal(decodeSafetensors(file(`{"__metadata__":{"a":"${long}"}}`)).metadata.a, long);
  refused(file(`{"__metadata__":{"a":"${long}`), /not valid JSON/);
  refused(file(`{"a":{"shape":[${'1'.repeat(4_000_000)}`), /2\^53/);
});

test('the writer refuses a manifest that does not describe the parameters, and names it could not read back', () => {
  const one = Float32Array.of(1);
  const write =
    (manifest: { name: string; shape: number[] }[], values = one, metadata: Record<string, string> = {}) =>
    () =>
      encodeSafetensors(manifest, values, metadata);
  assert.throws(write([{ name: 'a', shape: [2] }]), RangeError);
  assert.throws(write([{ name: 'a', shape: [0.5, 2] }]), RangeError);
  assert.throws(write([{ name: '__proto__', shape: [] }]), RangeError);
  assert.throws(write([{ name: '__metadata__', shape: [] }]), RangeError);
  assert.throws(write([{ name: '\ud800', shape: [] }]), RangeError);
  assert.throws(
    write([
      { name: 'a', shape: [] },
      { name: 'a', shape: [0] },
    ]),
    RangeError,
  );
  assert.throws(write([{ name: 'a', shape: [] }], one, { a: '\ud800' }), RangeError);
  assert.throws(write([{ name: 'a', shape: [] }], one, JSON.parse('{"__proto__":"x"}')), RangeError);
});

const names = fc.uniqueArray(
  fc.string({ unit: 'grapheme', maxLength: 12 }).filter(name => name !== '__proto__' && name !== '__metadata__'),
  { maxLength: 5 },
);
const models = names.chain(chosen =>
  fc
    .tuple(
      fc.tuple(
        ...chosen.map(name =>
          fc.record({ name: fc.constant(name), shape: fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 3 }) }),
        ),
      ),
      fc.dictionary(
        fc.string({ unit: 'grapheme' }).filter(key => key !== '__proto__'),
        fc.string({ unit: 'grapheme' }),
        { noNullPrototype: true },
      ),
    )
    .chain(([manifest, metadata]) => {
      const count = parameterCount(manifest);
      const values = fc.float32Array({ minLength: count, maxLength: count, noNaN: true, noDefaultInfinity: true });
      return fc.record({ manifest: fc.constant(manifest), metadata: fc.constant(metadata), values });
    }),
);

test('reading gives back what was written', () => {
  fc.assert(
    fc.property(models, ({ manifest, values, metadata }) => {
      const bytes = encodeSafetensors(manifest, values, metadata);
      const read = decodeSafetensors(bytes);
      assert.deepEqual(read.parameters, new Float32Array(values));
      assert.deepEqual(read.metadata, metadata);
      assert.deepEqual(encodeSafetensors(read.manifest, read.parameters, read.metadata), bytes);
    }),
  );
});

test('arbitrary and damaged bytes are read or refused with SafetensorsError, nothing else', () => {
  const decode = (bytes: Uint8Array): void => {
    try {
      decodeSafetensors(bytes);
    } catch (error) {
      assert.ok(error instanceof SafetensorsError, String(error));
    }
  };
  fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), decode));
  fc.assert(fc.property(fc.string({ unit: 'grapheme' }), text => decode(file(`{${text}`, 4))));
  const change = fc.tuple(fc.nat(), fc.nat(255), fc.nat(2));
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), changes => {
      let bytes = [...Buffer.from(fromPython, 'hex')];
      for (const [place, byte, kind] of changes) {
        const at = place % bytes.length;
        bytes = [...bytes.slice(0, at), ...(kind === 0 ? [] : [byte]), ...bytes.slice(kind === 2 ? at : at + 1)];
      }
      decode(Uint8Array.from(bytes));
    }),
    { numRuns: 1000 },
  );
});
