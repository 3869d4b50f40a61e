/** What a plan comes to before its first round: ε of all rounds, how many of them the budget allows, and what to think about. */
import { eventEpsilon } from './event-rdp.ts';
import { isClipAdaptive, isNoiseFixed, type Plan } from './plan.ts';
import {
  type NoisyRun,
  plannedRuns,
  recordsEpsilon,
  roundsWithinBudget,
  runsEvent,
  withoutSampling,
} from './plan-cost.ts';
import { type PrivacyWord, privacyWord } from './report.ts';

export interface PlanOutlook {
  /** ε by RDP of all planned rounds; under a schedule that follows releases the limit, which a filter keeps. */
  readonly epsilon: number;
  /** The same to whoever knows which units were drawn. Null under such a schedule where units are sampled. */
  readonly epsilonWithoutAmplification: number | null;
  /** For what may be spent at most: the less of ε and budget. */
  readonly word: PrivacyWord;
  /** Rounds that the budget allows, at most the planned ones; a schedule that follows releases may come to fewer. */
  readonly roundsAllowed: number;
  readonly fewestRoundsAllowed: number;
  /** ε of the rounds allowed. */
  readonly epsilonAllowed: number;
  /** ε of all planned rounds for a person behind `recordsPerPerson` records; null where that is one, or not known. */
  readonly epsilonOfPerson: number | null;
  /** A site with more rows declines: its batches, or δ, are not meant for so many. Null where rows are not the unit. */
  readonly mostSiteRows: number | null;
  readonly warnings: readonly string[];
}

/** Takes some milliseconds, for a schedule of many levels of noise some hundred. */
export function planOutlook(plan: Plan): PlanOutlook {
  const { privacy, rounds } = plan;
  const { delta, budget, schedule } = privacy;
  const runs = plannedRuns(plan);
  const planned = runsEvent(plan, runs);
  const isFixed = isNoiseFixed(plan);
  const epsilon = isFixed ? eventEpsilon(planned, delta).epsilon : budget.epsilon;
  const roundsAllowed = roundsWithinBudget(plan, runs);
  const worst = schedule.kind === 'progress' ? [{ noiseMultiplier: schedule.least, rounds }] : runs;
  const unsampled = isFixed ? eventEpsilon(withoutSampling(planned), delta).epsilon : null;
  return {
    epsilon,
    epsilonWithoutAmplification: plan.samplingRate === 1 ? epsilon : unsampled,
    word: privacyWord(Math.min(epsilon, budget.epsilon)),
    roundsAllowed,
    fewestRoundsAllowed: isFixed ? roundsAllowed : Math.min(roundsAllowed, roundsWithinBudget(plan, worst)),
    epsilonAllowed: isFixed
      ? eventEpsilon(runsEvent(plan, firstRounds(runs, roundsAllowed)), delta).epsilon
      : budget.epsilon,
    epsilonOfPerson:
      privacy.recordsPerPerson > 1 && isFixed ? recordsEpsilon(planned, privacy.recordsPerPerson, delta) : null,
    mostSiteRows: mostSiteRows(plan),
    warnings: warningsOf(plan, roundsAllowed),
  };
}

/** The first of the rounds, so many. */
export function firstRounds(runs: readonly NoisyRun[], rounds: number): NoisyRun[] {
  let left = rounds;
  return runs.flatMap(run => {
    const taken = Math.min(left, run.rounds);
    left -= taken;
    return taken === 0 ? [] : [{ ...run, rounds: taken }];
  });
}

/**
 * The rows of a site that the constants of a plan are meant for: q·n within the batch size, and δ below 1/n. Null where rows are not the unit.
 */
export function mostSiteRows({ privacy, samplingRate, batchSize }: Plan): number | null {
  if (privacy.mechanism !== 'dp-sgd') return null;
  return Math.min(Math.floor(batchSize / samplingRate), Math.ceil(1 / privacy.delta) - 1);
}

/** Below so many units the noise that hides one is too much for a mean of them. */
const fewUnits = 100;

function warningsOf(plan: Plan, roundsAllowed: number): string[] {
  const { privacy, rounds } = plan;
  const warnings: string[] = [];
  if (roundsAllowed === 0)
    warnings.push('The budget does not allow a single round: more noise, fewer steps, or a larger budget is needed.');
  else if (roundsAllowed < rounds)
    warnings.push(`The run will stop before round ${roundsAllowed + 1}: the budget ends there.`);
  if (privacy.budget.epsilon > 10)
    warnings.push(
      `A budget of ε ${privacy.budget.epsilon} is weak: whoever has a guess about a unit can make sure of it.`,
    );
  if (privacy.mechanism === 'dp-fedavg' && privacy.expectedCohort < fewUnits) {
    const units = `${privacy.unit}s`;
    warnings.push(
      `With ${privacy.expectedCohort} ${units} in a round, noise that hides one of them leaves little to learn below some ${fewUnits}. Where rows are people, dp-sgd with unit record hides them at far less loss.`,
    );
    if (isClipAdaptive(plan))
      warnings.push(
        `A clip bound that follows noisy bits wanders with so few ${units}: below ${fewUnits} a fixed one does better.`,
      );
  }
  if (privacy.mechanism === 'dp-fedavg' && privacy.noiseAt === 'client')
    warnings.push('Every client adds all of the noise to its update: a model needs very many of them.');
  return warnings;
}
