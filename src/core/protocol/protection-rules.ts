/** What must hold so that groups can add up the updates of a task: thresholds, room for the sums, and what needs to see single updates. */
import { numberColumns } from '../data/moments.ts';
import type { DataSchema } from '../data/schema.ts';
import { makeEncoding } from '../secagg/encoding.ts';
import { leastBits, wordSizes } from '../secagg/packing.ts';
import { mostColluders } from '../secagg/thresholds.ts';
import type { AggregationSettings } from './aggregation-settings.ts';
import type { ModelSettings } from './model-settings.ts';
import type { PrivacySettings } from './privacy-settings.ts';
import {
  type CompressionSettings,
  type GroupSettings,
  groupSettings,
  mostMembers,
  type ProtectionSettings,
} from './protection-settings.ts';
import type { TrainingSettings } from './training-settings.ts';

/** The parts of a task that the rules look at. */
export interface ProtectedParts {
  readonly protection: ProtectionSettings;
  readonly cohort: { readonly minimum: number; readonly fraction: number; readonly overSelection: number };
  readonly aggregation: AggregationSettings;
  readonly privacy: PrivacySettings;
  readonly model: ModelSettings;
  readonly training: TrainingSettings;
  readonly data: DataSchema;
}

interface Breach {
  readonly path: string[];
  readonly message: string;
}

/** A rule may look at these parts alone. */
interface ProtectionRule {
  readonly of: readonly (keyof ProtectedParts)[];
  readonly breaches: (parts: ProtectedParts) => Breach[];
}

/** Whether something holds, else the place and "what; remedy". */
type Case = readonly [holds: boolean, place: string, message: string];

/** Nothing is asked of a task whose coordinator sees single updates. */
export const protectionRules: readonly ProtectionRule[] = [
  rule(['protection'], thresholdCases),
  rule(['protection', 'cohort'], cohortCases),
  rule(['protection', 'cohort', 'privacy'], (_groups, { cohort, privacy }) => [
    [
      cohort.fraction === 1 || privacy !== 'none',
      'cohort.fraction',
      `is ${cohort.fraction}: sums over clients that change from round to round tell single updates; use 1, or privacy`,
    ],
  ]),
  rule(['protection', 'privacy'], (_groups, { privacy }) => privacyCases(privacy)),
  rule(['protection', 'aggregation', 'privacy'], encodingCases),
  rule(['protection', 'aggregation', 'model', 'data'], momentsCases),
  rule(['protection', 'model'], ({ compression }, { model }) => [
    [
      !leavesOutUnits(compression) || hasUnitsToSpare(model),
      'protection.compression',
      `federated-dropout leaves out hidden units, and ${model.name} has none that others do not need; use random-mask, none, or a model with hidden units and norm none`,
    ],
  ]),
  rule(['protection', 'privacy'], ({ compression }, { privacy }) => [
    [
      !leavesOutUnits(compression) || privacy === 'none' || privacy.mechanism !== 'dp-sgd',
      'protection.compression',
      'federated-dropout trains a smaller model, and dp-sgd adds noise for gradients of the whole one; use random-mask, none, or dp-fedavg',
    ],
  ]),
  rule(['protection', 'training'], ({ compression }, { training }) => [
    [
      !leavesOutUnits(compression) || training.workerMomentum === 0,
      'training.workerMomentum',
      `is ${training.workerMomentum}: it is a mean over rounds, and federated-dropout trains other hidden units in each; use 0, or protection.compression random-mask`,
    ],
  ]),
  rule(['protection', 'aggregation'], ({ compression }, { aggregation }) => [
    [
      compression === 'none' || aggregation.rule !== 'centered-clipping' || aggregation.centre === 'zero',
      'aggregation.centre',
      `is previous, and with protection.compression ${compression === 'none' ? compression : compression.kind} the round before sent other values; use zero, or protection.compression none`,
    ],
  ]),
];

function rule(
  of: ProtectionRule['of'],
  cases: (groups: GroupSettings, parts: ProtectedParts) => readonly Case[],
): ProtectionRule {
  return {
    of,
    breaches: parts => {
      const groups = groupSettings(parts.protection);
      if (groups === null) return [];
      const broken = cases(groups, parts).filter(([holds]) => !holds);
      return broken.map(([, place, message]) => ({ path: place.split('.'), message }));
    },
  };
}

function leavesOutUnits(compression: CompressionSettings): boolean {
  return compression !== 'none' && compression.kind === 'federated-dropout';
}

function thresholdCases({ size, honest, colluders }: GroupSettings): Case[] {
  const most = Math.min(mostColluders(size), size - honest);
  return [
    [
      honest <= size,
      'protection.honest',
      `is ${honest}, and a group has ${size} clients (protection.size); use ${size} at most, or larger groups`,
    ],
    [
      honest > size || colluders === null || colluders <= most,
      'protection.colluders',
      `is ${colluders}, and a group of ${size} with ${honest} honest clients bears ${most}; use ${most} at most, null, or larger groups`,
    ],
  ];
}

function cohortCases(groups: GroupSettings, { cohort }: ProtectedParts): Case[] {
  const { size, honest, colluders, coin } = groups;
  const { minimum, overSelection } = cohort;
  // Where there are groups to deal, none is smaller than the size.
  const smallest = coin.length === 0 ? minimum : Math.min(minimum, size);
  const least = Math.max(honest + (colluders ?? 0), 3 * (colluders ?? 0) + 1);
  const asked = colluders === null ? `${honest} honest clients` : `${honest} honest clients and ${colluders} colluders`;
  return [
    [
      smallest >= least || least > size,
      'cohort.minimum',
      `is ${minimum}, and a group for ${asked} (protection.honest, protection.colluders) has ${least} or more; use ${least} or more, or ask for fewer`,
    ],
    [
      coin.length > 0 || minimum <= mostMembers(groups),
      'protection.size',
      `is ${size}: without protection.coin all clients are one group, of ${mostMembers(groups)} at most, and cohort.minimum is ${minimum}; use ${Math.ceil((minimum + 1) / 2)} or more, or name coin parties`,
    ],
    [
      overSelection === 0,
      'cohort.overSelection',
      `is ${overSelection}: masks of clients that are not waited for have to be opened; use 0, a group bears clients that drop out`,
    ],
  ];
}

/** Whether there is a smaller model (`subModel`). Layers that are normalised keep all of their units. */
function hasUnitsToSpare(model: ModelSettings): boolean {
  switch (model.name) {
    case 'mlp':
      return model.norm === 'none';
    case 'cnn':
      return model.norm === 'none' || model.hidden.length > 0;
    case 'lstm':
    case 'gru':
      return true;
    default:
      return false;
  }
}

function privacyCases(privacy: PrivacySettings): Case[] {
  if (privacy === 'none') return [];
  const isWhole = privacy.mechanism === 'dp-fedavg';
  return [
    [
      !isWhole || privacy.noiseAt !== 'coordinator',
      'privacy.noiseAt',
      'coordinator adds noise for updates whose length it has checked, and protection group shows it none; use shared, where each client adds a part, or client',
    ],
    [
      !isWhole || typeof privacy.clip === 'number',
      'privacy.clip',
      'follows how many updates are within it, and protection group shows sums of updates alone; use a number',
    ],
  ];
}

function encodingCases(groups: GroupSettings, { aggregation, privacy }: ProtectedParts): Case[] {
  // Shares of noise have words of their own.
  if (privacy !== 'none' && privacy.noiseAt === 'shared') return [];
  const members = mostMembers(groups);
  const { bits } = groups;
  const steps = scaleOf(groups, aggregation.clipNorm, null);
  const weightMax = privacy === 'none' && aggregation.rule === 'mean' ? weightCap(aggregation) : null;
  const largest = Math.ceil(2 ** (bits - 1) / members) - 1;
  const more = wordSizes.filter(
    size => size > bits && scaleOf({ ...groups, bits: size }, aggregation.clipNorm, null) !== null,
  );
  return [
    [
      steps !== null,
      'protection.bits',
      `is ${bits}: sums of up to ${members} clients leave less than 64 steps for the clip bound of each; use ${more.length === 0 ? 'a smaller protection.size' : `${more[0]}, or a smaller protection.size`}`,
    ],
    [
      steps === null || weightMax === null || scaleOf(groups, aggregation.clipNorm, weightMax) !== null,
      'aggregation.weightCap',
      `is ${weightMax}: the weights of up to ${members} clients do not add up within ${bits} bits (protection.bits); use ${largest} at most, or more bits`,
    ],
  ];
}

function weightCap(aggregation: AggregationSettings): number | null {
  return aggregation.rule === 'mean' && aggregation.weightBy === 'examples' ? aggregation.weightCap : null;
}

/** Exponent of the fixed point in the largest group there can be; null where its sums would wrap, or have hardly any steps. */
function scaleOf(groups: GroupSettings, clipNorm: number, weightMax: number | null): number | null {
  try {
    // How many coordinates there are does not matter.
    const encoding = { bits: leastBits(groups.bits), clipNorm, weightMax, dimension: 1, members: mostMembers(groups) };
    return makeEncoding(encoding).scaleBits;
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

/** Sums of whole numbers stay exact where a step is 1 or less, every coordinate is sent, and one group adds up all clients. */
function momentsCases(groups: GroupSettings, { model, aggregation, data }: ProtectedParts): Case[] {
  if (model.name !== 'moments' || data.format !== 'csv' || numberColumns(data).length === 0) return [];
  const scale = scaleOf(groups, aggregation.clipNorm, null);
  return [
    [groups.compression === 'none', 'protection.compression', 'leaves out some of the sums of moments; use none'],
    [
      groups.coin.length === 0,
      'protection.coin',
      'deals several groups, and moments needs one sum over all clients, exactly; remove it, and use a protection.size of half the clients or more',
    ],
    [
      scale === null || scale >= 0,
      'protection.bits',
      `is ${groups.bits}: sums of moments with aggregation.clipNorm ${aggregation.clipNorm} over up to ${mostMembers(groups)} clients would be rounded; use 32 bits, a smaller protection.size, or fewer columns`,
    ],
  ];
}
