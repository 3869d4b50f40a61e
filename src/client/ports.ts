/** What a client needs from its surroundings. */
import type { Primitives, Signer } from '../core/crypto/primitives.ts';
import type { Trainer } from '../core/learning/trainer.ts';
import type { FloatPool } from '../core/math/float-pool.ts';
import type { LedgerPort } from '../core/privacy/ledger-port.ts';
import type { Blobs, Clock, Log, StepPort } from '../core/protocol/ports.ts';
import type { Task } from '../core/protocol/task.ts';
import type { CoordinatorChannel } from './channel.ts';
import type { MemberPorts } from './group-ports.ts';
import type { Outbox } from './outbox.ts';

export interface ClientPorts {
  readonly federation: string;
  /** This client's name in the federation. */
  readonly name: string;
  /** The current update key and the hash of its certificate. */
  readonly identity: () => { readonly signer: Signer; readonly certificate: Uint8Array };
  /** Public key of the coordinator whose verified update certificate has this hash, or null: the message is refused. */
  readonly coordinatorKey: (certificate: Uint8Array) => Uint8Array | null;
  readonly channel: CoordinatorChannel;
  /** Opens the site's data for a task. Throws UserError when the data does not fit or the site does not allow the task. */
  readonly trainerFor: (task: Task, taskHash: string) => Promise<Trainer>;
  readonly outbox: Outbox;
  /** What this site has spent of its privacy; asked before anything of a private task leaves it. */
  readonly privacy: LedgerPort;
  /** Room for updates, used again in the next round. */
  readonly vectors: FloatPool;
  readonly blobs: Blobs;
  readonly primitives: Primitives;
  readonly clock: Clock;
  readonly log: Log;
  readonly step: StepPort;
  /** Null: this client takes part in no groups. */
  readonly group: MemberPorts | null;
}
