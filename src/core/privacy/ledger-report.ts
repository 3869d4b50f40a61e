/** What a ledger says, for a person: what each line has come to, round by round, and whether the chain holds. */
import { Ledger, type LedgerSettings, type LineState, type Spent } from './ledger.ts';
import { LedgerBroken, type StoredEntry } from './ledger-entry.ts';

export interface ChainReport {
  /** Entries that hold together, from the first. */
  readonly entries: number;
  /** SHA-256 of the last of them. */
  readonly head: string;
  /** Where the chain breaks; null: it does not. */
  readonly broken: { readonly index: number; readonly what: string } | null;
}

/** One line, with the reservations on it. */
export interface LineReport extends LineState {
  /** What may still be spent; null without a limit. */
  readonly left: number | null;
  readonly spends: readonly Spent[];
}

export interface LedgerReport {
  readonly chain: ChainReport;
  readonly tasks: readonly LineReport[];
  /** Over all tasks, by set of units. */
  readonly sets: readonly LineReport[];
}

/** Reads the entries up to the first that is wrong, if any. */
export function ledgerReport(entries: Iterable<StoredEntry>, settings: LedgerSettings): LedgerReport {
  const ledger = new Ledger(settings);
  const broken = appendAll(ledger, entries);
  const chain = { entries: ledger.length, head: ledger.head, broken };
  const lines = ledger.lines.map(line => withSpends(line, ledger.spent));
  return { chain, tasks: lines.filter(({ task }) => task !== null), sets: lines.filter(({ task }) => task === null) };
}

function appendAll(ledger: Ledger, entries: Iterable<StoredEntry>): ChainReport['broken'] {
  try {
    for (const entry of entries) ledger.append(entry);
    return null;
  } catch (error) {
    if (!(error instanceof LedgerBroken)) throw error;
    return { index: error.index, what: error.message };
  }
}

function withSpends(line: LineState, spent: readonly Spent[]): LineReport {
  const isOn = (each: Spent): boolean => {
    if (each.units !== line.units || each.unit !== line.unit || each.relation !== line.relation) return false;
    return line.task === null || (each.task === line.task && each.line === line.purpose);
  };
  const left = line.epsilon === null ? null : Math.max(0, line.epsilon - line.spent);
  return { ...line, left, spends: spent.filter(isOn) };
}
