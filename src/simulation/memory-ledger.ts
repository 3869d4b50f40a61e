/** A ledger in memory, with the behaviour of the one on disk. */
import { type Ledger, type LedgerSettings, replay } from '../core/privacy/ledger.ts';
import type { StoredEntry } from '../core/privacy/ledger-entry.ts';
import { keepLedger, type OnSpentAgain } from '../core/privacy/ledger-keeper.ts';
import type { LedgerPort, ReleaseName, Reservation, Spend } from '../core/privacy/ledger-port.ts';
import { Crashed, type StorageFaults } from './crashed.ts';

export interface MemoryLedgerSettings extends LedgerSettings {
  readonly faults?: StorageFaults;
  readonly onSpentAgain?: OnSpentAgain;
}

/** What was reserved is kept over a crash, whatever became of it. */
export class MemoryLedger implements LedgerPort {
  readonly #settings: MemoryLedgerSettings;
  readonly #entries: StoredEntry[];
  readonly #port: LedgerPort;
  readonly ledger: Ledger;
  #isDead = false;

  constructor(settings: MemoryLedgerSettings, entries: readonly StoredEntry[] = []) {
    this.#settings = settings;
    this.#entries = [...entries];
    this.ledger = replay(this.#entries, settings);
    const extend = (from: number, decide: (newer: readonly StoredEntry[]) => readonly StoredEntry[]): void => {
      this.#requireAlive();
      const made = decide(this.#entries.slice(from));
      settings.faults?.beforeCommit?.();
      this.#entries.push(...made);
    };
    this.#port = keepLedger(this.ledger, { extend }, settings.onSpentAgain);
  }

  /** Everything that is durable. */
  get entries(): readonly StoredEntry[] {
    return this.#entries;
  }

  reserve(spend: Spend): Promise<Reservation> {
    return this.#port.reserve(spend);
  }

  find(release: ReleaseName): Promise<Reservation | null> {
    return this.#port.find(release);
  }

  /** The process dies: this object throws Crashed from now on, the one returned holds what was durable. */
  crash(): MemoryLedger {
    this.#requireAlive();
    this.#isDead = true;
    return new MemoryLedger(this.#settings, this.#entries);
  }

  #requireAlive(): void {
    if (this.#isDead) throw new Crashed();
  }
}
