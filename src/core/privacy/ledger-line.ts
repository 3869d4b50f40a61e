/** One line of a ledger: what releases that belong together have cost so far, under a limit or not. */
import { type Cost, epsilonOf, ledgerOrders, lineDelta } from './ledger-cost.ts';
import type { OpenEntry } from './ledger-entry.ts';

/** What a line is opened with. */
export type LineTerms = Pick<
  OpenEntry,
  'task' | 'purpose' | 'units' | 'unit' | 'relation' | 'epsilon' | 'delta' | 'order'
>;

/** What has happened on a line. Costs that are equal are counted, not added: T equal rounds are T times one, without rounding. */
interface Sum {
  /** RDP of all but the last kind of event, at each order. */
  readonly before: Float64Array;
  readonly last: Cost | null;
  readonly logKept: number;
}

export class LedgerLine {
  readonly terms: LineTerms;
  #sum: Sum = { before: new Float64Array(ledgerOrders.length), last: null, logKept: 0 };

  constructor(terms: LineTerms) {
    this.terms = terms;
  }

  /** ε at the line's δ of all that was added, and of `more`; of a filter what it counts at its order. ∞ when slips take too much of δ. */
  epsilon(more: Cost | null = null): number {
    const sum = more === null ? this.#sum : plus(this.#sum, more);
    const { order, delta } = this.terms;
    return epsilonOf(rdpOf(sum), order, lineDelta(-Math.expm1(sum.logKept), delta, order));
  }

  /** A line with the same releases under other terms. */
  under(terms: LineTerms): LedgerLine {
    const line = new LedgerLine(terms);
    line.#sum = this.#sum;
    return line;
  }

  /** Whether `more` stays within the limit of the line. Without a limit everything does. @param slack share of the limit to look over. */
  fits(more: Cost, slack = 0): boolean {
    return this.terms.epsilon === null || this.epsilon(more) <= this.terms.epsilon * (1 + slack);
  }

  add(cost: Cost): void {
    this.#sum = plus(this.#sum, cost);
  }
}

function plus({ before, last, logKept }: Sum, cost: Cost): Sum {
  const kept = logKept + cost.logKept;
  if (last === null || last.key === cost.key)
    return { before, last: { ...cost, count: cost.count + (last?.count ?? 0) }, logKept: kept };
  return { before: rdpOf({ before, last, logKept }), last: cost, logKept: kept };
}

function rdpOf({ before, last }: Sum): Float64Array {
  if (last === null || last.count === 0) return before;
  return before.map((rdp, i) => (last.curve[i] === 0 ? rdp : rdp + last.count * last.curve[i]));
}
