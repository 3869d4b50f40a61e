/** Signed messages: one envelope for everything that a client and a coordinator say to each other in a round. */
import { CborError, decodeCbor, encodeCbor } from '../bytes/cbor.ts';
import { isName } from '../protocol/identity.ts';
import { Problem } from '../protocol/problem.ts';
import type { Primitives, Signer } from './primitives.ts';

/** A payload with what its signature binds it to. The bytes are opaque here; their meaning follows from the label. */
export interface Envelope {
  /** What kind of message this is: 1–32 of a–z, 0–9, dash; begins with a letter. Separates the uses of one key. */
  readonly label: string;
  readonly federation: string;
  /** Hash of the task, 32 bytes. */
  readonly task: Uint8Array;
  /** 1-based round; 0 outside rounds. */
  readonly round: number;
  /** SHA-256 of the sender's update certificate, 32 bytes. */
  readonly sender: Uint8Array;
  readonly payload: Uint8Array;
  /** Ed25519 signature, 64 bytes. */
  readonly signature: Uint8Array;
}

export type EnvelopeFields = Omit<Envelope, 'signature'>;

const labelForm = /^[a-z][a-z0-9-]{0,31}$/;

/** Signs the fields. Throws RangeError for fields that no envelope can hold. The payload is kept, not copied. */
export function signEnvelope(fields: EnvelopeFields, signer: Signer, primitives: Primitives): Envelope {
  const fault = fieldFault(fields);
  if (fault !== null) throw new RangeError(`envelope: ${fault}`);
  const { label, federation, task, round, sender, payload } = fields;
  return { label, federation, task, round, sender, payload, signature: signer.sign(signedBytes(fields, primitives)) };
}

/**
 * Throws Problem('bad-signature') unless `publicKey` signed exactly these fields; the message is the same for every way that can fail.
 * It proves who signed, not that the message is wanted: compare federation, task, round, sender and label with what is expected too.
 */
export function verifyEnvelope(envelope: Envelope, publicKey: Uint8Array, primitives: Primitives): void {
  if (
    fieldFault(envelope) !== null ||
    !primitives.verify(publicKey, signedBytes(envelope, primitives), envelope.signature)
  ) {
    throw new Problem('bad-signature');
  }
}

/** The bytes of an envelope on the wire and in evidence: a CBOR array in the order of the fields. */
export function encodeEnvelope(envelope: Envelope): Uint8Array<ArrayBuffer> {
  const { label, federation, task, round, sender, payload, signature } = envelope;
  return encodeCbor([label, federation, task, round, sender, payload, signature]);
}

/** Inverse of `encodeEnvelope`, signature unchecked. Throws Problem('bad-request') for any other bytes. Limit the size before. */
export function decodeEnvelope(bytes: Uint8Array): Envelope {
  const items = decodeItems(bytes);
  if (!Array.isArray(items) || items.length !== 7) throw new Problem('bad-request', 'envelope: not seven items');
  const [label, federation, task, round, sender, payload, signature] = items;
  const fault = fieldFault({ label, federation, task, round, sender, payload });
  if (fault !== null) throw new Problem('bad-request', `envelope: ${fault}`);
  if (!isBytes(signature, 64)) throw new Problem('bad-request', 'envelope: signature is not 64 bytes');
  // fieldFault has checked the type of each field.
  return { label, federation, task, round, sender, payload, signature } as Envelope;
}

function decodeItems(bytes: Uint8Array): unknown {
  try {
    return decodeCbor(bytes);
  } catch (cause) {
    if (!(cause instanceof CborError)) throw cause;
    throw new Problem('bad-request', `envelope: ${cause.message}`, { cause });
  }
}

function signedBytes(fields: EnvelopeFields, primitives: Primitives): Uint8Array {
  const { label, federation, task, round, sender, payload } = fields;
  return encodeCbor([`parley/v1/${label}`, federation, task, round, sender, primitives.sha256(payload)]);
}

/** What is wrong with the fields, or null. */
function fieldFault(fields: { readonly [name in keyof EnvelopeFields]: unknown }): string | null {
  const { label, federation, task, round, sender, payload } = fields;
  if (typeof label !== 'string' || !labelForm.test(label)) return 'label is not a label';
  if (typeof federation !== 'string' || !isName(federation)) return 'federation is not a name';
  if (!isBytes(task, 32)) return 'task is not 32 bytes';
  if (typeof round !== 'number' || !Number.isSafeInteger(round) || round < 0) return 'round is not a whole number';
  if (!isBytes(sender, 32)) return 'sender is not 32 bytes';
  return payload instanceof Uint8Array ? null : 'payload is not bytes';
}

function isBytes(value: unknown, length: number): boolean {
  return value instanceof Uint8Array && value.length === length;
}
