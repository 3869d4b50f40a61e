/** The stages of a member in a group session: what it holds between two messages, and what goes in and out. */
import type { KemKeyPair } from '../crypto/group-primitives.ts';
import type { ProblemCode } from '../protocol/problem.ts';
import type {
  BoxesMessage,
  InputMessage,
  MemberLabel,
  MembersMessage,
  QuorumMessage,
  SurvivorsMessage,
} from './group-message.ts';
import type { GroupManifest } from './manifest.ts';
import type { Mask } from './mask.ts';
import type { MemberPolicy } from './member-policy.ts';
import type { DealPlace, SetMemory } from './set-memory.ts';

/** What a member knows before it says anything. */
export interface MemberSession {
  readonly manifest: GroupManifest;
  /** `sessionId` of the manifest. */
  readonly sid: Uint8Array;
  /** The member's own place in `manifest.members`. */
  readonly at: number;
  /** SHA-256 of its own update certificate. */
  readonly certificate: Uint8Array;
  readonly policy: MemberPolicy;
  /** With differential privacy sets may change freely; without it the rule of `checkSet` holds. */
  readonly isPrivate: boolean;
  /** Rounds after which groups are dealt anew and a set may grow again. */
  readonly redrawRounds: number;
  /** The draw that dealt the group; null or absent where nothing was dealt. */
  readonly deal?: DealPlace | null;
}

/** 32 bytes each from the CSPRNG, for one session. The machine owns them: it overwrites them as soon as it can. */
export interface MemberSecrets {
  readonly root: Uint8Array;
  readonly self: Uint8Array;
  readonly channel: Uint8Array;
}

/** A member of U1 whose certificate the driver has verified: chain, role, federation, not revoked. */
export interface Peer {
  readonly at: number;
  /** SHA-256 of the certificate. */
  readonly certificate: Uint8Array;
  /** Ed25519, 32 bytes. */
  readonly publicKey: Uint8Array;
  readonly organisation: string;
  readonly name: string;
}

export type MemberEvent =
  /** `peers` in the order of `message.present`. */
  | { readonly kind: 'members'; readonly message: MembersMessage; readonly peers: readonly Peer[] }
  | { readonly kind: 'boxes'; readonly message: BoxesMessage }
  /** The masks are applied: SHA-256 and length of the packed segments. */
  | { readonly kind: 'masked'; readonly vector: Uint8Array; readonly bytes: number }
  /** `memory`: what the member remembers of this task and this kind of round; null the first time. */
  | { readonly kind: 'survivors'; readonly message: SurvivorsMessage; readonly memory: SetMemory | null }
  | { readonly kind: 'quorum'; readonly message: QuorumMessage }
  /** The coordinator's `group-end`, its sid compared by the driver. */
  | { readonly kind: 'end' }
  | { readonly kind: 'abort' };

export type MemberAction =
  /** `body` null: nothing follows, or (`group-input`) the segments that the driver has packed. */
  | {
      readonly kind: 'send';
      readonly label: MemberLabel;
      readonly payload: Uint8Array;
      readonly body: Uint8Array | null;
    }
  /** To be applied to the encoded segments; then the event `masked`. The seeds are overwritten after that. */
  | { readonly kind: 'mask'; readonly masks: readonly Mask[] }
  /** Durable before the action that follows. */
  | { readonly kind: 'remember'; readonly memory: SetMemory }
  | { readonly kind: 'finished' }
  /** `why` is for the member's own log. */
  | { readonly kind: 'aborted'; readonly problem: ProblemCode; readonly why: string };

export interface MemberStep {
  readonly state: MemberState;
  readonly actions: readonly MemberAction[];
}

/** Has sent its keys; waits for U1. */
export interface KeysSent extends Running {
  readonly stage: 'keys';
  readonly secrets: MemberSecrets;
  readonly maskPair: KemKeyPair;
  readonly channelPair: KemKeyPair;
  /** The R0 it sent. */
  readonly keys: Uint8Array;
}

/** Has sent its shares; waits for U2. */
export interface SharesSent extends Running {
  readonly stage: 'shares';
  readonly secrets: MemberSecrets;
  readonly maskPair: KemKeyPair;
  readonly channelPair: KemKeyPair;
  readonly present: readonly Peer[];
  /** The R1 it sent. */
  readonly shares: Uint8Array;
  /** Its own shares of its own secrets. */
  readonly own: HeldShares;
  /** What it encapsulated itself. */
  readonly pairSecrets: readonly PairSecret[];
}

/** Waits for its own vector to be masked. */
export interface Masking extends Sharing {
  readonly stage: 'masking';
  readonly masks: readonly Mask[];
  readonly complaints: InputMessage['complaints'];
}

/** Has sent its masked input; waits for U3. */
export interface InputSent extends Sharing {
  readonly stage: 'input';
}

/** Has signed U3; waits for the others' signatures. */
export interface Agreed extends Sharing {
  readonly stage: 'agree';
  readonly survivors: readonly number[];
}

/** Has opened what it may; waits for the end. */
export interface Unmasked extends Running {
  readonly stage: 'unmask';
}

/** Nothing is left: every event gives nothing. */
export type Over = { readonly stage: 'finished' } | { readonly stage: 'aborted' };

export type LiveState = KeysSent | SharesSent | Masking | InputSent | Agreed | Unmasked;
export type MemberState = LiveState | Over;

/** The two shares a member holds of a dealer's secrets, with their proofs under its `shareRoot`. */
export interface HeldShares {
  readonly dealer: number;
  readonly self: Uint8Array;
  readonly selfProof: readonly Uint8Array[];
  readonly root: Uint8Array;
  readonly rootProof: readonly Uint8Array[];
}

/** What seeds the pair mask with member `with`. */
export interface PairSecret {
  readonly with: number;
  readonly secret: Uint8Array;
}

/** The coordinator's messages that were acted on, as SHA-256: the same again is ignored, another one ends the session. */
export type Heard = { readonly [step in 'members' | 'boxes' | 'survivors' | 'quorum']?: Uint8Array };

interface Running {
  readonly session: MemberSession;
  readonly heard: Heard;
}

/** From U2 on: its own three secrets are gone, shares are all that it still needs. */
interface Sharing extends Running {
  readonly present: readonly Peer[];
  readonly sharers: readonly number[];
  /** Of each dealer in U2 whose box held what it should, itself included. */
  readonly held: readonly HeldShares[];
}
