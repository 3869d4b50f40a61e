/** What the privacy of a task amounts to, for whoever decides about it: lines for people, figures for programs. */
import { bitNoise, type Plan, planHash, planOfTask, updateNoise } from '../core/privacy/plan.ts';
import { type PlanOutlook, planOutlook } from '../core/privacy/plan-outlook.ts';
import { adversaryOf } from '../core/privacy/statement.ts';
import { epsilonFigure, hiddenText, type StatementLine, smallText } from '../core/privacy/statement-text.ts';
import type { Task } from '../core/protocol/task.ts';
import { nodePrimitives } from '../node/primitives.ts';

/** The lines of `parley task check` about privacy. */
export function privacyLines(task: Task): StatementLine[] {
  const plan = planOfTask(task);
  if (plan === null) return [['privacy', 'none: nothing bounds what the model reveals about the data']];
  return planLines(plan, planOutlook(plan));
}

export function planLines(plan: Plan, outlook: PlanOutlook): StatementLine[] {
  return [
    ['privacy', `hides ${hiddenText(plan.privacy)}; from ${adversaryOf(plan.privacy)}`],
    ['noise', noiseText(plan)],
    ['sampling', samplingText(plan)],
    ['epsilon', epsilonText(plan, outlook)],
    ['budget', budgetText(plan, outlook)],
    ...sitesLine(outlook),
    ...countsLine(plan),
    ...outlook.warnings.map((text): StatementLine => ['warning', text]),
  ];
}

/** The same for programs; null for a task with privacy none. Infinity is null. */
export function privacyFigures(task: Task): object | null {
  const plan = planOfTask(task);
  return plan === null ? null : planFigures(plan, planOutlook(plan));
}

export function planFigures(plan: Plan, outlook: PlanOutlook): object {
  return {
    ...outlook,
    epsilon: finite(outlook.epsilon),
    epsilonWithoutAmplification: finite(outlook.epsilonWithoutAmplification),
    epsilonOfPerson: finite(outlook.epsilonOfPerson),
    delta: plan.privacy.delta,
    adversary: adversaryOf(plan.privacy),
    plan: planHash(plan, nodePrimitives),
  };
}

function finite(epsilon: number | null): number | null {
  return Number.isFinite(epsilon) ? epsilon : null;
}

function noiseText(plan: Plan): string {
  const { privacy } = plan;
  const { schedule, noiseMultiplier } = privacy;
  const falling = schedule.kind === 'uniform' ? '' : `, ${schedule.kind} to ${schedule.least}`;
  const bound = privacy.mechanism === 'dp-sgd' ? privacy.clipNorm : privacy.clip;
  const what = privacy.mechanism === 'dp-sgd' ? 'each row’s gradient' : 'each update';
  const clip = typeof bound === 'number' ? `of ${bound}` : `that follows their norms from ${bound.initial}`;
  const often = privacy.mechanism === 'dp-sgd' ? 'at every step' : 'once a round';
  const by = placeText(plan);
  return `${noiseMultiplier} × what one ${privacy.unit} can move a sum by${falling}; ${by}, ${often}; ${what} within an L2 bound ${clip}${bitsText(plan)}`;
}

function placeText({ privacy, shared }: Plan): string {
  if (shared !== null)
    return `shared by the members of each group, of whom any ${shared.noisyClients} that keep theirs to themselves add all of it together`;
  return privacy.noiseAt === 'coordinator' ? 'added by the coordinator to the sum' : 'added by each client';
}

function bitsText(plan: Plan): string {
  const z = plan.privacy.noiseMultiplier;
  const sigma = bitNoise(plan, z);
  if (sigma === null) return '';
  return ` (bits with noise ${Number(sigma.toPrecision(3))}, so updates with ${Number(updateNoise(plan, z).toPrecision(4))} × it)`;
}

function samplingText({ samplingRate, privacy }: Plan): string {
  if (samplingRate < 1) return `each row with probability ${samplingRate} in a step, drawn by its site in secret`;
  if (privacy.mechanism === 'dp-sgd') return 'every row in every step: nothing is gained by sampling';
  return 'none: cohorts are drawn in public, nothing is gained by it';
}

function epsilonText({ privacy, rounds, samplingRate }: Plan, outlook: PlanOutlook): string {
  const { epsilon, epsilonWithoutAmplification, epsilonOfPerson, word } = outlook;
  const at = `at δ = ${smallText(privacy.delta)}`;
  if (privacy.schedule.kind === 'progress')
    return `${epsilonFigure(epsilon)} ${at}, the budget: noise follows what was released, and a filter keeps the limit (${word})`;
  const without =
    samplingRate < 1 ? `; ${epsilonFigure(epsilonWithoutAmplification)} to whoever sees which rows were drawn` : '';
  const person =
    privacy.recordsPerPerson > 1
      ? `; ${epsilonFigure(epsilonOfPerson)} for a person of ${privacy.recordsPerPerson} records`
      : '';
  return `${epsilonFigure(epsilon)} ${at} after all ${rounds} rounds${without}${person}`;
}

function budgetText({ privacy, rounds }: Plan, outlook: PlanOutlook): string {
  const { roundsAllowed, fewestRoundsAllowed, epsilonAllowed, word } = outlook;
  const budget = `ε ≤ ${privacy.budget.epsilon} (${word})`;
  if (fewestRoundsAllowed < roundsAllowed)
    return `${budget}: ${fewestRoundsAllowed} to ${roundsAllowed} of ${rounds} rounds`;
  if (roundsAllowed === rounds) return `${budget}: enough for all rounds`;
  return `${budget}: ${roundsAllowed} of ${rounds} rounds, with ε ${epsilonFigure(epsilonAllowed)}`;
}

function sitesLine({ mostSiteRows }: PlanOutlook): StatementLine[] {
  if (mostSiteRows === null) return [];
  return [
    [
      'sites',
      `of at most ${mostSiteRows} training rows: training.batchSize and δ are not meant for more, and such sites decline`,
    ],
  ];
}

function countsLine({ privacy }: Plan): StatementLine[] {
  if (privacy.mechanism !== 'dp-sgd') return [];
  return privacy.metrics === null
    ? [['test rows', 'no figure about them leaves a site']]
    : [
        [
          'test rows',
          `how many there are and are right leaves once, with noise: ε ${privacy.metrics.epsilon} for each of them`,
        ],
      ];
}
