/** Transcripts of group sessions as data: what goes into one, and the parts that come out, bytes in hexadecimal. */
import { z } from 'zod';
import { fromHex, toHex } from '../../core/bytes/floats.ts';
import type { Envelope } from '../../core/crypto/envelope.ts';
import type { GroupManifest } from '../../core/secagg/manifest.ts';

const hex = (bytes: number) => z.string().regex(new RegExp(`^[0-9a-f]{${2 * bytes}}$`));
const anyHex = z.string().regex(/^(?:[0-9a-f]{2})*$/);
const place = z.number().int().min(0);

/** Steps of a session: the last message that a member sends is that of its last step. */
export const sessionSteps = ['keys', 'shares', 'input', 'agree', 'unmask'] as const;

const manifest = z.strictObject({
  federation: z.string(),
  task: hex(32),
  round: z.number().int(),
  kind: z.enum(['train', 'evaluate']),
  group: place,
  groups: place,
  members: z.array(hex(32)),
  draw: hex(32),
  thresholds: z.strictObject({ members: place, t: place, colluders: place, honest: place, least: place }),
  segments: z.array(
    z.strictObject({ label: z.enum(['update', 'figures']), words: place, bits: z.literal([16, 20, 24, 32]) }),
  ),
  scaleBits: z.number().int(),
  clipNorm: z.number(),
  weightMax: z.number().nullable(),
  model: hex(32),
  code: hex(32),
  plan: z.string().nullable(),
  stepMs: z.number().int(),
});

const member = z.strictObject({
  certificate: anyHex,
  signingSeed: hex(32),
  root: hex(32),
  self: hex(32),
  channel: hex(32),
  selfCoefficients: z.array(hex(33)),
  rootCoefficients: z.array(hex(33)),
  coins: z.array(hex(64).nullable()),
  words: z.record(z.string(), z.array(z.number().int())),
  lastStep: z.enum(sessionSteps),
});

export const transcriptInput = z.strictObject({ manifest, members: z.array(member) });
export type TranscriptInput = z.infer<typeof transcriptInput>;
export type TranscriptMember = z.infer<typeof member>;

/** Parts of a transcript, each a case of its own. */
export const transcriptParts = [
  'manifest',
  'keys',
  'shares',
  'inputs',
  'agreed',
  'unmasked',
  'told',
  'opening',
] as const;

/** Values of `transcriptParts`. */
export type Transcript = { readonly [part in (typeof transcriptParts)[number]]: unknown };

/** Longer bytes stand in a transcript as their length and SHA-256. */
const mostBytes = 1024;

type Sha256 = (bytes: Uint8Array) => Uint8Array;

/** Bytes, or what tells them. */
export function told(bytes: Uint8Array, sha256: Sha256): string | { length: number; sha256: string } {
  return bytes.length <= mostBytes ? toHex(bytes) : { length: bytes.length, sha256: toHex(sha256(bytes)) };
}

/** A signed message: its payload and signature. The other fields of the envelope follow from label, manifest and sender. */
export function toldEnvelope({ payload, signature }: Envelope, sha256: Sha256) {
  return { payload: told(payload, sha256), signature: toHex(signature) };
}

export function hexOrNull(bytes: Uint8Array | null): string | null {
  return bytes === null ? null : toHex(bytes);
}

/** The manifest that its JSON says. */
export function manifestOf(json: TranscriptInput['manifest']): GroupManifest {
  const { task, members, draw, model, code } = json;
  return {
    ...json,
    task: fromHex(task),
    members: members.map(fromHex),
    draw: fromHex(draw),
    model: fromHex(model),
    code: fromHex(code),
  };
}
