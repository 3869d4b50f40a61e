/**
 * Proofs that a member broke the protocol of its group: signed messages that cannot come from somebody who follows it. Anybody who has the
 * manifest and the keys of the members can check them.
 *
 * Not protected: a member that signs two messages of one step, one for its victim and one for the evidence, can make the victim's complaint
 * or share look false. The victim holds the other signed message, which shows that.
 */
import { z } from 'zod';
import { parsePayload } from '../protocol/payload.ts';
import { type BoxEntry, boxEntry } from './group-message.ts';

/** What a dealer has signed (R1) with the set that it names (U1): its shares and boxes are held against it. */
export interface SignedDeal {
  readonly dealer: number;
  /** Encoded envelope, `group-shares`. */
  readonly shares: Uint8Array;
  /** U1, ascending. */
  readonly present: readonly number[];
}

/** One thing that a dealer sent, with its proof under the signed `boxRoot`. */
export interface SentBox {
  readonly entry: BoxEntry;
  readonly proof: readonly Uint8Array[];
}

/** A share that a member holds, with its proof under the dealer's signed `shareRoot`. */
export interface ProvenShare {
  readonly at: number;
  readonly share: Uint8Array;
  readonly proof: readonly Uint8Array[];
}

/** What shows it. Plain data with an encoding in CBOR; messages stand in it as encoded envelopes. */
export type Evidence =
  /** Against the dealer: this key opens its box to what its own commitments do not hold. */
  | { readonly kind: 'bad-box'; readonly deal: SignedDeal; readonly sent: SentBox; readonly key: Uint8Array }
  /** Against who signed `input` (R2): the key in its complaint does not open the box, or opens it to what fits. */
  | { readonly kind: 'false-complaint'; readonly deal: SignedDeal; readonly sent: SentBox; readonly input: Uint8Array }
  /** Against who signed `unmask` (R4): its share of the dealer's secret is not the one that it was dealt. */
  | {
      readonly kind: 'false-share';
      readonly deal: SignedDeal;
      readonly secret: SecretKind;
      readonly unmask: Uint8Array;
    }
  /** Against the dealer: shares under its own root give a self seed that it did not commit to, or none. */
  | { readonly kind: 'bad-self'; readonly deal: SignedDeal; readonly held: readonly ProvenShare[] }
  /** Against the dealer: shares under its own root give a root that does not make the mask key it signed (R0), or none. */
  | {
      readonly kind: 'bad-key';
      readonly deal: SignedDeal;
      readonly held: readonly ProvenShare[];
      readonly keys: Uint8Array;
    }
  /** Against the dealer: its root does not make the mask ciphertext that it sent for the key that the receiver signed (R0). */
  | {
      readonly kind: 'bad-ciphertext';
      readonly deal: SignedDeal;
      readonly held: readonly ProvenShare[];
      readonly sent: SentBox;
      readonly keys: Uint8Array;
    };

/** The two secrets that a member deals out. */
export type SecretKind = 'self' | 'root';

export interface Blame {
  /** Who is at fault. */
  readonly at: number;
  /** In words. */
  readonly why: string;
  readonly evidence: Evidence;
}

const bytes = z.custom<Uint8Array>(value => value instanceof Uint8Array, 'not bytes');
const place = z.number().int().min(0);
const deal = z.strictObject({ dealer: place, shares: bytes, present: z.array(place) });
const sent = z.strictObject({ entry: boxEntry, proof: z.array(bytes) });
const held = z.array(z.strictObject({ at: place, share: bytes, proof: z.array(bytes) }));
const evidence = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('bad-box'), deal, sent, key: bytes }),
  z.strictObject({ kind: z.literal('false-complaint'), deal, sent, input: bytes }),
  z.strictObject({ kind: z.literal('false-share'), deal, secret: z.enum(['self', 'root']), unmask: bytes }),
  z.strictObject({ kind: z.literal('bad-self'), deal, held }),
  z.strictObject({ kind: z.literal('bad-key'), deal, held, keys: bytes }),
  z.strictObject({ kind: z.literal('bad-ciphertext'), deal, held, sent, keys: bytes }),
]);

/** Evidence from its deterministic CBOR. Throws Problem('malformed') for other bytes. What it shows is for `verifyBlame` to say. */
export const parseEvidence = (encoded: Uint8Array): Evidence => parsePayload<Evidence>(evidence, encoded, 'malformed');
