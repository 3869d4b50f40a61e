/** What a party keeps over its crashes: its stores, durable the moment a commit is called. */
import type { Outbox } from '../client/outbox.ts';
import type { CoordinatorStore } from '../coordinator/store.ts';
import type { Blobs } from '../core/protocol/ports.ts';
import type { StorageFaults } from './crashed.ts';
import { MemoryBlobs } from './memory-blobs.ts';
import { MemoryOutbox } from './memory-outbox.ts';
import { MemoryStore } from './memory-store.ts';

export interface CoordinatorDisk {
  readonly store: CoordinatorStore;
  readonly blobs: Blobs;
}

export interface ClientDisk {
  readonly outbox: Outbox;
  readonly blobs: Blobs;
}

export function memoryCoordinatorDisk(faults: StorageFaults): CoordinatorDisk {
  return { store: new MemoryStore(faults), blobs: new MemoryBlobs(faults) };
}

export function memoryClientDisk(faults: StorageFaults): ClientDisk {
  return { outbox: new MemoryOutbox(faults), blobs: new MemoryBlobs(faults) };
}
