/** The private tasks that an audit runs: small, and of every kind. */
import type { SiteData } from '../data/dataset.ts';
import { makePlan, type Plan, planOfTask } from '../privacy/plan.ts';
import { privacySchema, type Relation } from '../protocol/privacy-settings.ts';
import { parseTask, type Task } from '../protocol/task.ts';
import type { NoiseSharing } from '../secagg/noise-sharing.ts';
import type { Examples } from './examples.ts';
import { mixtureClasses, mixtureFeatures } from './mixture.ts';

/** δ of every figure of an audit. */
export const auditDelta = 1e-5;

export interface AuditedTask {
  readonly task: Task;
  readonly plan: Plan;
}

/**
 * `layers`: four features, two dense layers, three classes. `mixture`: softmax regression on the classes of mixture.ts. Or a model with
 * one weight for each of so many canaries: the gradient of a row that has only one feature, and that a large one, lies on its axis.
 */
export type AuditedModel = 'layers' | 'mixture' | { readonly canaries: number };

export interface SgdAudit {
  readonly model: AuditedModel;
  readonly noiseMultiplier: number;
  readonly clipNorm?: number;
  readonly relation?: Relation;
  readonly samplingRate?: number;
  readonly steps?: number;
  /** A power of two: then nothing is lost when a sum is divided by it. */
  readonly batchSize: number;
  readonly learningRate?: number;
}

/** Features of the model with layers, and its parameters. */
export const layerInputs = 4;
export const layerParameters = 43;

/** DP-SGD at a client. */
export function sgdTask(audit: SgdAudit): AuditedTask {
  const { samplingRate = 1 } = audit;
  return auditedTask({
    ...trained(audit),
    privacy: {
      mechanism: 'dp-sgd',
      unit: 'record',
      relation: audit.relation ?? 'add-remove',
      noiseAt: 'client',
      noiseMultiplier: audit.noiseMultiplier,
      delta: auditDelta,
      budget: { epsilon: 1e6 },
      clipNorm: audit.clipNorm ?? 1,
      sampling: samplingRate === 1 ? 'all' : { poisson: samplingRate },
    },
  });
}

/** The same training without privacy. */
export function plainTask(audit: Omit<SgdAudit, 'noiseMultiplier'>): Task {
  return parseTask({ ...common, ...trained(audit), privacy: 'none' });
}

function trained({ model, learningRate, batchSize, steps = 1 }: Omit<SgdAudit, 'noiseMultiplier'>): object {
  const [features, classes] =
    model === 'layers'
      ? [layerInputs, 3]
      : model === 'mixture'
        ? [mixtureFeatures, mixtureClasses]
        : [model.canaries, 2];
  const names = Array.from({ length: classes }, (_, i) => `class-${i}`);
  return {
    data: images(features, names),
    model: model === 'layers' ? { name: 'mlp', hidden: [5], activation: 'tanh' } : { name: 'logistic' },
    training: {
      // By default steps leave the model where it is: every sum is about the same gradients.
      optimizer: { name: 'sgd', learningRate: learningRate ?? 1e-12 },
      batchSize,
      amount: { unit: 'steps', count: steps },
    },
  };
}

const common = {
  parley: 1,
  name: 'privacy-audit',
  seed: 1,
  rounds: 1,
  cohort: { minimum: 1 },
  server: { optimizer: 'fedavg' },
  aggregation: { rule: 'mean', weightBy: 'uniform' },
  protection: 'inspect',
};

function auditedTask(settings: object): AuditedTask {
  const task = parseTask({ ...common, ...settings });
  const plan = planOfTask(task);
  if (plan === null) throw new TypeError('an audit is of a private task');
  return { task, plan };
}

/** Most features of a line. */
const mostWidth = 4000;

/** Rows of so many features, in lines of 4000 where there are more. */
function images(features: number, classes: readonly string[]): object {
  const width = Math.min(features, mostWidth);
  return {
    format: 'images',
    height: features / width,
    width,
    target: { type: 'classes', classes },
    split: { type: 'files' },
  };
}

/** What a site with these rows holds. */
export function siteOf({ rows }: Examples, width: number): SiteData {
  const features = new Float32Array(rows.length * width);
  const labels = new Float32Array(rows.length);
  rows.forEach((row, i) => {
    features.set(Float32Array.from(row.features), i * width);
    labels[i] = row.label;
  });
  const none = { rows: 0, width, features: new Float32Array(), labelWidth: 1, labels: new Float32Array() };
  return {
    train: { rows: rows.length, width, features, labelWidth: 1, labels },
    test: none,
    featureNames: [],
    classes: 0,
    scaler: null,
    droppedRows: 0,
  };
}

export interface FedAvgAudit {
  readonly noiseMultiplier: number;
  readonly clip: number | { readonly initial: number; readonly bitNoise?: number };
  readonly relation?: Relation;
  readonly noiseAt?: 'client' | 'coordinator';
  readonly dimension: number;
  readonly cohort?: number;
}

/** DP-FedAvg of a model with so many parameters: 3 to 4001, or one more than a multiple of 4000. Throws TaskError for shared noise, as it has no groups: its plan is `groupPlan`. */
export function fedAvgTask(audit: FedAvgAudit): AuditedTask {
  return auditedTask({
    data: images(audit.dimension - 1, ['a', 'b']),
    model: { name: 'logistic' },
    training: { optimizer: { name: 'sgd', learningRate: 1 }, batchSize: 1, amount: { unit: 'steps', count: 1 } },
    privacy: fedAvgPrivacy(audit),
  });
}

/** The plan of groups whose members share the noise of each sum. */
export function groupPlan(audit: FedAvgAudit, shared: NoiseSharing): Plan {
  const privacy = privacySchema.parse({ ...fedAvgPrivacy(audit), noiseAt: 'shared' });
  if (privacy === 'none') throw new TypeError('an audit is of a private task');
  const { dimension } = audit;
  return makePlan({ privacy, rounds: 1, dimension, stepsPerRound: 1, batchSize: 1, partRows: 1, shared });
}

function fedAvgPrivacy(audit: FedAvgAudit): object {
  const { noiseAt = 'coordinator', cohort = 10 } = audit;
  return {
    mechanism: 'dp-fedavg',
    unit: 'organisation',
    relation: audit.relation ?? 'add-remove',
    noiseAt,
    noiseMultiplier: audit.noiseMultiplier,
    delta: auditDelta,
    budget: { epsilon: 1e6 },
    clip: audit.clip,
    sampling: 'all',
    expectedCohort: cohort,
  };
}
