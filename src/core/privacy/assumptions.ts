/** What a calculated ε rests on, in words: it holds for nothing else. */

import type { Plan } from './plan.ts';

/** Whose presence is hidden. */
export const units = ['record', 'user', 'organisation'] as const;
export type Unit = (typeof units)[number];

const contribution: Readonly<Record<Unit, string>> = {
  record:
    'Unit: one record, clipped by itself. Who has k records among the data is protected k times less, or far worse.',
  user: 'Unit: all that one user has. Each gives at most one clipped contribution to a round, whatever the site.',
  organisation:
    'Unit: one organisation. Each gives at most one clipped update to a round; its own users get no ε of theirs.',
};

/** The assumptions of ε for Poisson-sampled Gaussian noise, one sentence or two each. Unit null: not chosen. */
export function epsilonAssumptions(unit: Unit | null, samplingRate: number): readonly string[] {
  return [
    unit === null
      ? 'Unit: whatever one clipped contribution stands for (a record, a user, an organisation): say which.'
      : contribution[unit],
    'Relation add-remove: a unit is there or not. Replacing one by another moves the sum twice as far and costs more.',
    ...(samplingRate < 1
      ? [
          'Sampling is Poisson (each unit by itself, with probability q) and hidden from the adversary. For a fixed cohort size, ' +
            'or against who draws the cohort, only the line without amplification holds.',
        ]
      : []),
    'Nothing is said for weights that clients report: all contributions weigh the same, and the sum is divided by a constant.',
    'All settings are fixed before the first round; nothing else is released, no losses, norms or counts.',
    'Noise is exactly Gaussian; what a sampler rounds to floats leaks more.',
  ];
}

/** What a calculation is not. */
export const onlyCalculated =
  'These are figures of the settings given here. What holds for a task: parley task check FILE; for a trained model: parley privacy statement FILE.';

/** What holds for a model of a task with privacy none. */
export const noPrivacy: readonly string[] = [
  'Nothing bounds what the model, or an update that was sent for it, reveals about the data.',
];

/** What the ε of a plan rests on, one sentence or two each. */
export function planAssumptions(plan: Plan): readonly string[] {
  const { privacy, samplingRate } = plan;
  return [
    contribution[privacy.unit],
    relations[privacy.relation],
    ...(samplingRate < 1
      ? [
          'Each site draws its batches itself, every row with the same probability, and shows nobody which: without that only ε without amplification holds.',
        ]
      : []),
    ...noisePlaces[privacy.noiseAt],
    ...(privacy.unit === 'record' ? [] : ['Each unit stands behind one client only, and sends one update to a round.']),
    'Random numbers of the operating system cannot be foreseen, and are not drawn twice.',
  ];
}

/** What the ε of a plan does not cover. */
export function planLimits(plan: Plan): readonly string[] {
  const { privacy } = plan;
  return [
    'How long a computation takes, and how much memory, is not hidden.',
    'That a client takes part in a round, declines or drops out is seen by the coordinator and is not covered.',
    ...(privacy.unit === 'record'
      ? [
          'Whether a site can read its data, and whether it has more rows than δ and the constant batch allow, shows in whether it takes part.',
          'Other releases about the same records, by other tasks, add to this: the ledger of each site counts them.',
        ]
      : ['The data of one unit at another client, or in other tasks of another federation, are not counted.']),
    'What is true of all people, and can be learnt without one of them, is not hidden: a model may tell it.',
  ];
}

const noisePlaces = {
  client: ['The client runs this program as it is: its noise is what protects it, and nobody else can add it.'],
  shared: [
    'Of every group no more members tell the coordinator what they know than the group bears; the others run this program as it is, and each adds its part of the noise.',
    'What is hidden is what a member contributes: that it takes part, and adds its noise, is seen.',
    'The masks of the groups hold: whoever breaks them sees single updates with a part of the noise only.',
  ],
  coordinator: ['The coordinator follows the protocol, adds the noise, and keeps the updates it receives to itself.'],
} as const;

const relations = {
  'add-remove': 'Two data sets are alike that differ by one unit that is there or not.',
  replace: 'Two data sets are alike that differ by one unit that is another one; their sizes are known.',
  'zero-out':
    'Two data sets are alike that differ by one unit whose contribution counts as zero; their sizes are known.',
} as const;
