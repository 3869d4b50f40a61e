/** The port of a ledger over a place where entries are durable. */
import type { Ledger, SpentState } from './ledger.ts';
import type { StoredEntry } from './ledger-entry.ts';
import type { LedgerPort, Reservation, Spend } from './ledger-port.ts';

export interface LedgerStore {
  /**
   * One transaction: hands over the entries from number `from` on, and adds those that `decide` answers. They are durable when this
   * returns; when it throws, nothing was added. Nobody else adds any in between.
   */
  extend(from: number, decide: (newer: readonly StoredEntry[]) => readonly StoredEntry[]): void;
}

/** A round whose cost was counted before, of which nothing came: a crash lay in between. */
export type OnSpentAgain = (spend: Spend, repeats: number) => void;

/**
 * Reserves and settles in `ledger` what `store` keeps. Entries that another process added meanwhile are taken up first, so that two never
 * spend the same budget. A round that was reserved before is charged again: its noise is drawn anew.
 */
export function keepLedger(
  ledger: Ledger,
  store: LedgerStore,
  onSpentAgain: OnSpentAgain = () => undefined,
): LedgerPort {
  const extend = <T extends { readonly entries: readonly StoredEntry[] }>(make: () => T): T => {
    const made: T[] = [];
    store.extend(ledger.length, newer => {
      for (const entry of newer) ledger.append(entry);
      made.push(make());
      return made[0].entries;
    });
    for (const entry of made[0].entries) ledger.append(entry);
    return made[0];
  };
  return {
    async reserve(spend): Promise<Reservation> {
      const { index, repeats } = extend(() => ledger.reserve(spend));
      if (repeats > 0) onSpentAgain(spend, repeats);
      const settle = async (kind: 'commit' | 'release'): Promise<void> =>
        void extend(() => ({ entries: [ledger.settle(kind, index)] }));
      return { commit: () => settle('commit'), release: () => settle('release') };
    },
    async find(release): Promise<Reservation | null> {
      extend(() => ({ entries: [] }));
      const found = ledger.newest(release);
      if (found === null) return null;
      const { index } = found;
      const settle = async (kind: 'commit' | 'release', due: SpentState): Promise<void> =>
        void extend(() => ({ entries: ledger.stateOf(index) === due ? [ledger.settle(kind, index)] : [] }));
      return { commit: () => settle('commit', 'reserved'), release: () => settle('release', 'committed') };
    },
  };
}
