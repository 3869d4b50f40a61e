import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodeCbor } from '../../../src/core/bytes/cbor.ts';
import type { Envelope } from '../../../src/core/crypto/envelope.ts';
import { encodeUpdateHead, parseDecline, splitUpdateBody } from '../../../src/core/protocol/message.ts';
import { Problem } from '../../../src/core/protocol/problem.ts';

const bytes = (length: number): Uint8Array<ArrayBuffer> => new Uint8Array(length).fill(7);
const envelope = (payloadBytes: number): Envelope => ({
  label: 'update',
  federation: 'demo',
  task: bytes(32),
  round: 1,
  sender: new Uint8Array(createHash('sha256').digest()),
  payload: bytes(payloadBytes),
  signature: bytes(64),
});

async function* inChunks(body: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < body.length; at += size) yield body.subarray(at, at + size);
}

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return Buffer.concat(parts);
}

test('however the body of an update is cut, the same envelope and tensor come out', () =>
  fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 700 }),
      fc.integer({ min: 0, max: 400 }),
      fc.uint8Array({ maxLength: 300 }),
      async (size, payloadBytes, tensor) => {
        const sent = envelope(payloadBytes);
        const body = Buffer.concat([encodeUpdateHead(sent), tensor]);
        const split = await splitUpdateBody(inChunks(body, size));
        assert.deepEqual(new Uint8Array(split.envelope.payload), sent.payload);
        assert.deepEqual(new Uint8Array(await collect(split.tensor)), new Uint8Array(tensor));
      },
    ),
    { numRuns: 50, seed: 3 },
  ));

test('a body that ends inside the envelope is a bad request', async () => {
  const head = encodeUpdateHead(envelope(100));
  for (const length of [0, 3, 4, head.length - 1]) {
    await assert.rejects(
      splitUpdateBody(inChunks(head.subarray(0, length), 10)),
      (error: unknown) => error instanceof Problem && error.code === 'bad-request',
    );
  }
});

test('what tiny chunks cost grows with the bytes, not with their square', async () => {
  const head = encodeUpdateHead(envelope(512 * 1024));
  const allocated = await bytesCopied(() => splitUpdateBody(inChunks(head, 64)));
  assert.ok(allocated < 10 * head.length, `${allocated} bytes were copied for ${head.length}`);
});

/** Bytes that `Uint8Array.prototype.set` copies meanwhile. */
async function bytesCopied(action: () => Promise<unknown>): Promise<number> {
  const original = Uint8Array.prototype.set;
  let copied = 0;
  Uint8Array.prototype.set = function (this: Uint8Array, source: ArrayLike<number>, offset?: number) {
    copied += source.length;
    original.call(this, source, offset);
  };
  try {
    await action();
  } finally {
    Uint8Array.prototype.set = original;
  }
  return copied;
}

test('a decline that says anything but one of the reasons is malformed, and nothing of its text is repeated', () => {
  const said = 'patient 7';
  for (const decline of [
    { reason: said },
    { reason: 'diverged', [said]: 1 },
    { reason: 'failed', detail: said },
    said,
  ]) {
    assert.throws(
      () => parseDecline(encodeCbor(decline)),
      (error: unknown) => error instanceof Problem && error.code === 'malformed' && !error.message.includes(said),
    );
  }
  assert.deepEqual(parseDecline(encodeCbor({ reason: 'failed' })), { reason: 'failed' });
});
