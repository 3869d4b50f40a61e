/** Messages of a draw: what the coordinator asks of coin parties, what they answer, and the evidence that clients deal groups again from. */
import { z } from 'zod';
import { encodeCbor } from '../bytes/cbor.ts';
import { parsePayload } from '../protocol/payload.ts';
import { leastParties, mostDraws, mostParties } from './coin.ts';

const bytes = (length: number) =>
  z.custom<Uint8Array>(value => value instanceof Uint8Array && value.length === length, `not ${length} bytes`);
const upTo = (most: number) =>
  z.custom<Uint8Array>(value => value instanceof Uint8Array && value.length <= most, `not at most ${most} bytes`);
const digest = bytes(32);
const place = {
  epoch: z.number().int().min(0),
  draw: z
    .number()
    .int()
    .min(0)
    .max(mostDraws - 1),
};
/** DER. */
const certificate = upTo(16_384);
const envelope = upTo(4096);
const committed = z.strictObject({ certificate, commit: envelope });

/** Coordinator → coin party, label `coin-ask`: the answer is a message of the round that waits for its groups. */
const ask = z.discriminatedUnion('stage', [
  z.strictObject({ stage: z.literal('commit'), ...place }),
  z.strictObject({
    stage: z.literal('reveal'),
    ...place,
    /** Certificate hashes of all that will be dealt into groups, ascending. */
    cohort: z.array(digest).min(1).max(32_768),
    /** Of all coin parties. */
    commitments: z.array(committed).min(leastParties).max(mostParties),
  }),
]);

/** Coin party → coordinator, label `coin-commit`. */
const commit = z.strictObject({ ...place, commitment: digest });

/** Coin party → coordinator, label `coin-reveal`. The root (`drawRoot`) is signed with it: the secret counts for one cohort only. */
const reveal = z.strictObject({ ...place, root: digest, secret: digest });

/** Of all coin parties; stands in assignments. */
const evidence = z
  .array(z.strictObject({ certificate, commit: envelope, reveal: envelope }))
  .min(leastParties)
  .max(mostParties);

export type CoinAsk = z.infer<typeof ask>;
export type CoinCommit = z.infer<typeof commit>;
export type CoinReveal = z.infer<typeof reveal>;
export type CoinEvidence = z.infer<typeof evidence>;
/** A coin party's signed commitment, and its certificate. */
export type Committed = z.infer<typeof committed>;

export const coinLabels = { ask: 'coin-ask', commit: 'coin-commit', reveal: 'coin-reveal' } as const;

export const parseCoinAsk = (payload: Uint8Array): CoinAsk => parsePayload(ask, payload, 'bad-request');
export const parseCoinCommit = (payload: Uint8Array): CoinCommit => parsePayload(commit, payload, 'malformed');
export const parseCoinReveal = (payload: Uint8Array): CoinReveal => parsePayload(reveal, payload, 'malformed');
export const parseCoinEvidence = (payload: Uint8Array): CoinEvidence => parsePayload(evidence, payload, 'bad-request');

/** Deterministic bytes of any of them. */
export function encodeCoinMessage(message: CoinAsk | CoinCommit | CoinReveal | CoinEvidence): Uint8Array<ArrayBuffer> {
  return encodeCbor(message);
}
