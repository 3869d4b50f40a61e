/** What a private task must hold so that its ε is true: each refusal with its place, its reason and what to write instead. */
import { dataShape } from '../data/data-shape.ts';
import type { DataSchema } from '../data/schema.ts';
import { sensitivityFactor } from '../privacy/noise-grid.ts';
import { gridOf, type Plan, planOfTask, sharesOf, updateNoise } from '../privacy/plan.ts';
import type { AggregationSettings } from './aggregation-settings.ts';
import type { ModelSettings } from './model-settings.ts';
import type { DpFedAvgSettings, DpSgdSettings, MechanismSettings, PrivacySettings } from './privacy-settings.ts';
import { groupSettings, type ProtectionSettings } from './protection-settings.ts';
import type { TrainingSettings } from './training-settings.ts';

/** The parts of a task that the rules look at. */
export interface PrivateParts {
  readonly privacy: PrivacySettings;
  readonly data: DataSchema;
  readonly model: ModelSettings;
  readonly training: TrainingSettings;
  readonly rounds: number;
  readonly cohort: { readonly minimum: number };
  readonly protection: ProtectionSettings;
  readonly aggregation: AggregationSettings;
  readonly stopping: object | null;
  readonly evaluation: { readonly pooledAucBins: number | null; readonly aloneBaseline: boolean };
}

interface Breach {
  readonly path: (string | number)[];
  readonly message: string;
}

/** A rule may look at these parts alone. */
interface PrivacyRule {
  readonly of: readonly (keyof PrivateParts)[];
  readonly breaches: (parts: PrivateParts) => Breach[];
}

/** Whether something holds, else the place and "what; remedy". */
type Case = readonly [holds: boolean, place: string, message: string];

/** In groups by what they look at, so that an error in one part of a task hides few others. Nothing is asked of a task without privacy. */
export const privacyRules: readonly PrivacyRule[] = [
  rule(['privacy'], (privacy): Case[] => [
    ...budgetCases(privacy),
    ...noiseCases(privacy),
    ...(privacy.mechanism === 'dp-sgd' ? sgdCases(privacy) : fedAvgCases(privacy)),
  ]),
  rule(['privacy', 'protection'], (privacy, { protection }) => sharedCases(privacy, protection)),
  rule(['privacy', 'aggregation'], (privacy, { aggregation }) => aggregationCases(privacy, aggregation)),
  rule(['privacy', 'training'], (privacy, { training }) =>
    privacy.mechanism === 'dp-sgd' ? trainingCases(training) : [],
  ),
  rule(['privacy', 'data'], (privacy, { data }) => (privacy.mechanism === 'dp-sgd' ? dataCases(privacy, data) : [])),
  rule(['privacy', 'model'], (_privacy, { model }) => [
    [
      model.name !== 'moments',
      'model.name',
      'moments leaves exact sums over the rows; use it with privacy none, or constants that are public already',
    ],
  ]),
  rule(['privacy', 'stopping', 'evaluation'], (_privacy, parts) => releaseCases(parts)),
  rule(['privacy', 'data', 'model', 'training', 'rounds', 'cohort', 'protection', 'aggregation'], planCases),
];

function rule(
  of: PrivacyRule['of'],
  cases: (privacy: MechanismSettings, parts: PrivateParts) => readonly Case[],
): PrivacyRule {
  return {
    of,
    breaches: parts => {
      if (parts.privacy === 'none') return [];
      const broken = cases(parts.privacy, parts).filter(([holds]) => !holds);
      return broken.map(([, place, message]) => ({ path: pathOf(place), message }));
    },
  };
}

function pathOf(place: string): (string | number)[] {
  return place.split('.').map(step => (/^\d+$/.test(step) ? Number(step) : step));
}

/** A chance that is more than this is none that one unit should take. */
const greatestDelta = 0.01;
const mostEpsilon = { strong: 1, balanced: 10, weak: Number.POSITIVE_INFINITY } as const;

function budgetCases({ delta, budget, profile }: MechanismSettings): Case[] {
  const most = profile === null ? Number.POSITIVE_INFINITY : mostEpsilon[profile];
  return [
    [
      delta <= greatestDelta,
      'privacy.delta',
      `is ${delta}, the chance that ε does not hold; use ${greatestDelta} at most, and less than 1 over the number of units`,
    ],
    [
      budget.epsilon <= most,
      'privacy.profile',
      `is ${profile}, which is ε ≤ ${most}, and privacy.budget.epsilon is ${budget.epsilon}; use a smaller budget, or another profile`,
    ],
  ];
}

function noiseCases({ noiseAt, schedule, noiseMultiplier }: MechanismSettings): Case[] {
  const least = schedule.kind === 'uniform' ? noiseMultiplier : schedule.least;
  return [
    [
      least <= noiseMultiplier,
      'privacy.schedule.least',
      `is ${least}, more than the noise it falls from (privacy.noiseMultiplier ${noiseMultiplier}); use a smaller one`,
    ],
    [
      schedule.kind !== 'progress' || noiseAt === 'coordinator',
      'privacy.schedule.kind',
      'progress looks at one sum with known noise, and each client adds its own; use uniform, decaying, or noiseAt coordinator',
    ],
  ];
}

function sgdCases({ noiseAt, relation, sampling }: DpSgdSettings): Case[] {
  return [
    [
      noiseAt !== 'coordinator',
      'privacy.noiseAt',
      'coordinator cannot add the noise of dp-sgd: every step has its own, and only the client sees its steps; use client, or dp-fedavg',
    ],
    [
      relation !== 'replace' || sampling === 'all',
      'privacy.relation',
      'replace keeps the number of rows fixed, and Poisson sampling is accounted for rows that are there or not; use add-remove or zero-out, or sampling all',
    ],
  ];
}

function fedAvgCases({
  unit,
  clip,
  noiseAt,
  relation,
  noiseMultiplier,
  recordsPerPerson,
  expectedCohort,
  delta,
}: DpFedAvgSettings): Case[] {
  const cases: Case[] = [
    [
      recordsPerPerson === 1,
      'privacy.recordsPerPerson',
      `is for unit record: here all rows of a ${unit} count as one; remove it`,
    ],
    [
      delta * expectedCohort < 1,
      'privacy.delta',
      `is ${delta}, not less than 1 over the ${expectedCohort} units of a round; use less, such as ${roundedDown(expectedCohort ** -1.1)}`,
    ],
  ];
  if (typeof clip === 'number') return cases;
  const { bitNoise } = clip;
  // Doubled noise on bits where one unit may move them twice as far.
  const least = (noiseMultiplier * sensitivityFactor[relation]) / 2;
  return [
    ...cases,
    [
      noiseAt === 'coordinator',
      'privacy.clip',
      'follows a sum of bits, and only the coordinator has one whose noise is added once; use a number, or noiseAt coordinator',
    ],
    [
      bitNoise === null || bitNoise > least,
      'privacy.clip.bitNoise',
      `is ${bitNoise}: above ${least} some of the noise is left for the updates; use more, or null`,
    ],
  ];
}

function sharedCases({ mechanism, noiseAt, noisyClients }: MechanismSettings, protection: ProtectionSettings): Case[] {
  const path = 'privacy.noisyClients';
  if (noiseAt !== 'shared')
    return [[noisyClients === null, path, `is for noiseAt shared, and the noise is all at the ${noiseAt}; remove it`]];
  if (groupSettings(protection) === null) {
    const why = 'shared gives each update a part of the noise, and protection inspect shows single updates';
    const remedy = 'use client, where each adds all of it, with dp-fedavg coordinator, or protection group';
    return [[false, 'privacy.noiseAt', `${why}; ${remedy}`]];
  }
  return [
    [
      mechanism === 'dp-fedavg',
      'privacy.noiseAt',
      'shared is noise on sums of whole updates, and dp-sgd adds its own at every step; use client, or dp-fedavg',
    ],
    [
      noisyClients === null,
      path,
      'follows from the groups, whose honest survivors add the noise (protection.honest, protection.colluders); remove it',
    ],
  ];
}

function aggregationCases(privacy: MechanismSettings, aggregation: AggregationSettings): Case[] {
  const weights: Case = [
    aggregation.rule !== 'mean' || aggregation.weightBy === 'uniform',
    'aggregation.weightBy',
    'examples would tell how many rows a site has, and let one client count for more than its clipped update; use uniform',
  ];
  if (privacy.noiseAt !== 'coordinator') return [weights];
  const why =
    'under noise of the coordinator breaks sensitivity: one client can move its result by more than a clipped update';
  return [
    weights,
    [aggregation.rule === 'mean', 'aggregation.rule', `${aggregation.rule} ${why}; use mean, or noise of the clients`],
    ...clipCases(privacy, aggregation.clipNorm),
    ...aggregation.before.map(
      ({ name }, i): Case => [
        name === 'clip',
        `aggregation.before.${i}`,
        `${name} ${why}; remove it, or use noise of the clients`,
      ],
    ),
  ];
}

function clipCases(privacy: MechanismSettings, longest: number): Case[] {
  if (privacy.mechanism !== 'dp-fedavg') return [];
  const first = typeof privacy.clip === 'number' ? privacy.clip : privacy.clip.initial;
  return [
    [
      longest >= first,
      'aggregation.clipNorm',
      `is ${longest}: updates are shortened to that, and the noise is for ${first} (privacy.clip); use ${first} or more`,
    ],
  ];
}

function trainingCases({ amount, clip }: TrainingSettings): Case[] {
  return [
    [
      amount.unit === 'steps',
      'training.amount.unit',
      'epochs are as many steps as a site has batches, and tell its number of rows; use steps',
    ],
    [clip === null, 'training.clip', 'is a second bound: every row is clipped to privacy.clipNorm; set it to null'],
  ];
}

const fromOthers = 'and one row more or less would change others';

function dataCases({ relation, metrics }: DpSgdSettings, data: DataSchema): Case[] {
  const counts: Case = [
    metrics === null || dataShape(data).output.kind === 'classes',
    'privacy.metrics',
    'counts how many test rows are right, and of numbers none is; set it to null',
  ];
  if (data.format === 'text') {
    return [
      counts,
      [
        relation !== 'add-remove',
        'privacy.relation',
        'add-remove is not of one row: with a character more all windows of the text move; use zero-out, whose unit is one window of a text of known length',
      ],
    ];
  }
  const split: Case = [
    data.split.type !== 'stratified',
    'data.split.type',
    `stratified deals out the rows by their number and classes, ${fromOthers}; use hash, where each row decides for itself, ${data.format === 'csv' ? 'or column' : 'or files'}`,
  ];
  const sides: Case = [
    metrics === null || relation !== 'replace' || data.split.type === 'files',
    'privacy.relation',
    'replace lets a row of the training side become one of the test side, and that moves both the sums and the counts; use add-remove or zero-out, or set privacy.metrics to null',
  ];
  if (data.format === 'images') return [counts, split, sides];
  return [
    counts,
    split,
    sides,
    [
      data.standardise === 'none',
      'data.standardise',
      `local scales by mean and spread of the site's rows, ${fromOthers}; set center and spread of the columns to constants that are public already, and this to none`,
    ],
  ];
}

function releaseCases({ stopping, evaluation }: PrivateParts): Case[] {
  const why = 'needs exact figures about the rows of sites, and none leave under privacy';
  return [
    [stopping === null, 'stopping', `${why}; set it to null`],
    [evaluation.pooledAucBins === null, 'evaluation.pooledAucBins', `${why}; set it to null`],
    [!evaluation.aloneBaseline, 'evaluation.aloneBaseline', `${why}; set it to false`],
  ];
}

/** What only shows with the size of the model. */
function planCases(privacy: MechanismSettings, parts: PrivateParts): Case[] {
  let plan: Plan | null;
  try {
    plan = planOfTask(parts);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    // Where the model does not fit the data, bits have too little noise, or no group holds its settings, other rules say so.
    const isGrid = cause.message.includes('2^20 steps');
    return [
      [
        !isGrid,
        'privacy.noiseMultiplier',
        'needs a finer grid than the noise has, for so large a model; use less noise, or a smaller model',
      ],
    ];
  }
  if (plan === null || privacy.mechanism !== 'dp-fedavg' || privacy.noiseAt === 'coordinator') return [];
  if (typeof privacy.clip !== 'number') return [];
  const [what, longest] =
    plan.shared === null
      ? ['updates, which', noisyNorm(plan, privacy.clip)]
      : ['means of groups, which', noisyMeanNorm(plan, privacy.clip)];
  const { clipNorm } = parts.aggregation;
  return [
    [
      clipNorm >= longest,
      'aggregation.clipNorm',
      `is ${clipNorm}, and would shorten ${what} are up to ${longest} long with their noise; use ${longest} or more`,
    ],
  ];
}

/** A length that an update of norm C with all its noise on it exceeds once in 10^9 rounds: C + s(√d + 6), a tail of the chi distribution. */
function noisyNorm(plan: Plan, clipNorm: number): number {
  const noise = updateNoise(plan, plan.privacy.noiseMultiplier);
  const { step, contributionSteps, logScale } = gridOf(plan, noise, clipNorm);
  return Math.ceil(step * (contributionSteps + 2 ** logScale * (Math.sqrt(plan.dimension) + 7)));
}

/** The same of the mean of the smallest group, whose members send a share of the noise each. */
function noisyMeanNorm(plan: Plan, clipNorm: number): number {
  const noise = plan.privacy.noiseMultiplier;
  const { step, contributionSteps, logScale, leastShares, paddedDimension } = sharesOf(plan, noise, clipNorm);
  const spread = (2 ** logScale * (Math.sqrt(paddedDimension) + 7)) / Math.sqrt(leastShares);
  return Math.ceil(step * (contributionSteps + spread));
}

function roundedDown(value: number): number {
  const digits = 10 ** (1 - Math.floor(Math.log10(value)));
  return Math.floor(value * digits) / digits;
}
