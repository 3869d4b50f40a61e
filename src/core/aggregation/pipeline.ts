/** From the updates of a round to one vector: what stands before the rule, the rule, and the pass that combines. */

import type { RandomStream } from '../math/random.ts';
import type { AggregationSettings } from '../protocol/aggregation-settings.ts';
import type { Cohort } from './cohort.ts';
import { bornByRule, pipelineRange } from './pipeline-range.ts';
import type { CohortSize, Decision, Rule } from './rule.ts';
import { preAggregatorOf, ruleOf } from './rule-table.ts';
import type { Statistics } from './statistics.ts';
import { TransformedCohort } from './transformed-cohort.ts';

export interface PipelineInput {
  /** Rows: the updates ordered by client, then the rule's references that exist. */
  readonly cohort: Cohort;
  /** How many of the rows are updates (n). */
  readonly updates: number;
  readonly settings: AggregationSettings;
  /** f, with refused updates counted off. */
  readonly byzantine: number;
  /** Declared weight of each update, > 0; null: all alike, as they are behind a mixing in any case. */
  readonly weights: Float64Array | null;
  /** Of the updates, as admission measured them; null: measured when needed. */
  readonly squaredNorms: Float64Array | null;
  /** Row of the trusted client's update; null where the rule has none. */
  readonly trusted: number | null;
  /** Public seed of the round, drawn after the updates were committed to (bucketing, dnc, signguard). */
  readonly random: RandomStream;
}

export interface Aggregate {
  readonly vector: Float32Array;
  /**
   * What each update counted with, scalings included, references left out: Σ weight·update is the vector. For a coordinate rule over
   * selected rows (bulyan) their shares; null for one over all.
   */
  readonly weights: Float64Array | null;
  /** The rule's scores of the rows it saw; null where it has none. */
  readonly scores: Float64Array | null;
}

/**
 * Runs the rule of the settings over the updates. Two passes over the vectors, one for rules that need no distances, and one more
 * where a mixing would lose digits (derived-statistics.ts), or rows of very different length would (balanced-factors.ts). Throws RangeError outside the range of `pipelineRange`.
 */
export async function aggregate(input: PipelineInput): Promise<Aggregate> {
  const { settings, random } = input;
  const size: CohortSize = { clients: input.updates, byzantine: input.byzantine };
  check(input, size);
  const rule = ruleOf(settings);
  const rows = new TransformedCohort(input.cohort, input.updates, input.squaredNorms);
  const readers = settings.before.map(step => preAggregatorOf(step).reads === 'distances');
  let seen = size;
  for (const [i, step] of settings.before.entries()) {
    const before = preAggregatorOf(step);
    const laterDistances = rule.distances || readers.slice(i).some(Boolean);
    const statistics = await rows.statistics(before.reads, laterDistances);
    const stream = random.split(`before/${i}`);
    rows.apply(before.step({ settings: step, size: seen, statistics, random: stream }));
    seen = before.sizeBehind(seen, step);
  }
  return applyRule(rows, input);
}

/**
 * The rule of the settings over rows that already are as its pre-aggregators leave them: `settings.before` and `squaredNorms` of the
 * input are not looked at. Throws RangeError outside the rule's range.
 */
export async function applyRule(rows: TransformedCohort, input: PipelineInput): Promise<Aggregate> {
  const decision = await decide(ruleOf(input.settings), rows, input);
  const scores = decision.scores ?? null;
  const { vector, weights } =
    decision.kind === 'weights'
      ? await rows.combine(decision.weights)
      : await rows.combineCoordinates(decision.selected, decision.combination);
  return { vector, weights, scores };
}

function check({ cohort, updates, settings, weights, trusted, squaredNorms }: PipelineInput, size: CohortSize): void {
  const breach = pipelineRange(size, settings);
  if (breach !== null) throw new RangeError(`${breach.message}: ${breach.remedy}`);
  if (!(updates >= 1 && updates <= cohort.rows))
    throw new RangeError(`aggregate: expected 1 to ${cohort.rows} updates, got ${updates}`);
  if (trusted !== null && !(trusted >= 0 && trusted < updates))
    throw new RangeError(`aggregate: the trusted row ${trusted} is no update`);
  for (const [name, values] of Object.entries({ weights, squaredNorms })) {
    if (values !== null && values.length !== updates)
      throw new RangeError(`aggregate: expected ${updates} ${name}, got ${values.length}`);
  }
  if (weights?.every(weight => weight > 0 && Number.isFinite(weight)) === false)
    throw new RangeError('aggregate: expected weights that are finite and above 0');
}

async function decide(
  rule: Rule<AggregationSettings>,
  rows: TransformedCohort,
  { cohort, settings, byzantine, weights, trusted, random }: PipelineInput,
): Promise<Decision> {
  const samples: Statistics[] = [];
  for (const sample of rule.samples?.(cohort.length, settings, random.split('rule')) ?? [])
    samples.push(await rows.measure(sample));
  const reads = rule.distances ? 'distances' : rule.samples === undefined ? 'nothing' : 'norms';
  // Beside distances, only inner products need norms.
  const norms = !rule.distances || rule.products === true;
  const measured = await rows.statistics(reads, rule.distances, norms);
  const statistics = rule.products === true ? { ...measured, balanced: await rows.balanced(measured) } : measured;
  return rule.decide({
    settings,
    byzantine: bornByRule(settings, byzantine),
    statistics,
    samples,
    weights: weights === null || rows.mixed ? new Float64Array(statistics.updates).fill(1) : weights,
    trusted,
  });
}
