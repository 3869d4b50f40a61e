import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodeCbor } from '../../../src/core/bytes/cbor.ts';
import {
  decodeEnvelope,
  type Envelope,
  type EnvelopeFields,
  encodeEnvelope,
  signEnvelope,
  verifyEnvelope,
} from '../../../src/core/crypto/envelope.ts';
import { Problem, type ProblemCode } from '../../../src/core/protocol/problem.ts';
import { generateSigner, nodePrimitives as primitives } from '../../../src/node/primitives.ts';

const { signer } = generateSigner();
const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 });
const fields: fc.Arbitrary<EnvelopeFields> = fc.record({
  label: fc.stringMatching(/^[a-z][a-z0-9-]{0,31}$/),
  federation: fc.stringMatching(/^[a-z0-9]([a-z0-9.-]{0,20}[a-z0-9])?$/),
  task: bytes32,
  round: fc.maxSafeNat(),
  sender: bytes32,
  payload: fc.uint8Array({ maxLength: 300 }),
});

const example: EnvelopeFields = {
  label: 'update',
  federation: 'hearts',
  task: new Uint8Array(32).fill(1),
  round: 3,
  sender: new Uint8Array(32).fill(2),
  payload: Uint8Array.of(1, 2, 3),
};

const isProblem = (code: ProblemCode) => (error: unknown) => error instanceof Problem && error.code === code;
const accepts = (envelope: Envelope, key = signer.publicKey): void => verifyEnvelope(envelope, key, primitives);

test('what was signed verifies, also after a trip through its bytes', () => {
  fc.assert(
    fc.property(fields, value => {
      const envelope = signEnvelope(value, signer, primitives);
      accepts(envelope);
      const received = decodeEnvelope(encodeEnvelope(envelope));
      assert.deepEqual(received, envelope);
      accepts(received);
    }),
    { numRuns: 200, seed: 1 },
  );
});

test('an envelope with any other field does not verify', () => {
  fc.assert(
    fc.property(
      fields,
      fields,
      fc.constantFrom(...(Object.keys(example) as (keyof EnvelopeFields)[])),
      (a, b, name) => {
        const envelope = signEnvelope(a, signer, primitives);
        fc.pre(!Buffer.from(encodeCbor(a[name])).equals(encodeCbor(b[name])));
        assert.throws(() => accepts({ ...envelope, [name]: b[name] }), isProblem('bad-signature'));
      },
    ),
    { numRuns: 200, seed: 2 },
  );
});

test('every single flipped bit of the bytes is refused, at decoding or at verification', () => {
  const encoded = encodeEnvelope(signEnvelope(example, signer, primitives));
  for (let bit = 0; bit < encoded.length * 8; bit++) {
    const flipped = Uint8Array.from(encoded);
    flipped[bit >> 3] ^= 1 << (bit & 7);
    assert.throws(() => accepts(decodeEnvelope(flipped)), Problem, `bit ${bit}`);
  }
});

test('the signature of one label, federation, task, round or sender is no signature of another, though the payload is the same', () => {
  const envelope = signEnvelope(example, signer, primitives);
  const others: Partial<EnvelopeFields>[] = [
    { label: 'receipt' },
    { federation: 'lungs' },
    { task: new Uint8Array(32).fill(9) },
    { round: 4 },
    { sender: new Uint8Array(32).fill(9) },
  ];
  for (const other of others) assert.throws(() => accepts({ ...envelope, ...other }), isProblem('bad-signature'));
});

test('the signed bytes are the documented ones', () => {
  const { signature } = signEnvelope(example, signer, primitives);
  const signed = encodeCbor([
    'parley/v1/update',
    'hearts',
    example.task,
    3,
    example.sender,
    primitives.sha256(example.payload),
  ]);
  assert.ok(primitives.verify(signer.publicKey, signed, signature));
});

test('every way a signature can be wrong gets the same message', () => {
  const envelope = signEnvelope(example, signer, primitives);
  const wrong: [Envelope, Uint8Array][] = [
    [envelope, generateSigner().signer.publicKey],
    [envelope, new Uint8Array(32)],
    [envelope, new Uint8Array(5)],
    [{ ...envelope, signature: new Uint8Array(64) }, signer.publicKey],
    [{ ...envelope, signature: new Uint8Array(0) }, signer.publicKey],
    [{ ...envelope, payload: Uint8Array.of(1, 2, 4) }, signer.publicKey],
    [{ ...envelope, round: -1 }, signer.publicKey],
    [{ ...envelope, task: new Uint8Array(31) }, signer.publicKey],
  ];
  const messages = new Set(
    wrong.map(([value, key]) => {
      try {
        accepts(value, key);
      } catch (error) {
        return (error as Error).message;
      }
      return 'accepted';
    }),
  );
  assert.deepEqual([...messages], [new Problem('bad-signature').message]);
});

test('items of a wrong number, type or length are a bad request', () => {
  const e = signEnvelope(example, signer, primitives);
  const good = [e.label, e.federation, e.task, e.round, e.sender, e.payload, e.signature];
  assert.deepEqual(decodeEnvelope(encodeCbor(good)), e);
  const bad: [number, unknown][] = [
    [0, 'Update'],
    [0, ''],
    [0, 'a'.repeat(33)],
    [0, 7],
    [1, 'a/b'],
    [1, null],
    [2, new Uint8Array(31)],
    [2, 'a'.repeat(32)],
    [3, -1],
    [3, 1.5],
    [3, '3'],
    [4, new Uint8Array(33)],
    [5, 'text'],
    [6, new Uint8Array(63)],
    [6, null],
  ];
  for (const [place, value] of bad) {
    assert.throws(
      () => decodeEnvelope(encodeCbor(good.with(place, value as never))),
      isProblem('bad-request'),
      `item ${place}`,
    );
  }
  for (const value of [good.slice(0, 6), [...good, 1], { ...good }, null, 'text']) {
    assert.throws(() => decodeEnvelope(encodeCbor(value)), isProblem('bad-request'));
  }
});

test('arbitrary bytes are a bad request, never another error', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), noise =>
      assert.throws(() => decodeEnvelope(noise), isProblem('bad-request')),
    ),
    { numRuns: 500, seed: 3 },
  );
});

test('fields that no envelope can hold are a RangeError of the one who signs', () => {
  const bad: Partial<EnvelopeFields>[] = [
    { label: 'A' },
    { federation: '' },
    { task: new Uint8Array(1) },
    { round: 0.5 },
    { sender: new Uint8Array(0) },
  ];
  for (const part of bad) assert.throws(() => signEnvelope({ ...example, ...part }, signer, primitives), RangeError);
});
