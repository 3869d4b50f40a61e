/**
 * The ledger: a chain of entries that says what was spent before it was spent. Pure: it decides and makes entries; whoever keeps them
 * appends them once they are durable (ledger-keeper.ts).
 *
 * NOT protected: whoever may write where the ledger is kept can write another one, or cut off its end. The chain shows changes by others,
 * by accident and by a disk. To hold a keeper to its ledger, have the hash of its last entry kept elsewhere.
 */
import { Problem } from '../protocol/problem.ts';
import { type Cost, EventCosts, filterOrder, ledgerAccountant } from './ledger-cost.ts';
import {
  beforeFirst,
  LedgerBroken,
  type LedgerEntry,
  type LooseEntry,
  type OpenEntry,
  openEntry,
  type ReserveEntry,
  type Sha256,
  type StoredEntry,
  sealEntry,
} from './ledger-entry.ts';
import { LedgerLine, type LineTerms } from './ledger-line.ts';
import type { ReleaseName, Spend, SpendLimit } from './ledger-port.ts';

export interface LedgerSettings {
  readonly sha256: Sha256;
  /** Version of the program, noted in each entry. */
  readonly build: string;
  /** By set of units: what its keeper lets all tasks together spend about it. A set without a limit is added up only. */
  readonly limits?: Readonly<Record<string, SpendLimit>>;
}

/** Machines and versions may differ in the last places of a logarithm: what one has reserved, another one must be able to read. */
const lastPlaces = 1e-9;

/** What became of a reservation. `reserved`: spent, and nothing came of it so far. */
export type SpentState = 'reserved' | 'committed' | 'released';

/** One reservation, for reports. */
export interface Spent extends Omit<ReserveEntry, 'previous' | 'kind' | 'plan' | 'accountant' | 'build'> {
  readonly state: SpentState;
  /** ε of the task's line and of the set's line after it. */
  readonly epsilon: number;
  readonly setEpsilon: number;
  /** The round was reserved before: it was spent again. */
  readonly isRepeated: boolean;
}

/** What a line has come to. */
export interface LineState extends LineTerms {
  /** Counted so far. Where `order` is set this is no ε of its own: a filter gives its limit, whatever is left of it. */
  readonly spent: number;
  /** The ε that may be stated: what was spent when all was fixed beforehand, else the limit; ∞ without one. */
  readonly stated: number;
}

/** What a reservation will append, in this order; nothing has changed before it is appended. */
export interface ReserveDraft {
  readonly entries: readonly StoredEntry[];
  /** Number of the reserve entry. */
  readonly index: number;
  /** ε of the task's line and of the set's line once appended. */
  readonly epsilon: number;
  readonly setEpsilon: number;
  /** Earlier reservations of the same round: each has spent. */
  readonly repeats: number;
}

export class Ledger {
  readonly #settings: LedgerSettings;
  readonly #costs = new EventCosts();
  readonly #lines = new Map<string, LedgerLine>();
  readonly #spent = new Map<number, Spent>();
  /** Task, purpose and round → how often reserved. */
  readonly #rounds = new Map<string, number>();
  #length = 0;
  #head = beforeFirst;

  constructor(settings: LedgerSettings) {
    this.#settings = settings;
  }

  /** Entries so far. */
  get length(): number {
    return this.#length;
  }

  /** SHA-256 of the last entry (hex). */
  get head(): string {
    return this.#head;
  }

  /** Kinds of events whose divergences were calculated; all others were looked up. */
  get evaluations(): number {
    return this.#costs.evaluations;
  }

  /** What was spent, in the order it was. */
  get spent(): readonly Spent[] {
    return [...this.#spent.values()];
  }

  /** The newest reservation of a release, or null. */
  newest({ task, round, purpose }: ReleaseName): Spent | null {
    const isIt = (one: Spent): boolean => one.task === task && one.round === round && one.purpose === purpose;
    return this.spent.findLast(isIt) ?? null;
  }

  /** What became of a reservation; null where this entry is none. */
  stateOf(index: number): SpentState | null {
    return this.#spent.get(index)?.state ?? null;
  }

  /** Every line: first those of tasks, then those of sets, each in the order they were opened. */
  get lines(): readonly LineState[] {
    const states = [...this.#lines.values()].map(line => {
      const spent = line.epsilon();
      const { order, epsilon } = line.terms;
      return { ...line.terms, spent, stated: order === null ? spent : (epsilon ?? Number.POSITIVE_INFINITY) };
    });
    return [...states.filter(line => line.task !== null), ...states.filter(line => line.task === null)];
  }

  /**
   * Takes the next entry of the chain. Throws LedgerBroken when it is not what its hash says, does not follow the one before, spends on
   * a line that is not open or beyond its limit, or settles what was not reserved; then nothing has changed.
   */
  append(stored: StoredEntry): LedgerEntry {
    const entry = openEntry(stored, this.#length, this.#head, this.#settings.sha256);
    if (entry.kind === 'open') this.#open(entry);
    else if (entry.kind === 'reserve') this.#reserve(entry);
    else this.#settle(entry.index, entry.kind, entry.reserve);
    this.#length++;
    this.#head = stored.digest;
    return entry;
  }

  /**
   * Decides whether the release may be made, by what was spent already and what it would add. Throws Problem `budget-spent` when a
   * limit does not allow it, or the task or a limited set was spent for another relation; RangeError for a spend that contradicts its task's
   * line, or an event that means nothing.
   */
  reserve(spend: Spend): ReserveDraft {
    const cost = this.#costs.of(spend.event);
    const { task, round, purpose, unit, relation, event, plan = null } = spend;
    const line = purpose === 'evaluate' && spend.sharesUnits ? 'train' : purpose;
    const units = spend.units ?? allUnits[unit];
    const taskTerms = this.#taskTerms(spend, line, units, cost);
    const setTerms = this.#setTerms(spend, units, cost);
    const after = [taskTerms, setTerms].map(terms => this.#affordable(terms, spend, cost));
    const made: LooseEntry[] = [];
    for (const terms of [taskTerms, setTerms])
      if (!sameTerms(this.#lines.get(keyOf(terms))?.terms, terms))
        made.push({ ...this.#stamp(), kind: 'open', ...terms });
    const whose = { task, plan, units, unit, relation };
    made.push({ ...this.#stamp(), kind: 'reserve', ...whose, round, purpose, line, event });
    const entries = this.#sealed(made);
    return {
      entries,
      index: this.#length + entries.length - 1,
      epsilon: after[0],
      setEpsilon: after[1],
      repeats: this.#rounds.get(roundKey(spend)) ?? 0,
    };
  }

  /**
   * The entry that says that what was reserved is kept (`commit`), or, after that, has left (`release`). RangeError for another order.
   */
  settle(kind: 'commit' | 'release', index: number): StoredEntry {
    this.#settled(kind, index);
    return this.#sealed([{ kind, reserve: index }])[0];
  }

  #open({
    index,
    previous: _previous,
    kind: _kind,
    accountant: _accountant,
    build: _build,
    ...terms
  }: OpenEntry): void {
    const known = this.#lines.get(keyOf(terms));
    if (known === undefined) {
      this.#lines.set(keyOf(terms), new LedgerLine(terms));
      return;
    }
    const { unit, relation, order } = known.terms;
    const isSame = unit === terms.unit && relation === terms.relation && order === terms.order;
    if (terms.task !== null || !isSame) throw new LedgerBroken(index, 'opens a line again, on other terms');
    this.#lines.set(keyOf(terms), known.under(terms));
  }

  #reserve(entry: ReserveEntry): void {
    const { index, task, units, unit, relation, round, purpose, line, event } = entry;
    const found = [taskKey(task, line, units), setKey({ units, unit, relation })].map(key => {
      const open = this.#lines.get(key);
      if (open === undefined) throw new LedgerBroken(index, 'spends on a line that was not opened');
      if (open.terms.unit !== unit || open.terms.relation !== relation)
        throw new LedgerBroken(index, 'has another unit or relation than its line');
      return open;
    });
    const cost = this.#costs.of(event);
    // Under another accountant what was allowed then may be more than a limit now: it is spent all the same.
    if (entry.accountant === ledgerAccountant && !found.every(open => open.fits(cost, lastPlaces)))
      throw new LedgerBroken(index, 'spends more than its line allows');
    for (const open of found) open.add(cost);
    const [epsilon, setEpsilon] = found.map(open => open.epsilon());
    const before = this.#rounds.get(roundKey(entry)) ?? 0;
    this.#rounds.set(roundKey(entry), before + 1);
    const after = { state: 'reserved', epsilon, setEpsilon, isRepeated: before > 0 } as const;
    this.#spent.set(index, { index, task, units, unit, relation, round, purpose, line, event, ...after });
  }

  #settle(index: number, kind: 'commit' | 'release', reserve: number): void {
    try {
      this.#spent.set(reserve, this.#settled(kind, reserve));
    } catch (cause) {
      throw new LedgerBroken(index, 'settles what was not reserved, or out of order', { cause });
    }
  }

  #settled(kind: 'commit' | 'release', index: number): Spent {
    const spent = this.#spent.get(index);
    const expected = kind === 'commit' ? 'reserved' : 'committed';
    if (spent?.state !== expected)
      throw new RangeError(
        `ledger: a ${kind} of entry ${index} expects it ${expected}, it is ${spent?.state ?? 'no reservation'}`,
      );
    return { ...spent, state: kind === 'commit' ? 'committed' : 'released' };
  }

  /** The terms of the task's line: those it was opened with, or those it would be. */
  #taskTerms(spend: Spend, purpose: Spend['purpose'], units: string, cost: Cost): LineTerms {
    const { task, unit, relation, isFixed } = spend;
    const { epsilon, delta } = spend.limit;
    const known = this.#lines.get(taskKey(task, purpose, units))?.terms;
    if (known === undefined) {
      const order = isFixed ? null : filterOrder(cost, epsilon, delta);
      return { task, purpose, units, unit, relation, epsilon, delta, order };
    }
    if (known.epsilon !== epsilon || known.delta !== delta || (known.order === null) !== isFixed)
      throw new RangeError(`ledger: task ${task} was opened with another limit or schedule`);
    return known;
  }

  /** Over all tasks it is never fixed beforehand what comes: a filter, with its order from the first event. */
  #setTerms({ unit, relation, limit }: Spend, units: string, cost: Cost): LineTerms {
    const { limits = {} } = this.#settings;
    const own = Object.hasOwn(limits, units) ? limits[units] : null;
    if (own !== null) this.#requireUnmixed({ units, unit, relation });
    const known = this.#lines.get(setKey({ units, unit, relation }))?.terms;
    const epsilon = own?.epsilon ?? null;
    const delta = own?.delta ?? known?.delta ?? limit.delta;
    const order = known?.order ?? filterOrder(cost, epsilon ?? limit.epsilon, delta);
    return { task: null, purpose: null, units, unit, relation, epsilon, delta, order };
  }

  /** What was spent under another relation adds up to nothing with this one: a limit over both holds for neither. */
  #requireUnmixed({ units, unit, relation }: Pick<LineTerms, 'units' | 'unit' | 'relation'>): void {
    for (const { terms } of this.#lines.values()) {
      if (terms.units === units && (terms.unit !== unit || terms.relation !== relation))
        throw mixed(`all tasks on ${units}`, terms, { unit, relation });
    }
  }

  /** ε of the line with the cost added. Throws Problem `budget-spent`. */
  #affordable(terms: LineTerms, { unit, relation, round, purpose }: Spend, cost: Cost): number {
    const whose = terms.task === null ? `all tasks on ${terms.units}` : `task ${terms.task.slice(0, 12)}`;
    if (terms.unit !== unit || terms.relation !== relation) throw mixed(whose, terms, { unit, relation });
    const line = this.#lines.get(keyOf(terms))?.under(terms) ?? new LedgerLine(terms);
    const epsilon = line.epsilon(cost);
    if (line.fits(cost)) return epsilon;
    const now = `${figure(line.epsilon())} is spent`;
    const what = purpose === 'train' ? `round ${round}` : 'counting test rows';
    const would = `${what} would bring it to ${figure(epsilon)}, and the limit is ${terms.epsilon} at δ = ${terms.delta.toExponential()}`;
    throw new Problem('budget-spent', `${whose}: ε ${now}; ${would}`);
  }

  #stamp(): { accountant: string; build: string } {
    return { accountant: ledgerAccountant, build: this.#settings.build };
  }

  #sealed(made: readonly LooseEntry[]): StoredEntry[] {
    let previous = this.#head;
    return made.map((loose, i) => {
      const stored = sealEntry(loose, this.#length + i, previous, this.#settings.sha256);
      previous = stored.digest;
      return stored;
    });
  }
}

/** Reads a whole chain. Throws LedgerBroken naming the first entry that is wrong. */
export function replay(entries: Iterable<StoredEntry>, settings: LedgerSettings): Ledger {
  const ledger = new Ledger(settings);
  for (const stored of entries) ledger.append(stored);
  return ledger;
}

/** All units of a kind that a keeper has anything to do with. */
const allUnits = { record: 'records', user: 'users', organisation: 'organisations' } as const;

/** What one unit of a relation is may not be added to what another one is. */
type Mixable = Pick<LineTerms, 'unit' | 'relation'>;

function mixed(whose: string, spent: Mixable, asked: Mixable): Problem {
  const words = ({ unit, relation }: Mixable): string => `${unit}, ${relation}`;
  return new Problem('budget-spent', `${whose}: spent for ${words(spent)}; ${words(asked)} cannot be added to that`);
}

function keyOf(terms: LineTerms): string {
  const { task, purpose, units } = terms;
  return task === null ? setKey(terms) : taskKey(task, purpose ?? 'train', units);
}

function taskKey(task: string, purpose: string, units: string): string {
  return JSON.stringify([task, purpose, units]);
}

function setKey({ units, unit, relation }: Pick<LineTerms, 'units' | 'unit' | 'relation'>): string {
  return JSON.stringify([null, units, unit, relation]);
}

function roundKey({ task, purpose, round }: ReleaseName): string {
  return JSON.stringify([task, purpose, round]);
}

function sameTerms(a: LineTerms | undefined, b: LineTerms): boolean {
  return a !== undefined && a.epsilon === b.epsilon && a.delta === b.delta;
}

/** Rounded up: what is shown is never less than what counts. */
function figure(epsilon: number): string {
  if (epsilon === Number.POSITIVE_INFINITY) return '∞';
  return (Math.ceil(epsilon * 1e4) / 1e4).toString();
}
