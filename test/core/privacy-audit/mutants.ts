/** Broken mechanisms: each is ours with one function replaced, and an audit has to find it. */

import { drawBatch } from '../../../src/core/learning/private-batches.ts';
import { adaptiveClipUpdate, unclippedFraction } from '../../../src/core/privacy/adaptive-clip.ts';
import { clipL2 } from '../../../src/core/privacy/clip.ts';
import type { PrivacyEvent } from '../../../src/core/privacy/event.ts';
import { noisySum as soundNoise } from '../../../src/core/privacy/grid-noise.ts';
import type { StoredEntry } from '../../../src/core/privacy/ledger-entry.ts';
import type { NoiseGrid } from '../../../src/core/privacy/noise-grid.ts';
import type { RandomBytes } from '../../../src/core/privacy/random-words.ts';
import { sumGrid } from '../../../src/core/privacy/round-noise.ts';
import type { AuditLayer } from '../../../src/core/privacy-audit/check.ts';
import type {
  AuditDisk,
  AuditedMechanisms,
  ClientUpdate,
  UpdateRound,
} from '../../../src/core/privacy-audit/mechanisms.ts';
import { seededBytes } from '../../../src/core/privacy-audit/seeded-bytes.ts';
import { type TextbookSteps, textbook } from './textbook.ts';

export interface Mutant {
  readonly name: string;
  readonly layer: AuditLayer;
  /** Behaviour of a public library that this is: its name among the vectors of what must not occur. */
  readonly peer?: string;
  /** Part of the name of a check that has to fail. */
  readonly check: string;
  readonly broken: (ours: AuditedMechanisms) => Partial<AuditedMechanisms>;
}

const trains = (steps: TextbookSteps) => (): Partial<AuditedMechanisms> => ({ train: run => textbook(run, steps) });

/** Noise of the same law, longer or shorter. */
const scaled =
  (factor: (z: number) => number): NonNullable<AuditedMechanisms['noisySum']> =>
  (sum, grid, randomBytes) =>
    soundNoise(sum, { ...grid, step: grid.step * factor(multiplierOf(grid)) }, randomBytes);

/** z of a grid: a clip bound of 1 or ½ is what the audit uses. */
const multiplierOf = ({ logScale, sensitivitySteps }: NoiseGrid): number => 2 ** logScale / sensitivitySteps;

const flat = ({ parts }: ClientUpdate): Float64Array => Float64Array.from(parts.flatMap(part => [...part]));

interface RoundFaults {
  readonly clip?: (parts: readonly Float64Array[], clipNorm: number) => Float64Array[];
  readonly weight?: (update: ClientUpdate) => number;
  readonly grid?: (grid: NoiseGrid, updates: number, nextClip: number, clipNorm: number) => NoiseGrid;
  readonly bit?: (norm: number, clipNorm: number) => boolean;
}

/** DP-FedAvg as a textbook has it, with a place for every fault. */
function roundOf(faults: RoundFaults) {
  return ({ audited: { plan }, clipNorm, updates, randomBytes }: UpdateRound) => {
    const { clip = clipL2, weight = () => 1, grid = (sound: NoiseGrid) => sound } = faults;
    const { bit = (norm: number, bound: number) => norm <= bound } = faults;
    const sum = new Float64Array(plan.dimension);
    for (const update of updates) {
      const clipped = flat({ ...update, parts: clip(update.parts, clipNorm) });
      for (const [i, value] of clipped.entries()) sum[i] += weight(update) * value;
    }
    const within = updates.map(update => (bit(Math.hypot(...flat(update)), clipNorm) ? 0 : 1));
    const nextClip =
      updates.length === 0 ? clipNorm : adaptiveClipUpdate(clipNorm, unclippedFraction(within, 0.5), 0.5, 0.2);
    const sound = sumGrid(plan, plan.privacy.noiseMultiplier, clipNorm);
    return { sum: soundNoise(sum, grid(sound, updates.length, nextClip, clipNorm), randomBytes), nextClip };
  };
}

const rounds = (faults: RoundFaults) => (): Partial<AuditedMechanisms> => ({ updateRound: roundOf(faults) });

/** The sound forms of the textbooks, which an audit must not complain about: else a mutant could die of something else. */
export const soundTextbooks: Partial<AuditedMechanisms> = { train: run => textbook(run), updateRound: roundOf({}) };

const noClip = (parts: readonly Float64Array[]): Float64Array[] => parts.map(part => part.slice());
const perLayer = (parts: readonly Float64Array[], clipNorm: number): Float64Array[] =>
  parts.map(part => clipL2([part], clipNorm)[0]);
const scalarsFree = (parts: readonly Float64Array[], clipNorm: number): Float64Array[] => {
  const clipped = clipL2(
    parts.map(part => (part.length === 1 ? new Float64Array(1) : part)),
    clipNorm,
  );
  return clipped.map((part, i) => (parts[i].length === 1 ? parts[i].slice() : part));
};
/** min(1, C / NaN) of many a library: NaN passes as it is; and 0 / 0. */
const plainQuotient = (parts: readonly Float64Array[], clipNorm: number): Float64Array[] => {
  const factor = clipNorm / Math.hypot(...parts.flatMap(part => [...part]));
  return parts.map(part => part.map(x => (factor < 1 ? x * factor : x)));
};
/** C/0·0 of an update that changes nothing. */
const zeroFails = (parts: readonly Float64Array[], clipNorm: number): Float64Array[] => {
  const [norm, clipped] = [Math.hypot(...parts.flatMap(part => [...part])), clipL2(parts, clipNorm)];
  return clipped.map(part => part.map(x => (norm === 0 ? x * (clipNorm / norm) : x)));
};

const withCount = (event: PrivacyEvent, count: number): PrivacyEvent => ({ ...event, count }) as PrivacyEvent;

function fixedBatch(rows: number, rate: number, randomBytes: RandomBytes): number[] {
  const keys = new Uint32Array(rows);
  randomBytes(new Uint8Array(keys.buffer));
  return Array.from(keys, (_, i) => i)
    .sort((a, b) => keys[a] - keys[b])
    .slice(0, Math.round(rate * rows));
}

export const mutants: readonly Mutant[] = [
  // Noise of the wrong size
  {
    name: 'σ/√2',
    layer: 'L1',
    check: 'noise has the accounted variance',
    broken: () => ({ noisySum: scaled(() => Math.SQRT1_2) }),
  },
  {
    name: 'σ/√2, seen by two worlds',
    layer: 'L4',
    check: 'clipped and noised',
    broken: () => ({ noisySum: scaled(() => Math.SQRT1_2) }),
  },
  {
    name: 'σ/2',
    layer: 'L1',
    check: 'noise has the accounted variance',
    broken: () => ({ noisySum: scaled(() => 0.5) }),
  },
  {
    name: 'σ² for σ',
    layer: 'L1',
    check: 'noise has the accounted variance',
    broken: () => ({ noisySum: scaled(z => z) }),
  },
  {
    name: 'σ/√2 in training, seen by two worlds',
    layer: 'L4',
    check: 'training',
    broken: trains({ noise: scaled(() => Math.SQRT1_2) }),
  },
  {
    name: 'σ/2 in training, seen by one run',
    layer: 'L5',
    check: 'one run',
    broken: trains({ noise: scaled(() => 0.5) }),
  },
  {
    name: 'σC/n on a sum',
    layer: 'L1',
    check: 'noise on a sum of updates',
    broken: rounds({ grid: (grid, updates) => ({ ...grid, step: grid.step / updates }) }),
  },
  {
    name: 'a share of the noise where a client must add all',
    layer: 'L1',
    check: 'noise of a client has',
    broken: ours => ({ noisyUpdate: async round => (await ours.noisyUpdate(round)).map(x => x / Math.sqrt(10)) }),
  },
  {
    name: 'noise as floats',
    layer: 'L1',
    check: 'lies on the grid',
    broken: () => ({
      noisySum: (sum, grid, randomBytes) => {
        const noise = soundNoise(new Float64Array(sum.length), grid, randomBytes);
        return sum.map((x, i) => x + Math.fround(noise[i] * 1.0000001 + 1e-9));
      },
    }),
  },
  {
    name: 'one draw for all coordinates',
    layer: 'L1',
    check: 'neighbouring coordinates',
    broken: () => ({
      noisySum: (sum, grid, randomBytes) => {
        const [draw] = soundNoise(new Float64Array(1), grid, randomBytes);
        return sum.map(x => x + draw);
      },
    }),
  },
  {
    name: 'noise of another law, its variance right',
    layer: 'L1',
    check: 'accounted law',
    broken: () => ({
      noisySum: (sum, grid, randomBytes) => {
        const signs = soundNoise(new Float64Array(sum.length), grid, randomBytes);
        return sum.map((x, i) => x + (signs[i] < 0 ? -1 : 1) * 2 ** grid.logScale * grid.step);
      },
    }),
  },
  // Clipping
  { name: 'clip no-op', layer: 'L0', check: 'clipped as a whole', broken: () => ({ clip: noClip }) },
  { name: 'clip no-op in training', layer: 'L0', check: 'one row', broken: trains({ clip: noClip }) },
  {
    name: 'clip no-op in training, seen by two worlds',
    layer: 'L4',
    check: 'training',
    broken: trains({ clip: noClip }),
  },
  { name: 'clip no-op of updates', layer: 'L0', check: 'one client', broken: rounds({ clip: noClip }) },
  {
    name: 'clip × 3 in training, seen by one run',
    layer: 'L5',
    check: 'one run',
    broken: trains({ clip: (g, c) => clipL2(g, 3 * c) }),
  },
  {
    name: 'clip before weighting',
    layer: 'L0',
    check: 'one client',
    broken: rounds({ weight: ({ examples }) => Math.min(examples, 1000) }),
  },
  {
    name: 'free weights',
    peer: 'dp-weight',
    layer: 'L0',
    check: 'one client',
    broken: rounds({ weight: ({ examples }) => examples }),
  },
  { name: 'clip per layer without √L', layer: 'L0', check: 'clipped as a whole', broken: () => ({ clip: perLayer }) },
  { name: 'clip per layer without √L in training', layer: 'L0', check: 'one row', broken: trains({ clip: perLayer }) },
  {
    name: '0-d values unclipped',
    peer: 'scalar-clip',
    layer: 'L0',
    check: 'clipped as a whole',
    broken: () => ({ clip: scalarsFree }),
  },
  { name: '0-d values of updates unclipped', layer: 'L0', check: 'one client', broken: rounds({ clip: scalarsFree }) },
  {
    name: 'NaN passes the clip',
    peer: 'nan-dp-fixed',
    layer: 'L0',
    check: 'clipped as a whole',
    broken: () => ({ clip: plainQuotient }),
  },
  { name: 'NaN passes in training', layer: 'L0', check: 'one row', broken: trains({ clip: plainQuotient }) },
  {
    name: 'an update of zeros stops the round',
    peer: 'zero-update-dp',
    layer: 'L0',
    check: 'one client',
    broken: rounds({ clip: zeroFails }),
  },
  {
    name: 'rounding to the grid without a bound',
    layer: 'L0',
    check: 'on the grid',
    broken: () => ({ roundUpdate: (update, _clip, { step }) => Int32Array.from(update, x => Math.ceil(x / step)) }),
  },
  { name: 'a microbatch as the unit', layer: 'L0', check: 'one row', broken: trains({ rowsPerClip: 2 }) },
  // Adaptive clip bounds
  {
    name: 'norm bit inverted',
    peer: 'adaptive-sign',
    layer: 'L0',
    check: 'adaptive',
    broken: rounds({ bit: (norm, clip) => norm > clip }),
  },
  {
    name: 'noise with the next clip bound',
    peer: 'adaptive-noise-norm',
    layer: 'L1',
    check: 'adaptive clip',
    broken: rounds({ grid: (grid, _n, next, clip) => ({ ...grid, step: (grid.step * next) / clip }) }),
  },
  // Batches
  {
    name: 'noise per microbatch',
    layer: 'L1',
    check: 'noise of a step has the accounted variance',
    broken: trains({
      noise: (sum, grid, randomBytes, { length }) => {
        let noisy = sum;
        for (let first = 0; first === 0 || first < length; first += 64) noisy = soundNoise(noisy, grid, randomBytes);
        return noisy;
      },
    }),
  },
  {
    name: 'empty batch skipped',
    layer: 'L0',
    check: 'empty batch',
    broken: trains({ noise: (sum, grid, bytes, { length }) => (length === 0 ? null : soundNoise(sum, grid, bytes)) }),
  },
  {
    name: 'empty batch noiseless',
    layer: 'L1',
    check: 'empty batch',
    broken: trains({ noise: (sum, grid, bytes, { length }) => (length === 0 ? sum : soundNoise(sum, grid, bytes)) }),
  },
  {
    name: 'fixed batch as Poisson',
    layer: 'L2',
    check: 'vary as those of Poisson',
    broken: () => ({ sampleBatch: (plan, rows, bytes) => fixedBatch(rows, plan.samplingRate, bytes) }),
  },
  {
    name: 'q from batches',
    layer: 'L2',
    check: 'as long as accounted',
    broken: () => ({ sampleBatch: (plan, rows, bytes) => drawBatch(rows, Math.min(1, plan.batchSize / rows), bytes) }),
  },
  {
    name: 'the same batch twice',
    layer: 'L2',
    check: 'two batches',
    broken: ours => {
      let [kept, uses]: [ArrayLike<number>, number] = [[], 0];
      return {
        sampleBatch: (plan, rows, bytes) => {
          if (uses++ % 2 === 0) kept = ours.sampleBatch(plan, rows, bytes);
          return kept;
        },
      };
    },
  },
  {
    name: 'neighbouring rows drawn together',
    layer: 'L2',
    check: 'two rows',
    broken: () => ({
      sampleBatch: (plan, rows, bytes) =>
        Array.from(drawBatch(Math.ceil(rows / 2), plan.samplingRate, bytes)).flatMap(i => [2 * i, 2 * i + 1]),
    }),
  },
  {
    name: 'no sampling in training',
    layer: 'L5',
    check: 'one run',
    broken: trains({ batch: rows => Array.from({ length: rows }, (_, i) => i) }),
  },
  // Accounting
  {
    name: 'count ignored',
    layer: 'L3',
    check: 'how often',
    broken: ours => ({ rdpEpsilon: (event, delta) => ours.rdpEpsilon(withCount(event, 1), delta) }),
  },
  {
    name: 'count ignored in loss distributions',
    layer: 'L3',
    check: 'how often',
    broken: ours => ({ pldEpsilon: (event, delta) => ours.pldEpsilon(withCount(event, 1), delta) }),
  },
  {
    name: 'steps of a round ignored',
    layer: 'L3',
    check: 'all its steps',
    broken: ours => ({ event: (plan, z) => withCount(ours.event(plan, z), 1) }),
  },
  {
    name: 'the noise asked for accounted, not that of the grid',
    layer: 'L3',
    check: 'its noise',
    broken: () => ({
      event: (plan, noiseMultiplier) => ({
        kind: 'sampled',
        q: plan.samplingRate,
        of: { kind: 'gaussian', noiseMultiplier },
        count: plan.stepsPerRound,
      }),
    }),
  },
  {
    name: 'amplification where nothing is drawn in secret',
    layer: 'L3',
    check: 'its noise',
    broken: ours => ({
      event: (plan, z) => {
        const event = ours.event(plan, z);
        if (event.kind !== 'discrete-gaussian') return event;
        const { count, ...of } = event;
        return { kind: 'sampled', q: 0.3, of, count };
      },
    }),
  },
  {
    name: 'δ twice',
    layer: 'L3',
    check: 'what others publish',
    broken: ours => ({ rdpEpsilon: (event, delta) => ours.rdpEpsilon(event, Math.min(1, 2 * delta)) }),
  },
  {
    name: 'δ zero',
    layer: 'L3',
    check: 'δ counts once',
    broken: ours => ({ rdpEpsilon: (event, delta) => ours.rdpEpsilon(event, delta || 1e-5) }),
  },
  {
    name: 'slips not taken off δ',
    layer: 'L3',
    check: 'δ counts once',
    broken: ours => ({ pldEpsilon: (event, delta) => ours.pldEpsilon({ ...event, slip: 0 } as PrivacyEvent, delta) }),
  },
  {
    name: 'PLD below the truth',
    layer: 'L3',
    check: 'RDP ≥ PLD',
    broken: ours => ({
      pldEpsilon: (event, delta) => {
        const { lower, upper } = ours.pldEpsilon(event, delta);
        return { lower, upper: upper * 0.995 };
      },
    }),
  },
  {
    name: 'replace as add-remove',
    layer: 'L0',
    check: 'one client',
    broken: ours => ({
      grid: (plan, z, clip) => ours.grid({ ...plan, privacy: { ...plan.privacy, relation: 'add-remove' } }, z, clip),
    }),
  },
  // Randomness
  {
    name: 'reseeded rounds',
    layer: 'L1',
    check: 'noise of two runs',
    broken: ours => ({ train: run => ours.train({ ...run, randomBytes: seededBytes('round').randomBytes }) }),
  },
  {
    name: 'reseeded steps',
    layer: 'L1',
    check: 'noise of two steps',
    broken: trains({ noise: (sum, grid) => soundNoise(sum, grid, seededBytes('step').randomBytes) }),
  },
  {
    name: 'reseeded rounds of updates',
    layer: 'L1',
    check: 'noise of two rounds',
    broken: ours => ({
      updateRound: round => ours.updateRound({ ...round, randomBytes: seededBytes('round').randomBytes }),
    }),
  },
  {
    name: 'new noise on retry',
    layer: 'L1',
    check: 'sent again',
    broken: ours => ({
      sendTwice: async () => {
        const [[first], [again]] = [await ours.sendTwice(), await ours.sendTwice()];
        return [first, again];
      },
    }),
  },
  {
    name: 'dropout uncompensated',
    layer: 'L1',
    check: 'shares',
    broken: ours => ({
      noiseShares: (plan, members, count, randomBytes) =>
        ours
          .noiseShares(plan, members, count, randomBytes)
          .map(noise => noise.map(x => x * Math.sqrt((plan.shared?.noisyClients ?? Number.NaN) / members))),
    }),
  },
  // Ledger and message
  {
    name: 'ledger lost in crash',
    layer: 'L3',
    check: 'after a crash',
    broken: ours => ({ openLedger: () => ours.openLedger(processMemory()) }),
  },
  {
    name: 'ledger written at commit',
    layer: 'L3',
    check: 'after a crash',
    broken: ours => ({
      openLedger: disk => {
        const ledger = ours.openLedger(disk);
        const kept = { spent: () => ledger.spent() };
        return {
          ...kept,
          reserve: async spend => ({
            commit: async () => (await ledger.reserve(spend)).commit(),
            release: async () => undefined,
          }),
        };
      },
    }),
  },
  {
    name: 'limit checked after the release',
    layer: 'L3',
    check: 'refused release',
    broken: ours => ({
      openLedger: disk => {
        const ledger = ours.openLedger(disk);
        return {
          spent: () => ledger.spent(),
          reserve: spend => ledger.reserve({ ...spend, limit: { ...spend.limit, epsilon: spend.limit.epsilon * 1.5 } }),
        };
      },
    }),
  },
  {
    name: 'loss exported',
    layer: 'L0',
    check: 'nothing but the tensor',
    broken: ours => ({
      report: async (audited, figures) => ({ ...(await ours.report(audited, figures)), loss: figures.loss }),
    }),
  },
  {
    name: 'number of rows exported',
    layer: 'L0',
    check: 'nothing but the tensor',
    broken: ours => ({
      report: async (audited, figures) => ({ ...(await ours.report(audited, figures)), examples: figures.examples }),
    }),
  },
];

/** What is gone with the process. */
function processMemory(): AuditDisk {
  const entries: StoredEntry[] = [];
  return { entries, extend: (from, decide) => void entries.push(...decide(entries.slice(from))) };
}
