/** The stages of an update as types: each can only be made from the one before, so a skipped step does not compile. */
import type { Envelope } from '../core/crypto/envelope.ts';
import type { Signer } from '../core/crypto/primitives.ts';
import type { Manifest } from '../core/learning/parameters.ts';
import type { Evaluation } from '../core/learning/trainer.ts';
import type { Plan } from '../core/privacy/plan.ts';
import type { RoundNoise } from '../core/privacy/round-noise.ts';
import type { Assignment } from '../core/protocol/message.ts';
import type { Staged } from '../core/protocol/stage.ts';
import type { Task } from '../core/protocol/task.ts';
import type { Compression } from '../core/secagg/compression.ts';
import type { Encoding } from '../core/secagg/encoding.ts';
import type { FiguresLayout } from '../core/secagg/figures.ts';
import type { GroupManifest } from '../core/secagg/manifest.ts';
import type { SharedWords } from '../core/secagg/noise-words.ts';
import type { DealPlace } from '../core/secagg/set-memory.ts';
import type { MemberPorts } from './group-ports.ts';

/** What the coordinator sees of a round: each client's own message, or the sum of its group. */
export type Protection = 'inspect' | 'group';

/** The round an update belongs to, checked against what the coordinator signed. */
export interface RoundContext<P extends Protection = Protection> {
  readonly protection: P;
  readonly task: Task;
  /** 32 bytes and the same in hexadecimal. */
  readonly taskHash: Uint8Array;
  readonly taskId: string;
  readonly round: number;
  readonly assignment: Assignment;
  readonly manifest: Manifest;
  /** Null for a task without privacy. */
  readonly privacy: RoundPrivacy | null;
}

/** What a member has checked before it trains for a group. */
export interface GroupSession {
  readonly manifest: GroupManifest;
  readonly sid: Uint8Array;
  /** This member's place in `manifest.members`. */
  readonly at: number;
  /** The draw that dealt the group; null where nothing was dealt. */
  readonly deal: DealPlace | null;
  /** Whom the manifest names there: the key that signs in this session, also when the certificate is renewed meanwhile. */
  readonly identity: { readonly signer: Signer; readonly certificate: Uint8Array };
  /** How an update becomes words; null where none is sent, and where its words hold a share of noise. */
  readonly encoding: Encoding | null;
  /** How an update becomes words with a share of the group's noise. */
  readonly shared: SharedWords | null;
  /** What of an update is sent; null where all of it is, and in a round that trains nothing. */
  readonly compression: Compression | null;
  readonly figures: FiguresLayout;
  readonly ports: MemberPorts;
}

/** A round whose updates nobody sees but those who made them. */
export interface GroupRound extends RoundContext<'group'> {
  readonly session: GroupSession;
}

/** What the task's privacy asks of a client in a round. */
export interface RoundPrivacy {
  readonly plan: Plan;
  /** Hex SHA-256 of the plan. */
  readonly planHash: string;
  readonly noise: RoundNoise;
}

/** What a client says of its training beside the update. Under privacy it says nothing: one example, the task's steps, no loss. */
export interface TrainingReport {
  readonly examples: number;
  readonly steps: number;
  readonly loss: number | null;
  readonly evaluation: Evaluation | null;
  /** Was the update within the clip bound? Null unless the bound follows the norms. */
  readonly withinClip: boolean | null;
}

/** `exact`: what it was made of shows in every bit. `noisy`: whoever trained has added all noise that the task asks for (dp-sgd). */
export type Data = 'exact' | 'noisy';

interface Difference<D extends Data> {
  readonly data: D;
  readonly difference: Float32Array;
  readonly report: TrainingReport;
}

/** Difference of the locally trained to the global parameters. Has no wire encoding. */
export type Trained<D extends Data = Data> = Staged<'trained', Difference<D>>;
/** After client momentum (`training.workerMomentum`); with 0 the difference itself. Has no wire encoding. */
export type Averaged<D extends Data = Data> = Staged<'averaged', Difference<D>>;
/** The values that the round sends (`protection.compression`); without compression all of them. Has no wire encoding. */
export type Compressed<D extends Data = Data> = Staged<'compressed', Difference<D>>;
/** L2 norm at most what the task bounds an update by: `aggregation.clipNorm`, and before noise on whole updates the clip bound of the round. */
export type Clipped<D extends Data = Data> = Staged<'clipped', Difference<D>>;
/**
 * After the task's privacy mechanism. With `privacy: none` nothing was added; with noise of the coordinator nothing yet: it sees a
 * clipped update as it is. It belongs to a round of one protection, and only one way leads on from there.
 */
export type Noised<P extends Protection = Protection> = Staged<
  'noised',
  { protection: P; difference: Float32Array; report: TrainingReport }
>;
/** `protection: inspect`: little-endian float32 bytes, which the coordinator sees as they are. */
export type Encoded = Staged<'encoded', { tensor: Uint8Array; report: TrainingReport }>;
/** Ready to send. */
export type Signed = Staged<'signed', { envelope: Envelope; tensor: Uint8Array }>;

/** `protection: group`: integers that add up. Has no wire encoding. */
export type Quantised = Staged<'quantised', { words: Int32Array<ArrayBuffer>; report: TrainingReport }>;
/** All that a member puts into the sum of its group, as words, a vector for each segment of the manifest. Has no wire encoding. */
export type Input = Staged<'input', { vectors: readonly Int32Array<ArrayBuffer>[] }>;
/** Under all masks of the session, packed: bytes that tell nothing beside those of the other members. */
export type MaskedInput = Staged<'masked-input', { packed: Uint8Array<ArrayBuffer> }>;
