/** The stages of a round as types: each can only be made from the one before, so a skipped step does not compile. */

import type { Envelope } from '../core/crypto/envelope.ts';
import type { Plan } from '../core/privacy/plan.ts';
import type { RoundNoise, Shown } from '../core/privacy/round-noise.ts';
import type { Update } from '../core/protocol/message.ts';
import type { Staged } from '../core/protocol/stage.ts';
import type { Task } from '../core/protocol/task.ts';
import type { Received, ReleaseEvent, RoundReport, Run } from './store.ts';

/** A message whose sender, context and signature hold. */
export type Verified = Staged<
  'verified',
  { client: string; envelope: Envelope; update: Update; tensor: AsyncIterable<Uint8Array> }
>;
/** An update of the declared form, finite, within norm and weight bounds, its tensor durable in a blob. */
export type Admitted = Staged<'admitted', { received: Received; payload: Uint8Array; envelope: Uint8Array }>;
/** The cohort of a closed round with the weights declared for it, and how many liars may still be in it. */
export type Inspected = Staged<
  'inspected',
  {
    run: Run;
    task: Task;
    updates: readonly Received[];
    totalWeight: number;
    byzantine: number;
    dropped: readonly string[];
  }
>;
/** A cohort whose release is paid for: what it costs is durable on the ledger, before any noise is drawn. Without privacy it costs nothing, and says so. */
export type Charged = Staged<'charged', { inspected: Inspected; event: ReleaseEvent; privacy: ChargedPrivacy | null }>;
/**
 * What of a charged cohort may leave: of a private task noisy, whoever has added the noise. The only vector that a model can be made of.
 * `weights`: what each update counted with.
 */
export type Released = Staged<
  'released',
  { vector: Float32Array; weights: readonly number[] | null; shown: Shown | null }
>;
/** The next global parameters, the server optimiser's state, the aggregate where the rule remembers it, and what each update counted with. */
export type Combined = Staged<
  'combined',
  {
    charged: Charged;
    parameters: Float32Array;
    serverState: Uint8Array;
    aggregate: Float32Array | null;
    weights: readonly number[] | null;
    loss: number | null;
    /** Of the next round; null without privacy. */
    nextNoise: RoundNoise | null;
  }
>;
/** A combination that is durable: blobs, round, release event and run in one write. The parameters are those of the run's model. */
export type Recorded = Staged<'recorded', { run: Run; report: RoundReport; parameters: Float32Array }>;
/** What may leave the coordinator. Only `publish` makes one, and only of a Recorded. */
export type Artifact = Staged<'artifact', { task: string; round: number; bytes: Uint8Array }>;

/** What a private round was charged for. */
export interface ChargedPrivacy {
  readonly plan: Plan;
  readonly noise: RoundNoise;
}
