/** What an audit exercises: every function that a private release goes through. A mutant is this with one of them broken. */
import type { Bounds } from '../privacy/composed-loss.ts';
import type { PrivacyEvent } from '../privacy/event.ts';
import type { StoredEntry } from '../privacy/ledger-entry.ts';
import type { LedgerStore } from '../privacy/ledger-keeper.ts';
import type { LedgerPort } from '../privacy/ledger-port.ts';
import type { NoiseGrid } from '../privacy/noise-grid.ts';
import type { Plan } from '../privacy/plan.ts';
import type { RandomBytes } from '../privacy/random-words.ts';
import type { AuditedTask } from './audited-task.ts';
import type { Examples } from './examples.ts';

export interface TrainingRun {
  readonly audited: AuditedTask;
  readonly examples: Examples;
  readonly randomBytes: RandomBytes;
  /** Sees every noisy sum of clipped gradients: what is released, before it is divided by the public constant. */
  readonly onSum: (sum: Float64Array) => void;
}

/** What one client has trained: the tensors of its update, and how many examples it says it has. */
export interface ClientUpdate {
  readonly parts: readonly Float64Array[];
  readonly examples: number;
}

/** One round with whole updates, the noise at the coordinator. */
export interface UpdateRound {
  readonly audited: AuditedTask;
  /** The bound of this round. */
  readonly clipNorm: number;
  readonly updates: readonly ClientUpdate[];
  readonly randomBytes: RandomBytes;
}

export interface UpdateRelease {
  /** The noisy sum, before it is divided by the public constant. */
  readonly sum: Float64Array;
  /** The bound of the next round. */
  readonly nextClip: number;
}

/** What a client's training found out about its rows; nothing of it may leave. */
export interface LocalFigures {
  readonly examples: number;
  readonly steps: number;
  readonly loss: number;
}

/** Where a ledger's entries are durable. */
export interface AuditDisk extends LedgerStore {
  readonly entries: readonly StoredEntry[];
}

export interface AuditedLedger extends Pick<LedgerPort, 'reserve'> {
  /** ε of the one task that it is asked about, by all that was reserved. */
  spent(): number;
}

export interface AuditedMechanisms {
  /** The parts of one contribution, together within the clip bound. */
  clip(parts: readonly Float64Array[], clipNorm: number): Float64Array[];
  /** One contribution on the grid, within `grid.contributionSteps`; in steps. */
  roundUpdate(update: Float64Array, clipNorm: number, grid: NoiseGrid, randomBytes: RandomBytes): Int32Array;
  /** A sum put on the grid, with noise. */
  noisySum(sum: Float64Array, grid: NoiseGrid, randomBytes: RandomBytes): Float64Array;
  /** DP-SGD at a site: the loop of the trainer. Returns the parameters. */
  train(run: TrainingRun): Promise<Float32Array>;
  /** DP-FedAvg: what clients do to their updates, and the coordinator to what they send. */
  updateRound(round: UpdateRound): UpdateRelease | Promise<UpdateRelease>;
  /** DP-FedAvg where the client adds all noise: what one client sends. */
  noisyUpdate(round: Omit<UpdateRound, 'updates'> & { readonly update: ClientUpdate }): Promise<Float64Array>;
  /** Noise that each of so many members of a group adds to its sum, for updates within a clip bound of 1: a vector of `count` values for each. */
  noiseShares(plan: Plan, members: number, count: number, randomBytes: RandomBytes): Float64Array[];
  /** Row numbers of one batch of so many rows. */
  sampleBatch(plan: Plan, rows: number, randomBytes: RandomBytes): ArrayLike<number>;
  /** Grid and noise of a sum in a round of this noise multiplier. */
  grid(plan: Plan, noiseMultiplier: number, clipNorm: number): NoiseGrid;
  /** What a round is accounted as. */
  event(plan: Plan, noiseMultiplier: number): PrivacyEvent;
  /** ε at δ that a budget is checked with. */
  rdpEpsilon(event: PrivacyEvent, delta: number): number;
  /** ε at δ that is reported, from both sides. */
  pldEpsilon(event: PrivacyEvent, delta: number): Bounds;
  /** A ledger; what its disk holds already counts. */
  openLedger(disk: AuditDisk): AuditedLedger;
  /** Whatever of a client's update message is no tensor. */
  report(audited: AuditedTask, figures: LocalFigures): Promise<Readonly<Record<string, unknown>>>;
  /** The tensor of an update as it is sent, and as it is sent again after the answer was lost. */
  sendTwice(): Promise<readonly [Uint8Array, Uint8Array]>;
}
