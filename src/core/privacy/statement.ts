/** The privacy statement of a model: what is hidden from whom, how well, on which assumptions, and what is not. Data first, then words. */
import type { MechanismSettings } from '../protocol/privacy-settings.ts';
import { noPrivacy, planAssumptions, planLimits } from './assumptions.ts';
import type { PrivacyEvent } from './event.ts';
import { eventEpsilon } from './event-rdp.ts';
import { isNoiseFixed, type Plan } from './plan.ts';
import { plannedRuns, recordsEpsilon, runsEvent, runsOf, withoutSampling } from './plan-cost.ts';
import { type PrivacyWord, privacyWord } from './report.ts';

/** How a run came to its end: all its rounds, its budget, or somebody who had seen releases. */
export type RunEnd = 'rounds' | 'budget' | 'stopped';

export interface StatementRequest {
  /** Null for a task with privacy none. */
  readonly plan: Plan | null;
  /** Hex SHA-256 of `planBytes`; null without a plan. */
  readonly planHash: string | null;
  /** The noise multiplier of every round whose noisy sum was released, in their order. */
  readonly noiseMultipliers: readonly number[];
  readonly end: RunEnd;
  /** Whether noisy counts of test rows were released. */
  readonly countsReleased: boolean;
  /** Version of the program. */
  readonly build: string;
}

/** ε for whoever is behind so many records; null: not bounded. */
export interface PersonEpsilon {
  readonly records: number;
  readonly epsilon: number | null;
}

/** What a statement says of a run with privacy. */
export interface PrivateStatement {
  readonly format: 'parley/v1/privacy-statement';
  readonly private: true;
  readonly unit: MechanismSettings['unit'];
  readonly relation: MechanismSettings['relation'];
  readonly mechanism: MechanismSettings['mechanism'];
  readonly noiseAt: MechanismSettings['noiseAt'];
  /** Whom ε holds against, and who sees more. */
  readonly adversary: string;
  readonly delta: number;
  /** What holds, never too small; null where nothing is bounded. */
  readonly epsilon: number | null;
  /** What ε is: the cost of what was released, of all that was planned, or the limit that a filter has kept. */
  readonly basis: 'released' | 'planned' | 'limit';
  /** The same to whoever knows which units were drawn; null where that is not known. */
  readonly epsilonWithoutAmplification: number | null;
  readonly word: PrivacyWord;
  readonly budget: { readonly epsilon: number; readonly delta: number };
  /** The most records of one person that the task allows for, and ε of persons with several. Empty for other units. */
  readonly recordsPerPerson: number;
  readonly persons: readonly PersonEpsilon[];
  readonly accountant: string;
  readonly samplingRate: number;
  /** L2 bound of one contribution, or how it follows the norms. */
  readonly clip: number | object;
  readonly rounds: { readonly planned: number; readonly released: number; readonly end: RunEnd };
  /** All noisy sums of the run as one event: accountants read it. */
  readonly event: PrivacyEvent;
  /** Pure ε of the noisy counts of test rows, for each test row; null: none were released. */
  readonly countsEpsilon: number | null;
  readonly released: readonly string[];
  readonly assumptions: readonly string[];
  readonly limits: readonly string[];
  /** Hex SHA-256 of the plan. */
  readonly plan: string;
  readonly build: string;
}

/** What a statement says of a run without. */
export interface OpenStatement {
  readonly format: 'parley/v1/privacy-statement';
  readonly private: false;
  readonly limits: readonly string[];
  readonly build: string;
}

export type PrivacyStatement = PrivateStatement | OpenStatement;

const format = 'parley/v1/privacy-statement';
const accountant =
  'Rényi divergences (Mironov, Talwar and Zhang 2019), converted by Canonne, Kamath and Steinke 2020, Proposition 12';

/**
 * The statement of a run. ε is the cost of what was released where all was fixed beforehand; the limit where noise followed releases (a sum
 * that depends on them is no bound); and the cost of all planned rounds, within the limit, where somebody stopped the run.
 */
export function privacyStatement({
  plan,
  planHash,
  noiseMultipliers,
  end,
  countsReleased,
  build,
}: StatementRequest): PrivacyStatement {
  if (plan === null) return { format, private: false, limits: noPrivacy, build };
  const { privacy } = plan;
  const { delta, budget } = privacy;
  const event = runsEvent(plan, runsOf(noiseMultipliers));
  const basis = basisOf(plan, end);
  const stated = basis === 'planned' ? runsEvent(plan, plannedRuns(plan)) : event;
  const cost = eventEpsilon(stated, delta).epsilon;
  // The ledger lets no run exceed its limit, whatever was planned.
  const epsilon =
    basis === 'released' ? cost : Math.min(basis === 'limit' ? Number.POSITIVE_INFINITY : cost, budget.epsilon);
  return {
    format,
    private: true,
    unit: privacy.unit,
    relation: privacy.relation,
    mechanism: privacy.mechanism,
    noiseAt: privacy.noiseAt,
    adversary: adversaryOf(privacy),
    delta,
    epsilon: finite(epsilon),
    basis,
    epsilonWithoutAmplification: finite(plan.samplingRate === 1 ? epsilon : unsampledEpsilon(stated, basis, delta)),
    word: privacyWord(epsilon),
    budget: { epsilon: budget.epsilon, delta },
    recordsPerPerson: privacy.recordsPerPerson,
    // Of a limit it is not known at which δ else it would hold.
    persons: basis === 'limit' ? [] : personsOf(privacy, stated),
    accountant,
    samplingRate: plan.samplingRate,
    clip: privacy.mechanism === 'dp-sgd' ? privacy.clipNorm : privacy.clip,
    rounds: { planned: plan.rounds, released: noiseMultipliers.length, end },
    event,
    countsEpsilon: privacy.mechanism === 'dp-sgd' && countsReleased ? (privacy.metrics?.epsilon ?? null) : null,
    released: releasedOf(privacy, countsReleased),
    assumptions: planAssumptions(plan),
    limits: planLimits(plan),
    plan: planHash ?? '',
    build,
  };
}

function basisOf(plan: Plan, end: RunEnd): PrivateStatement['basis'] {
  if (!isNoiseFixed(plan)) return 'limit';
  return end === 'stopped' ? 'planned' : 'released';
}

/** A filter says nothing about another way to count. */
function unsampledEpsilon(event: PrivacyEvent, basis: PrivateStatement['basis'], delta: number): number {
  return basis === 'limit' ? Number.POSITIVE_INFINITY : eventEpsilon(withoutSampling(event), delta).epsilon;
}

const shownPersons = [2, 5, 10];

function personsOf(privacy: MechanismSettings, event: PrivacyEvent): PersonEpsilon[] {
  if (privacy.unit !== 'record') return [];
  const counts = [...new Set([...shownPersons, privacy.recordsPerPerson])].filter(k => k > 1).sort((a, b) => a - b);
  return counts.map(records => ({ records, epsilon: finite(recordsEpsilon(event, records, privacy.delta)) }));
}

/** Whom ε holds against, and who sees more. */
export function adversaryOf({ noiseAt, mechanism }: Pick<MechanismSettings, 'noiseAt' | 'mechanism'>): string {
  switch (noiseAt) {
    case 'client':
      return 'everyone but the client whose data it is: the coordinator, other clients, readers of the model';
    case 'shared':
      return 'the coordinator together with as many members of a group as that bears (one at least), and everyone who sees the model';
    case 'coordinator':
      return `readers of the models. The coordinator sees every ${mechanism === 'dp-fedavg' ? 'clipped update' : 'update'} without noise, and is trusted`;
  }
}

function releasedOf({ noiseAt, mechanism }: MechanismSettings, countsReleased: boolean): string[] {
  const counts = countsReleased ? ['how many test rows there are and how many are right, with noise, once'] : [];
  if (noiseAt === 'coordinator')
    return ['the global model after every round, made of a clipped sum with noise; to clients and readers', ...counts];
  if (noiseAt === 'shared')
    return [
      'the sum of every group in every round, with the noise of its members; to the coordinator',
      'the models made of them',
      ...counts,
    ];
  const made = mechanism === 'dp-sgd' ? 'made of gradients with noise' : 'with noise';
  return [
    `the update of every client in every round, ${made}; to the coordinator`,
    'the models made of them',
    ...counts,
  ];
}

function finite(epsilon: number): number | null {
  return Number.isFinite(epsilon) ? epsilon : null;
}
