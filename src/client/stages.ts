/** The stages of an update as types: each can only be made from the one before, so a skipped step does not compile. */
import type { Envelope } from '../core/crypto/envelope.ts';
import type { Manifest } from '../core/learning/parameters.ts';
import type { Evaluation } from '../core/learning/trainer.ts';
import type { Plan } from '../core/privacy/plan.ts';
import type { RoundNoise } from '../core/privacy/round-noise.ts';
import type { Assignment } from '../core/protocol/message.ts';
import type { Staged } from '../core/protocol/stage.ts';
import type { Task } from '../core/protocol/task.ts';

/** The round an update belongs to, checked against what the coordinator signed. */
export interface RoundContext {
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
/** L2 norm at most what the task bounds an update by: `aggregation.clipNorm`, and before noise on whole updates the clip bound of the round. */
export type Clipped<D extends Data = Data> = Staged<'clipped', Difference<D>>;
/**
 * After the task's privacy mechanism. With `privacy: none` nothing was added; with noise of the coordinator nothing yet: it sees a
 * clipped update as it is.
 */
export type Noised = Staged<'noised', { difference: Float32Array; report: TrainingReport }>;
/** Little-endian float32 bytes. */
export type Encoded = Staged<'encoded', { tensor: Uint8Array; report: TrainingReport }>;
/** After the task's protection. With `protection: inspect` the coordinator sees the tensor as it is. */
export type Masked = Staged<'masked', { tensor: Uint8Array; report: TrainingReport }>;
/** Ready to send. */
export type Signed = Staged<'signed', { envelope: Envelope; tensor: Uint8Array }>;
