/** Settings of `privacy`: whose presence is hidden, from whom, by which noise. Names and ranges; what fits together is for privacy-rules. */
import { z } from 'zod';

const positive = z.number().gt(0).finite();

/** Two data sets differ by one unit that is there or not, that is another one, or whose contribution is zero. */
export const relationSchema = z.enum(['add-remove', 'replace', 'zero-out']);

/** Where noise is added: each client adds all of it, a share of it, or the coordinator does to the sum. */
export const noiseAtSchema = z.enum(['client', 'shared', 'coordinator']);

const shared = {
  relation: relationSchema,
  noiseAt: noiseAtSchema,
  /** Standard deviation of the noise on a sum over what one unit can move it by (z). */
  noiseMultiplier: z.number().min(0.1).max(1e6),
  /** At most 1/N of the units there are; what the budget is stated at. */
  delta: z.number().gt(0).lt(1),
  /** What all rounds together may spend: the ledger refuses the release that would exceed it. */
  budget: z.strictObject({ epsilon: positive.max(1e6) }),
  /** A word for the budget that the task has to live up to: strong ε ≤ 1, balanced ε ≤ 10. */
  profile: z.enum(['strong', 'balanced', 'weak']).nullable().default(null),
  /** The noise of a round: always the same, more budget to later rounds, or as progress shows in what was released. */
  schedule: z
    .discriminatedUnion('kind', [
      z.strictObject({ kind: z.literal('uniform') }),
      /** z × factor after each round, down to `least`: fixed beforehand. */
      z.strictObject({ kind: z.literal('decaying'), factor: z.number().gt(0).lt(1), least: z.number().min(0.1) }),
      /** z × factor, down to `least`, after a round whose noisy aggregate is hardly longer than its noise: depends on releases. */
      z.strictObject({
        kind: z.literal('progress'),
        factor: z.number().gt(0).lt(1),
        least: z.number().min(0.1),
        /** Squared norm of the noisy aggregate over the expected squared norm of its noise below which progress counts as none. */
        threshold: z.number().gt(1).max(1e6).default(1.2),
      }),
    ])
    .default({ kind: 'uniform' }),
  /** At most so many records are of one person: ε of a person is stated too. */
  recordsPerPerson: z.number().int().min(1).max(1_000_000).default(1),
};

/** Shared noise: every sum holds the noise of at least n_min clients that do not collude. */
const noisyClients = z
  .strictObject({
    /** Clients of a cohort that may drop out, and that may tell the coordinator their noise. */
    mostDropouts: z.number().int().min(0).max(1_000_000),
    mostColluders: z.number().int().min(0).max(1_000_000),
  })
  .nullable()
  .default(null);

/** The clip bound of whole updates: fixed, or following a quantile of their norms (Andrew et al. 2021). */
const updateClip = z.union([
  positive.max(1e18),
  z.strictObject({
    initial: positive.max(1e18).default(0.1),
    /** Share of updates that should be within the bound. */
    targetQuantile: z.number().gt(0).lt(1).default(0.5),
    learningRate: positive.max(10).default(0.2),
    /** Standard deviation of the noise on the sum of bits (σ_b); null: max(m/20, 1.64 z). */
    bitNoise: positive.nullable().default(null),
  }),
]);

/** Privacy of records: Poisson batches of a site's own rows, every example's gradient clipped, noise at every step (Abadi et al. 2016). */
const dpSgd = z.strictObject({
  mechanism: z.literal('dp-sgd'),
  unit: z.enum(['record']),
  /** L2 bound of one example's gradient (C). */
  clipNorm: positive.max(1e18),
  /** Probability with which each row is in a batch; `all`: every row in every step. `training.batchSize` is the constant a sum is divided by. */
  sampling: z.union([z.literal('all'), z.strictObject({ poisson: z.number().gt(0).lte(1) })]),
  noisyClients,
  /**
   * ε of the only figures that leave about test rows: how many there are and how many are right, with noise, once, at the final
   * evaluation. Null: none leave.
   */
  metrics: z
    .strictObject({
      epsilon: z
        .number()
        .min(2 ** -16)
        .max(1000),
    })
    .nullable()
    .default(null),
  ...shared,
});

/** Privacy of users or organisations, one per client: whole updates are clipped and summed with noise (McMahan et al. 2018). */
const dpFedAvg = z.strictObject({
  mechanism: z.literal('dp-fedavg'),
  unit: z.enum(['user', 'organisation']),
  /** L2 bound of one client's update (C). */
  clip: updateClip,
  /** The coordinator draws the cohort, and the draw is public: nothing is gained by sampling clients. */
  sampling: z.literal('all'),
  /** The constant that a sum of updates is divided by (m), however many answer. */
  expectedCohort: z.number().int().min(1).max(1_000_000),
  noisyClients,
  ...shared,
});

const mechanisms = z.discriminatedUnion('mechanism', [dpSgd, dpFedAvg]);

/** `none`: nothing bounds what a model reveals. */
export const privacySchema = z.union([z.literal('none'), mechanisms]);

export type PrivacySettings = z.infer<typeof privacySchema>;
/** Settings of a task that is private. */
export type MechanismSettings = z.infer<typeof mechanisms>;
export type DpSgdSettings = Extract<MechanismSettings, { mechanism: 'dp-sgd' }>;
export type DpFedAvgSettings = Extract<MechanismSettings, { mechanism: 'dp-fedavg' }>;
export type Relation = MechanismSettings['relation'];
