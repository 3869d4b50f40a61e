/** The ledger as a round sees it: nothing noisy is drawn before what it costs is durable. */
import type { MechanismSettings, Relation } from '../protocol/privacy-settings.ts';
import type { PrivacyEvent } from './event.ts';

/** What may be spent: ε at δ. */
export interface SpendLimit {
  readonly epsilon: number;
  readonly delta: number;
}

/** One release as it is asked for. */
export interface Spend {
  /** Hex SHA-256 of the task. */
  readonly task: string;
  /** Hex SHA-256 of the plan that the release follows, where there is one. */
  readonly plan?: string;
  readonly round: number;
  /** `train`: the round's noisy sums; `evaluate`: noisy counts of test rows, another set of units. */
  readonly purpose: 'train' | 'evaluate';
  /**
   * Units of `evaluate` may be units of `train` as well, because it does not lie in each row alone on which side it is (a seeded split
   * deals rows out by their number). Then both count together, under the limit of training. False when absent.
   */
  readonly sharesUnits?: boolean;
  readonly unit: MechanismSettings['unit'];
  /** Name of the set of units it is about, among those of whoever keeps the ledger. By default all units of this kind are one set. */
  readonly units?: string;
  readonly relation: Relation;
  readonly event: PrivacyEvent;
  /** What the whole task may spend. */
  readonly limit: SpendLimit;
  /** Whether noise, sampling and number of rounds were fixed before the first release; if not, a filter decides. */
  readonly isFixed: boolean;
}

/** What a ledger knows a release by, however often it was reserved. */
export type ReleaseName = Pick<Spend, 'task' | 'round' | 'purpose'>;

/** What is spent already, also if nothing comes of it: a crash after `reserve` has spent. */
export interface Reservation {
  /** The result is durable and will be the one that is sent. */
  commit(): Promise<void>;
  /** The result has left. */
  release(): Promise<void>;
}

export interface LedgerPort {
  /**
   * Durable when it resolves. Throws Problem `budget-spent` when the limit of the task, or a limit of whoever keeps the ledger, does not
   * allow the release: then nothing has changed.
   */
  reserve(spend: Spend): Promise<Reservation>;
  /**
   * The newest reservation of a release, for whoever goes on with what it was made for after a crash; null where there is none. Spends
   * nothing. Its `commit` and `release` do nothing where that was said before.
   */
  find(release: ReleaseName): Promise<Reservation | null>;
}
