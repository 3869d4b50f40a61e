/** What a party keeps over its crashes: its stores, durable the moment a commit is called. */
import type { Outbox } from '../client/outbox.ts';
import type { CoordinatorStore } from '../coordinator/store.ts';
import type { Primitives } from '../core/crypto/primitives.ts';
import type { LedgerPort } from '../core/privacy/ledger-port.ts';
import type { Blobs } from '../core/protocol/ports.ts';
import type { StorageFaults } from './crashed.ts';
import { MemoryBlobs } from './memory-blobs.ts';
import { MemoryLedger } from './memory-ledger.ts';
import { MemoryOutbox } from './memory-outbox.ts';
import { MemoryStore } from './memory-store.ts';

type Hash = Pick<Primitives, 'sha256'>;

/** What ledgers and statements of a simulation name as the version of the program. */
export const build = 'simulation';

export interface CoordinatorDisk {
  readonly store: CoordinatorStore;
  readonly blobs: Blobs;
  readonly privacy: LedgerPort;
}

export interface ClientDisk {
  readonly outbox: Outbox;
  readonly blobs: Blobs;
  readonly privacy: LedgerPort;
}

export function memoryCoordinatorDisk(faults: StorageFaults, { sha256 }: Hash): CoordinatorDisk {
  const privacy = new MemoryLedger({ sha256, build, faults });
  return { store: new MemoryStore(faults), blobs: new MemoryBlobs(faults), privacy };
}

export function memoryClientDisk(faults: StorageFaults, { sha256 }: Hash): ClientDisk {
  const privacy = new MemoryLedger({ sha256, build, faults });
  return { outbox: new MemoryOutbox(faults), blobs: new MemoryBlobs(faults), privacy };
}
