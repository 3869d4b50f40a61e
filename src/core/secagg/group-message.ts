/** Messages of a group session: the payloads inside signed envelopes, step by step, and what follows them unsigned. */
import { z } from 'zod';
import { encodeCbor } from '../bytes/cbor.ts';
import { parsePayload, viewPayload } from '../protocol/payload.ts';

/** Members of one group, at most: 2·256 − 1. */
const mostPlaces = 511;

const isDigest = (value: unknown): boolean => value instanceof Uint8Array && value.length === 32;
const bytes = (length: number) =>
  z.custom<Uint8Array>(value => value instanceof Uint8Array && value.length === length, `not ${length} bytes`);
const upTo = (most: number) =>
  z.custom<Uint8Array>(value => value instanceof Uint8Array && value.length <= most, `not at most ${most} bytes`);
const digest = bytes(32);
const place = z
  .number()
  .int()
  .min(0)
  .max(mostPlaces - 1);
/** Places of members, ascending, each once. */
const places = z
  .array(place)
  .max(mostPlaces)
  .refine(list => list.every((at, i) => i === 0 || at > list[i - 1]), 'not ascending');
/** Inclusion proof of a leaf among at most 2·511. */
const proof = z.custom<Uint8Array[]>(
  value => Array.isArray(value) && value.length <= 10 && value.every(isDigest),
  'not a proof',
);
const envelope = upTo(65_536);
const ciphertext = bytes(1120);
/** What `encodeBox` makes, sealed. */
const box = upTo(4096);

/** R0, client → coordinator, label `group-keys`. Public keys of X-Wing. */
const keys = z.strictObject({ sid: digest, channelKey: bytes(1216), maskKey: bytes(1216) });

/** R1, client → coordinator, label `group-shares`; `SharesBody` follows. All that single shares and boxes are checked against. */
const shares = z.strictObject({
  sid: digest,
  /** SHA-256 of U1 as this member was shown it (`setHash`). */
  present: digest,
  /** Merkle root of its shares: leaf 2·i + k is that for the i-th member of U1, k = 0 of the self seed, 1 of the root. */
  shareRoot: digest,
  /** SHA-256 commitment to its self seed. */
  selfCommitment: digest,
  /** Merkle root of what it sends to each other member of U1, in their order (`boxLeaf`). */
  boxRoot: digest,
});

/** For one other member: the mask ciphertext only where the sender encapsulates (`encapsulates`). */
export const boxEntry = z.strictObject({ to: place, mask: ciphertext.nullable(), channel: ciphertext, box });
const sharesBody = z.array(boxEntry).max(mostPlaces);

/** R2, client → coordinator, label `group-input`; the masked segments follow, packed, one after another. */
const input = z.strictObject({
  sid: digest,
  /** SHA-256 of U2 as this member was shown it. */
  sharers: digest,
  /** SHA-256 of the packed segments, and their length. */
  vector: digest,
  bytes: z.number().int().min(0),
  /** Boxes that opened and held what does not fit their dealer's commitments: with `boxKey`, so that all can see. */
  complaints: z.array(z.strictObject({ dealer: place, key: digest })).max(mostPlaces),
});

/** R3, client → coordinator, label `group-agree`: this member saw exactly these sets, and will open the sum over U3. */
const agree = z.strictObject({ sid: digest, sharers: digest, survivors: digest });

const revealed = z.strictObject({ of: place, share: digest, proof });
/** R4, client → coordinator, label `group-unmask`: shares of self seeds of U3, of roots of U2∖U3; never both of one member. */
const unmask = z.strictObject({
  sid: digest,
  self: z.array(revealed).max(mostPlaces),
  root: z.array(revealed).max(mostPlaces),
});

/** Coordinator → client, label `group-members`: U1, each with its certificate (DER) and its signed R0. */
const members = z.strictObject({
  sid: digest,
  present: z.array(z.strictObject({ at: place, certificate: upTo(16_384), keys: envelope })).max(mostPlaces),
});

/** Coordinator → client, label `group-boxes`: U2; what each other member has sent this one, with the proof that its signed R1 holds it. */
const boxes = z.strictObject({
  sid: digest,
  sharers: z
    .array(
      z.strictObject({
        at: place,
        /** Signed R1. */
        shares: envelope,
        /** Null for the recipient itself. */
        sent: z.strictObject({ mask: ciphertext.nullable(), channel: ciphertext, box, proof }).nullable(),
      }),
    )
    .max(mostPlaces),
});

/** Coordinator → client, label `group-survivors`: U3. */
const survivors = z.strictObject({ sid: digest, survivors: places });

/** Coordinator → client, label `group-quorum`: the signed R3 of members of U3. */
const quorum = z.strictObject({
  sid: digest,
  agreed: z.array(z.strictObject({ at: place, agree: envelope })).max(mostPlaces),
});

/** Coordinator → client, label `group-end`: the group's round is over; nothing more is asked of this session. */
const end = z.strictObject({ sid: digest, outcome: z.enum(['opened', 'void']) });

/** The plain text of a box: the recipient's shares of the dealer's two secrets, with their proofs under `shareRoot`. */
const boxText = z.strictObject({ self: digest, selfProof: proof, root: digest, rootProof: proof });

export type KeysMessage = z.infer<typeof keys>;
export type SharesMessage = z.infer<typeof shares>;
export type BoxEntry = z.infer<typeof boxEntry>;
export type SharesBody = z.infer<typeof sharesBody>;
export type InputMessage = z.infer<typeof input>;
export type AgreeMessage = z.infer<typeof agree>;
export type UnmaskMessage = z.infer<typeof unmask>;
export type MembersMessage = z.infer<typeof members>;
export type BoxesMessage = z.infer<typeof boxes>;
export type SurvivorsMessage = z.infer<typeof survivors>;
export type QuorumMessage = z.infer<typeof quorum>;
export type EndMessage = z.infer<typeof end>;
export type BoxText = z.infer<typeof boxText>;

/** What members say, in the order of the steps R0–R4. */
export const memberLabels = ['group-keys', 'group-shares', 'group-input', 'group-agree', 'group-unmask'] as const;
/** What the coordinator says, in order: after its manifest, one for each step that has closed. */
export const coordinatorLabels = [
  'group-members',
  'group-boxes',
  'group-survivors',
  'group-quorum',
  'group-end',
] as const;
export type MemberLabel = (typeof memberLabels)[number];
export type CoordinatorLabel = (typeof coordinatorLabels)[number];

// What a member sends may be `malformed`; what the coordinator sends a `bad-request`.
export const parseKeys = (payload: Uint8Array): KeysMessage => parsePayload(keys, payload, 'malformed');
export const parseShares = (payload: Uint8Array): SharesMessage => parsePayload(shares, payload, 'malformed');
export const parseSharesBody = (body: Uint8Array): SharesBody => viewPayload(sharesBody, body, 'malformed');
export const parseInput = (payload: Uint8Array): InputMessage => parsePayload(input, payload, 'malformed');
export const parseAgree = (payload: Uint8Array): AgreeMessage => parsePayload(agree, payload, 'malformed');
export const parseUnmask = (payload: Uint8Array): UnmaskMessage => viewPayload(unmask, payload, 'malformed');
export const parseMembers = (payload: Uint8Array): MembersMessage => viewPayload(members, payload, 'bad-request');
export const parseBoxes = (payload: Uint8Array): BoxesMessage => viewPayload(boxes, payload, 'bad-request');
export const parseSurvivors = (payload: Uint8Array): SurvivorsMessage =>
  parsePayload(survivors, payload, 'bad-request');
export const parseQuorum = (payload: Uint8Array): QuorumMessage => viewPayload(quorum, payload, 'bad-request');
export const parseEnd = (payload: Uint8Array): EndMessage => parsePayload(end, payload, 'bad-request');
export const parseBoxText = (text: Uint8Array): BoxText => parsePayload(boxText, text, 'malformed');

/** Deterministic bytes of any of them. */
export function encodeGroupMessage(
  message:
    | KeysMessage
    | SharesMessage
    | SharesBody
    | InputMessage
    | AgreeMessage
    | UnmaskMessage
    | MembersMessage
    | BoxesMessage
    | SurvivorsMessage
    | QuorumMessage
    | EndMessage
    | BoxText,
): Uint8Array<ArrayBuffer> {
  return encodeCbor(message);
}
