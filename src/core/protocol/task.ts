/** The task: what is trained, on which data, under which rules. Parsed once; its hash names it everywhere. */
import { z } from 'zod';
import { encodeCbor } from '../bytes/cbor.ts';
import { dataShape } from '../data/data-shape.ts';
import { dataSchema } from '../data/schema.ts';
import { defaultLoss, type LossSettings } from '../learning/loss-settings.ts';
import { aggregationSchema } from './aggregation-settings.ts';
import { modelSchema } from './model-settings.ts';
import { privacySchema } from './privacy-settings.ts';
import { protectionSchema } from './protection-settings.ts';
import { breachIssue, issueLine, type TaskIssue, taskIssues } from './task-issue.ts';
import { taskBreaches } from './task-rules.ts';
import { trainingSchema } from './training-settings.ts';
import { visibilityIssues } from './visibility-rules.ts';

const positive = z.number().gt(0).finite();
const fraction = z.number().gt(0).lte(1);
const decay = z.number().min(0).lt(1);

const adaptive = {
  learningRate: positive,
  beta1: decay.default(0.9),
  beta2: decay.default(0.99),
  /** Degree of adaptivity (Reddi et al. 2021, Algorithm 2). */
  tau: positive.default(1e-3),
};

/** FedOpt server optimisers (Reddi et al. 2021); `fedavg` adds learningRate × the aggregate (1 is McMahan et al. 2017). */
const server = z.discriminatedUnion('optimizer', [
  z.strictObject({
    optimizer: z.literal('fedavg'),
    learningRate: positive.default(1),
    momentum: decay.default(0),
  }),
  z.strictObject({ optimizer: z.literal('fedadam'), ...adaptive }),
  z.strictObject({ optimizer: z.literal('fedyogi'), ...adaptive }),
  z.strictObject({ optimizer: z.literal('fedadagrad'), ...adaptive, beta1: decay.default(0) }),
]);

export const taskSchema = z.strictObject({
  /** Version of this format. */
  parley: z.literal(1),
  name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'use 1–63 lower-case letters, digits and dashes'),
  /** Seeds initial weights, cohort selection and minibatches: public, reproducible. Never used for keys or noise. */
  seed: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER),
  data: dataSchema,
  model: modelSchema,
  training: trainingSchema,
  rounds: z.number().int().min(1).max(1_000_000),
  cohort: z.strictObject({
    /** Share of the present clients asked in a round, before over-selection. */
    fraction: fraction.default(1),
    /** A round opens with, and combines, at least so many clients. */
    minimum: z.number().int().min(1).max(1_000_000),
    deadlineSeconds: z.number().min(0.1).max(604_800).default(300),
    /** Extra clients asked, as a share of the target; the round closes when the target has answered. */
    overSelection: z.number().min(0).max(4).default(0),
  }),
  server,
  aggregation: aggregationSchema,
  protection: protectionSchema,
  privacy: privacySchema,
  /** Ends the run early when the clients' evaluation of the global model has not improved for so many evaluations. */
  stopping: z
    .strictObject({
      metric: z.enum(['loss', 'accuracy', 'auc']),
      patience: z.number().int().min(1).max(1_000_000),
      /** What counts as an improvement. */
      minDelta: z.number().min(0).finite().default(0),
    })
    .nullable()
    .default(null),
  evaluation: z
    .strictObject({
      /** Evaluate the global model on the clients every so many rounds; the final model always is. */
      everyRounds: z.number().int().min(1).default(1),
      /** Clients send a score histogram per class with so many bins, for one AUC over all; null: they do not. */
      pooledAucBins: z.number().int().min(2).max(65_536).nullable().default(null),
      /** At the end each client also trains alone, as long as the run did, and reports how good that is. */
      aloneBaseline: z.boolean().default(false),
    })
    .default({ everyRounds: 1, pooledAucBins: null, aloneBaseline: false }),
});

export type Task = z.infer<typeof taskSchema>;
export type { ModelSettings } from './model-settings.ts';
export type { OptimizerSettings } from './training-settings.ts';
export type ServerSettings = Task['server'];

/** A task file that does not hold: every error with its path and remedy. */
export class TaskError extends Error {
  override readonly name = 'TaskError';
  readonly errors: readonly TaskIssue[];
  /** The file, where the task came from one. */
  readonly file: string | null;

  constructor(errors: readonly TaskIssue[], file: string | null = null) {
    super(errors.map(issueLine).join('\n'));
    this.errors = errors;
    this.file = file;
  }
}

/** The loss that a task trains with. */
export function lossOf(task: Task): LossSettings {
  return task.training.loss ?? defaultLoss(dataShape(task.data).output);
}

/** Parses a task from plain data (of YAML, JSON or CBOR) and fills defaults. Throws TaskError with every error at once. */
export function parseTask(value: unknown): Task {
  const result = taskSchema.safeParse(value, { reportInput: true });
  const issues = result.success ? [] : result.error.issues.flatMap(issue => taskIssues(issue, taskSchema, value));
  const { parts, unsound } = result.success ? { parts: result.data, unsound: new Set<string>() } : soundParts(value);
  // What is not there is unsound, and no rule looks at it.
  const breaches = taskBreaches(parts as Task, unsound).map(breachIssue);
  const hidden = visibilityIssues(value);
  if (result.success && breaches.length + hidden.length === 0) return withoutNegativeZero(result.data);
  throw new TaskError([...issues, ...breaches, ...hidden]);
}

/** The parts of a value that hold by themselves, and the names of the others: rules between sound parts are looked at all the same. */
function soundParts(value: unknown): { parts: Partial<Task>; unsound: Set<string> } {
  const given = typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  const parts: Record<string, unknown> = {};
  const unsound = new Set<string>();
  for (const [name, schema] of Object.entries(taskSchema.shape)) {
    const part = schema.safeParse(given[name]);
    if (part.success) parts[name] = part.data;
    else unsound.add(name);
  }
  return { parts, unsound };
}

/** A copy in which −0, another number in CBOR, is 0: it means the same wherever it stands, so the task has the same hash. */
function withoutNegativeZero<T>(value: T): T {
  // Each branch gives what it was given: a number, a list or a block of the same form.
  if (typeof value === 'number') return (value + 0) as T;
  if (Array.isArray(value)) return value.map(withoutNegativeZero) as T;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withoutNegativeZero(item)])) as T;
}

/** The canonical bytes of a task: deterministic CBOR of the parsed value, defaults filled in. */
export function encodeTask(task: Task): Uint8Array {
  return encodeCbor(['parley/v1/task', task]);
}

/** What the seed of the initial weights is the SHA-256 of: everyone derives the same model 1 from the task alone. */
export function initialSeed(task: Task): Uint8Array {
  return encodeCbor(['parley/v1/initial-weights', task.seed]);
}

/** What the seed of one client's minibatches in one round is the SHA-256 of. */
export function trainingSeed(taskHash: Uint8Array, round: number, client: string): Uint8Array {
  return encodeCbor(['parley/v1/minibatches', taskHash, round, client]);
}
