/** The rows of a cohort as pre-aggregators leave them: transforms are collected, and measured only when something is asked. */
import { balancedFactors } from './balanced-factors.ts';
import type { Cohort, CoordinateCombination, TransformStep } from './cohort.ts';
import { derivedStatistics } from './derived-statistics.ts';
import type { RuleSample } from './rule.ts';
import type { BalancedStatistics, Statistics } from './statistics.ts';

interface Combined {
  readonly vector: Float32Array;
  /** Of the original updates. */
  readonly weights: Float64Array;
}

/**
 * Scalings before any mixing are always applied as chunks are loaded, so that a vector of norm 1e18 that is clipped to 2 leaves the
 * distances of the others exact. Statistics behind a mixing follow from those before it, or are measured anew where they would cancel.
 */
export class TransformedCohort {
  readonly #cohort: Cohort;
  readonly #references: number;
  readonly #steps: TransformStep[] = [];
  /** Of the updates as they are now, where they are known without a pass. */
  #squaredNorms: Float64Array | null;
  /** Measured or derived after the first `#reached` steps. */
  #statistics: Statistics | null = null;
  #reached = 0;
  #mixed = false;
  #updates: number;

  /** @param squaredNorms of the updates, or null where nobody measured them. */
  constructor(cohort: Cohort, updates: number, squaredNorms: Float64Array | null) {
    this.#cohort = cohort;
    this.#updates = updates;
    this.#references = cohort.rows - updates;
    this.#squaredNorms = squaredNorms;
  }

  /** Updates as they are now. */
  get updates(): number {
    return this.#updates;
  }

  /** Whether rows are single updates no more, but means of some. */
  get mixed(): boolean {
    return this.#mixed;
  }

  /** Applies a step over the updates; references stay as they are. */
  apply(step: TransformStep): void {
    const references = Array.from({ length: this.#references }, (_, i) => this.#updates + i);
    if (step.kind === 'scale') {
      const factors = new Float64Array(this.#updates + this.#references).fill(1);
      factors.set(step.factors);
      this.#steps.push({ kind: 'scale', factors });
      this.#squaredNorms = this.#squaredNorms?.map((value, i) => value * step.factors[i] ** 2) ?? null;
      // What was measured before a scaling that precedes all mixing is dropped: the scaled rows are measured.
      if (!this.#mixed) this.#statistics = null;
    } else {
      this.#steps.push({ kind: 'average', sets: [...step.sets, ...references.map(row => [row])] });
      this.#updates = step.sets.length;
      this.#squaredNorms = null;
      this.#mixed = true;
    }
  }

  /**
   * Statistics of the rows as they are now, with what `reads` names. Norms of updates that are known cost no pass: then references have
   * norm NaN. @param later whether distances are asked for afterwards: then a pass for norms measures them as well.
   * @param norms false where nobody reads norms, now or later: a pass leaves them out.
   */
  async statistics(reads: 'distances' | 'norms' | 'nothing', later: boolean, norms = true): Promise<Statistics> {
    if (reads === 'nothing') return this.#without(new Float64Array(0));
    if (reads === 'norms' && this.#squaredNorms !== null) return this.#without(this.#squaredNorms);
    const distances = later || reads === 'distances';
    let current = this.#derive();
    if (current === null || (distances && current.distances.length === 0)) {
      const measured = await this.measure({ coordinates: null, distances, signs: false, norms });
      current = await this.#withinRange(measured);
    }
    this.#statistics = current;
    this.#reached = this.#steps.length;
    this.#squaredNorms = current.squaredNorms.slice(0, this.#updates);
    return current;
  }

  /** Measures the rows as they are now, all coordinates or a sample. */
  measure({
    coordinates,
    distances,
    signs,
    norms,
  }: Omit<RuleSample, 'coordinates'> & {
    readonly coordinates: Uint32Array | null;
    readonly norms?: boolean;
  }): Promise<Statistics> {
    return this.#cohort.measure({
      transform: this.#steps,
      updates: this.#updates,
      coordinates,
      distances,
      signs,
      norms,
    });
  }

  /** The statistics of the rows, given as `measured`, each near the usual length; null where they are so already. */
  async balanced({ squaredNorms }: Statistics): Promise<BalancedStatistics | null> {
    const factors = balancedFactors(squaredNorms);
    if (factors === null) return null;
    const { distances, squaredNorms: norms } = await this.#cohort.measure({
      transform: [...this.#steps, { kind: 'scale', factors }],
      updates: this.#updates,
      coordinates: null,
      distances: true,
      signs: false,
    });
    return { factors, distances, squaredNorms: norms };
  }

  /** Σ weights[i]·rowᵢ over the rows as they are now: one pass over the original rows, with the transposed transforms in the weights. */
  async combine(weights: Float64Array): Promise<Combined> {
    const original = originalWeights(this.#steps, weights, this.#cohort.rows);
    const vector = await this.#cohort.combine(original);
    return { vector, weights: original.slice(0, this.#cohort.rows - this.#references) };
  }

  /** The combination over the selected updates as they are now; null: all of them. */
  async combineCoordinates(
    selected: readonly number[] | null,
    combination: CoordinateCombination,
  ): Promise<{ vector: Float32Array; weights: Float64Array | null }> {
    const rows = selected ?? Array.from({ length: this.#updates }, (_, i) => i);
    const steps = [...this.#steps];
    if (selected !== null || this.#references > 0) steps.push({ kind: 'average', sets: rows.map(row => [row]) });
    const vector = await this.#cohort.combineCoordinates(steps, combination);
    if (selected === null) return { vector, weights: null };
    const shares = new Float64Array(this.#updates + this.#references);
    for (const row of selected) shares[row] = 1 / selected.length;
    const original = originalWeights(this.#steps, shares, this.#cohort.rows);
    return { vector, weights: original.slice(0, this.#cohort.rows - this.#references) };
  }

  /**
   * Distances that overflowed float32, taken from balanced rows: a row of 1e30 is far from the others, not nowhere. Admission refuses such
   * rows; a caller without it gets a result of the same kind all the same.
   */
  async #withinRange(statistics: Statistics): Promise<Statistics> {
    const { rows, distances } = statistics;
    if (distances.every(Number.isFinite)) return statistics;
    const withNorms = await this.measure({ coordinates: null, distances: false, signs: false });
    const balanced = await this.balanced(withNorms);
    if (balanced === null) return statistics;
    const { factors, squaredNorms } = balanced;
    const whole = distances.map((distance, at) => {
      if (Number.isFinite(distance)) return distance;
      const [i, j] = [Math.floor(at / rows), at % rows];
      const apart = squaredNorms[i] / factors[i] - squaredNorms[j] / factors[j];
      return balanced.distances[at] / factors[i] / factors[j] + (1 / factors[i] - 1 / factors[j]) * apart;
    });
    return { ...statistics, distances: whole };
  }

  #without(squaredNorms: Float64Array): Statistics {
    const rows = this.#updates + this.#references;
    const norms = new Float64Array(rows).fill(Number.NaN);
    norms.set(squaredNorms);
    return {
      updates: this.#updates,
      rows,
      coordinates: this.#cohort.length,
      distances: new Float64Array(0),
      squaredNorms: norms,
      positive: new Uint32Array(0),
      zero: new Uint32Array(0),
    };
  }

  /** From what is known, as far as it goes without a pass. */
  #derive(): Statistics | null {
    if (this.#statistics === null || this.#statistics.distances.length === 0) {
      return this.#reached === this.#steps.length ? this.#statistics : null;
    }
    let current: Statistics | null = this.#statistics;
    for (const step of this.#steps.slice(this.#reached)) {
      const updates: number = step.kind === 'scale' ? current.updates : step.sets.length - this.#references;
      current = derivedStatistics(current, step, updates);
      if (current === null) return null;
    }
    return current;
  }
}

/** w ← Tᵀw: weights of the original rows that give what `weights` gives of the transformed ones. */
export function originalWeights(steps: readonly TransformStep[], weights: Float64Array, rows: number): Float64Array {
  let current = weights;
  for (const [i, step] of [...steps.entries()].reverse()) {
    if (step.kind === 'scale') {
      current = current.map((weight, row) => weight * step.factors[row]);
      continue;
    }
    const before = new Float64Array(widthBefore(steps, i, rows));
    for (const [row, set] of step.sets.entries()) {
      for (const member of set) before[member] += current[row] / set.length;
    }
    current = before;
  }
  return current;
}

/** Rows that step `at` takes in. */
function widthBefore(steps: readonly TransformStep[], at: number, rows: number): number {
  const mixing = steps.slice(0, at).findLast(step => step.kind === 'average');
  return mixing === undefined ? rows : mixing.sets.length;
}
