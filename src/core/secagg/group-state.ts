/** What the coordinator knows of one group: the state of its machine, as data that only grows. */

import type { Envelope } from '../crypto/envelope.ts';
import { inclusionProof, type MerkleTree } from '../crypto/merkle.ts';
import type { Blame, ProvenShare, SecretKind, SentBox, SignedDeal } from './blame.ts';
import type { Deal } from './dealt.ts';
import type {
  AgreeMessage,
  InputMessage,
  KeysMessage,
  SharesBody,
  SharesMessage,
  UnmaskMessage,
} from './group-message.ts';
import type { GroupManifest } from './manifest.ts';
import type { Mask } from './mask.ts';

/** A member of the group: what the manifest names only by its hash. */
export interface GroupMember {
  /** Its place in the manifest. */
  readonly at: number;
  readonly name: string;
  /** Update certificate, DER. */
  readonly certificate: Uint8Array;
  /** Ed25519 key of that certificate. */
  readonly publicKey: Uint8Array;
}

export type GroupEvent =
  /** A message of a member. Its signature and all that the envelope binds have been verified against the member's certificate. */
  | {
      readonly kind: 'message';
      readonly at: number;
      readonly envelope: Envelope;
      /** `SharesBody` of R1; nobody reads that of R2 here: it is checked against the signed digest and length where it is stored. */
      readonly body: Uint8Array | null;
    }
  /** Deadline, or all have answered: the step ends with what has arrived. */
  | { readonly kind: 'close' }
  /** The member declined or was revoked: it is no longer waited for, and in no set that is not closed yet. */
  | { readonly kind: 'gone'; readonly at: number };

/** Steps R0 to R4 while their messages are awaited, and the two ends. */
export type GroupStage = 'keys' | 'shares' | 'input' | 'agree' | 'unmask' | 'opened' | 'void';

/** A signed message of a member, parsed. */
export interface Received<T> {
  readonly message: T;
  /** The encoded envelope. */
  readonly envelope: Uint8Array;
}

export interface ReceivedShares extends Received<SharesMessage> {
  readonly body: SharesBody;
  /** The tree under `boxRoot`. */
  readonly boxes: MerkleTree;
}

export interface ReceivedUnmask extends Received<UnmaskMessage> {
  /** What it says its shares are, by dealer: nobody has checked their proofs. */
  readonly self: ReadonlyMap<number, ProvenShare>;
  readonly root: ReadonlyMap<number, ProvenShare>;
}

/** A secret that is what its dealer committed to, and so shows that the shares it came from were good. */
export interface Found {
  readonly secret: Uint8Array;
  /** Which shares gave it. */
  readonly from: readonly ProvenShare[];
  readonly masks: readonly Mask[];
}

/**
 * How far a secret is while R4 is open: found, doubted since its first t shares gave none that fits, or settled: there are t shares with good
 * proofs, so that more are of no use.
 */
export type Trial = Found | 'doubted' | 'settled';

/** What opens the sum of a group. */
export interface Opening {
  /** U3: whose inputs the sum is of. */
  readonly survivors: readonly number[];
  /** To be added to the sum of the inputs: signs already inverted. */
  readonly masks: readonly Mask[];
}

export interface GroupState {
  readonly manifest: GroupManifest;
  readonly sid: Uint8Array;
  readonly members: readonly GroupMember[];
  readonly stage: GroupStage;
  readonly gone: ReadonlySet<number>;
  /** Accepted messages of each step, by the place of the sender. */
  readonly keys: ReadonlyMap<number, Received<KeysMessage>>;
  readonly shares: ReadonlyMap<number, ReceivedShares>;
  readonly inputs: ReadonlyMap<number, Received<InputMessage>>;
  readonly agreed: ReadonlyMap<number, Received<AgreeMessage>>;
  readonly unmasked: ReadonlyMap<number, ReceivedUnmask>;
  /** U1, ascending: fixed when the step of keys closes; empty before that. */
  readonly present: readonly number[];
  /** U2. */
  readonly sharers: readonly number[];
  /** U3. */
  readonly survivors: readonly number[];
  /** Members of U3 that agreed in time: who is asked to unmask. */
  readonly quorum: readonly number[];
  /** Secrets that R4 has had t shares of, while it is open: what is in here never decides what it ends with. */
  readonly trials: { readonly [kind in SecretKind]: ReadonlyMap<number, Trial> };
  /** Why there is no sum, in words; null unless void. */
  readonly why: string | null;
  readonly blamed: readonly Blame[];
  /** Null unless opened. */
  readonly opening: Opening | null;
}

/** R1 of a member. Throws RangeError for one that has sent none. */
export function dealtBy({ shares }: GroupState, at: number): ReceivedShares {
  const received = shares.get(at);
  if (received === undefined) throw new RangeError(`group: member ${at} has dealt nothing`);
  return received;
}

/** R0 of a member. Throws RangeError for one that has sent none. */
export function keysOf({ keys }: GroupState, at: number): Received<KeysMessage> {
  const received = keys.get(at);
  if (received === undefined) throw new RangeError(`group: member ${at} has sent no keys`);
  return received;
}

/** What a member has committed to, and to whom. */
export function dealOf(state: GroupState, dealer: number): Deal {
  return { ...dealtBy(state, dealer).message, dealer, present: state.present };
}

/** The same as it was signed, for evidence. */
export function signedDeal(state: GroupState, dealer: number): SignedDeal {
  return { dealer, shares: dealtBy(state, dealer).envelope, present: state.present };
}

/** What a member has sent another one, with the proof that it has signed that. */
export function sentBox(state: GroupState, dealer: number, to: number): SentBox {
  const { body, boxes } = dealtBy(state, dealer);
  const place = body.findIndex(entry => entry.to === to);
  return { entry: body[place], proof: inclusionProof(boxes, place) };
}

export function nameOf({ members }: GroupState, at: number): string {
  return members[at].name;
}
