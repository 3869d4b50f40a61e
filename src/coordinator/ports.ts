/** What a coordinator needs from its surroundings. */
import type { AggregationOrder } from '../core/aggregation/aggregation-order.ts';
import type { Cohort } from '../core/aggregation/cohort.ts';
import type { Aggregate } from '../core/aggregation/pipeline.ts';
import type { Primitives, Signer } from '../core/crypto/primitives.ts';
import type { LedgerPort } from '../core/privacy/ledger-port.ts';
import type { Blobs, Clock, Log, StepPort } from '../core/protocol/ports.ts';
import type { GroupPorts } from '../core/secagg/group-ports.ts';
import type { CoordinatorStore } from './store.ts';
import type { Member } from './verify.ts';

export interface CoordinatorPorts {
  readonly federation: string;
  /** Signs assignments and receipts with the current update key; asked anew each time, so that renewal needs no restart. */
  readonly identity: () => { readonly signer: Signer; readonly certificate: Uint8Array };
  /** Verifies an update certificate (chain, life, use, revocation) and reads the member in it. Throws Problem. */
  readonly verifyCertificate: (der: Uint8Array) => Member & { readonly role: string };
  /** Whether the current revocation list names the certificate with this serial number. */
  readonly isRevoked: (serial: string) => boolean;
  readonly primitives: Primitives;
  readonly store: CoordinatorStore;
  readonly blobs: Blobs;
  /** What was released of private tasks; asked before the noise of a round is drawn. */
  readonly privacy: LedgerPort;
  /** Version of the program, for statements. */
  readonly build: string;
  /**
   * Opens stored vectors of `length` values for passes over them. Throws Error when one is missing or of another length.
   * Close it.
   */
  readonly openCohort: (keys: readonly string[], length: number) => Promise<Cohort>;
  /**
   * Carries out the rule of a round over stored vectors: rows are keys. Throws RangeError where the rule gives no result for these
   * updates, Error where a vector is missing.
   */
  readonly aggregate: (order: AggregationOrder) => Promise<Aggregate>;
  /** Null: this coordinator runs no task with protection group. */
  readonly group: GroupPorts | null;
  readonly clock: Clock;
  readonly log: Log;
  readonly step: StepPort;
}
