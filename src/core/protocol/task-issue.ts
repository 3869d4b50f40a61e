/** What is wrong in a task file, place by place, in words: what stands there and what to write instead. */
import { z } from 'zod';

/** One error of a task file. */
export interface TaskIssue {
  /** Settings from the outside in, joined by dots; `(file)` for the file as a whole. Never names a file. */
  readonly path: string;
  readonly message: string;
  /** What to write instead, a phrase without a capital letter and full stop. */
  readonly remedy?: string;
}

/** An issue in one line. */
export function issueLine({ path, message, remedy }: TaskIssue): string {
  return `${path}: ${message}${remedy === undefined ? '' : `; ${remedy}`}`;
}

/** Names that later releases fill. Refused by name, never ignored. */
const plannedProtections = ['homomorphic-group', 'homomorphic-committee', 'validated', 'two-aggregator'];
const planned: Readonly<Record<string, readonly string[]>> = {
  protection: plannedProtections,
  'protection.kind': plannedProtections,
};

const wholeUpdates = [
  'dp-sgd clips and hides single rows, and says nothing of all rows that somebody has',
  'use record, or mechanism dp-fedavg',
] as const;

/** A breach of a rule between parts: its place, and "what; remedy". */
export function breachIssue({ path, message }: { path: readonly (string | number)[]; message: string }): TaskIssue {
  return { path: path.join('.'), ...inTwo(message) };
}

/** Values that are refused for good, and why; a block by its first setting, in braces. */
const refused: Readonly<Record<string, Readonly<Record<string, readonly [why: string, remedy: string]>>>> = {
  'privacy.unit': {
    record: [
      'dp-fedavg clips and hides whole updates, and says nothing of single rows where a client is not trusted with them',
      'use user or organisation, or mechanism dp-sgd',
    ],
    user: wholeUpdates,
    organisation: wholeUpdates,
    microbatch: [
      'a mean over several rows bounds what none of them adds',
      'use record: every row is clipped by itself',
    ],
  },
  'privacy.sampling': {
    '{poisson}': [
      'the coordinator draws the cohort and everyone can recompute it, so that sampling clients hides nobody',
      'use all, or dp-sgd, where sites draw rows in secret',
    ],
  },
  'model.norm': {
    batch: [
      'batch norm mixes the rows of a minibatch: no example has a gradient of its own, and its running statistics leave the site',
      'use none, or layer (mlp) or group (cnn)',
    ],
  },
  'data.standardise': {
    federated: [
      'sites agree on constants before a task is trained, not in it',
      'run parley standardise TASK, and train the task that it writes',
    ],
  },
};

type Schema = z.core.$ZodType;
type Issue = z.core.$ZodIssue;

/** The errors that one issue of the schema stands for. `task` is what was parsed. */
export function taskIssues(issue: Issue, schema: Schema, task: unknown): TaskIssue[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map(key => {
      const path = [...issue.path, key].map(String).join('.');
      const forGood = isRecord(issue.input) ? refusedForGood(path, issue.input[key]) : undefined;
      if (forGood !== undefined) return { path, message: forGood[0], remedy: 'remove it' };
      const others = settingOfOthers(schemaAt(schema, task, [...issue.path]), issue.input, key);
      return others === null
        ? { path, message: 'is not a setting', remedy: 'remove it or check its spelling' }
        : { path, message: `is not a setting ${others}`, remedy: 'remove it' };
    });
  }
  const inner = issuesInside(issue, schema, task);
  if (inner !== null) return inner.flatMap(each => taskIssues(each, schema, task));
  const steps = [...issue.path];
  let input: unknown = issue.input;
  const found = schemaAt(schema, task, steps);
  if (issue.code === 'invalid_union' && found instanceof z.ZodDiscriminatedUnion) {
    const key = found.def.discriminator;
    if (steps.at(-1) !== key && isRecord(input)) {
      input = input[key];
      steps.push(key);
    } else if (isRecord(input)) input = input[key];
  }
  const path = steps.map(String).join('.') || '(file)';
  if (path === '(file)' && !isRecord(task))
    return [{ path, message: 'is not a task', remedy: 'copy examples/heart.task.yaml' }];
  if (issue.code === 'custom') return [{ path, ...inTwo(issue.message) }];
  if (issue.code === 'invalid_format') return [{ path, message: `is ${shown(input)}`, remedy: issue.message }];
  const remedy = found === null ? 'see docs/task.md' : `use ${expected(found)}`;
  if (input === undefined) return [{ path, message: 'is missing', remedy }];
  const forGood = refusedForGood(path, input);
  if (forGood !== undefined) return [{ path, message: forGood[0], remedy: forGood[1] }];
  if (typeof input !== 'string' || (issue.code !== 'invalid_union' && issue.code !== 'invalid_value'))
    return [{ path, message: `is ${shown(input)}`, remedy }];
  const later = planned[path]?.includes(input);
  return [{ path, message: `${shown(input)} is not ${later ? 'built in this version' : 'a known value'}`, remedy }];
}

/** "of krum, only of mean" for a key that other options of the union have; null for one that none has. */
function settingOfOthers(union: Schema | null, given: unknown, key: string): string | null {
  if (!(union instanceof z.ZodDiscriminatedUnion) || !isRecord(given)) return null;
  const { discriminator, options } = union.def;
  const others = options.filter(option => option instanceof z.ZodObject && Object.hasOwn(option.def.shape, key));
  if (others.length === 0) return null;
  const of = others.flatMap(option => names(option, discriminator)).join(', ');
  return `of ${String(given[discriminator])}, only of ${of}`;
}

function refusedForGood(path: string, value: unknown): readonly [why: string, remedy: string] | undefined {
  const word = isRecord(value) ? `{${Object.keys(value)[0]}}` : value;
  if (typeof word !== 'string' || !Object.hasOwn(refused, path)) return undefined;
  return Object.hasOwn(refused[path], word) ? refused[path][word] : undefined;
}

/** The issues of that option of a union which a block of settings is meant for, with their whole places; null elsewhere. */
function issuesInside(issue: Issue, schema: Schema, task: unknown): Issue[] | null {
  if (issue.code !== 'invalid_union' || !isRecord(issue.input)) return null;
  const union = schemaAt(schema, task, [...issue.path], 'union');
  if (!isPlainUnion(union)) return null;
  const at = union.def.options.findIndex(isOfBlocks);
  const all = at < 0 ? [] : (issue.errors[at] ?? []);
  const { input } = issue;
  const isPlanned = ({ path }: Issue): boolean =>
    path.length === 1 && !!planned[[...issue.path, ...path].join('.')]?.includes(String(input[String(path[0])]));
  // Of a kind that is not built, what else it has is not known.
  const ofKind = all.filter(isPlanned);
  const inside = ofKind.length === 0 ? all : ofKind;
  return inside.length === 0 ? null : inside.map(each => ({ ...each, path: [...issue.path, ...each.path] }));
}

/** Several forms of a value, not told apart by a setting in it. */
function isPlainUnion(schema: Schema | null): schema is z.ZodUnion<readonly Schema[]> {
  return schema instanceof z.ZodUnion && !(schema instanceof z.ZodDiscriminatedUnion);
}

function isOfBlocks(schema: Schema): boolean {
  return schema instanceof z.ZodObject || schema instanceof z.ZodDiscriminatedUnion;
}

/** What of a union speaks about a value. */
function fitting(schema: Schema, value: unknown): Schema {
  if (!isPlainUnion(schema) || !isRecord(value)) return schema;
  const option = schema.def.options.find(isOfBlocks);
  return option === undefined ? schema : unwrapped(option);
}

/** "what; remedy" as two; a message that is only a remedy stands for itself. */
function inTwo(text: string): { message: string; remedy: string } {
  const at = text.lastIndexOf('; ');
  return at < 0
    ? { message: 'does not hold', remedy: text }
    : { message: text.slice(0, at), remedy: text.slice(at + 2) };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A value as the file has it, shortened. */
function shown(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : `a list of ${value.length}`;
  if (isRecord(value)) return 'a block of settings';
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value);
  return text.length <= 60 ? text : `${text.slice(0, 59)}…`;
}

function unwrapped(schema: Schema): Schema {
  return schema instanceof z.ZodDefault || schema instanceof z.ZodOptional ? unwrapped(schema.def.innerType) : schema;
}

/** What stands at a place where it is not null. */
function present(schema: Schema): Schema {
  const at = unwrapped(schema);
  return at instanceof z.ZodNullable ? present(at.def.innerType) : at;
}

/** The part of the schema that speaks about a place, or null. Of a union without a name for its options that one which fits what stands there, or itself. */
function schemaAt(
  schema: Schema,
  task: unknown,
  steps: readonly PropertyKey[],
  last: 'fitting' | 'union' = 'fitting',
): Schema | null {
  let at: Schema | null = schema;
  let value = task;
  for (const step of steps) {
    at = at === null ? null : fitting(present(at), value);
    if (at instanceof z.ZodDiscriminatedUnion) {
      const key: string = at.def.discriminator;
      const given: unknown = isRecord(value) ? value[key] : undefined;
      // The place of the discriminator itself belongs to the union.
      const option: Schema | undefined = step === key ? at : at.def.options.find(o => names(o, key).includes(given));
      if (option === at) return at;
      at = option ?? null;
    }
    if (at instanceof z.ZodObject) at = (at.def.shape[String(step)] as Schema | undefined) ?? null;
    else if (at instanceof z.ZodArray) at = at.def.element;
    else return null;
    value = typeof value === 'object' && value !== null ? (value as Record<PropertyKey, unknown>)[step] : undefined;
  }
  if (at === null) return null;
  return last === 'union' ? unwrapped(at) : fitting(unwrapped(at), value);
}

/** The values of one option's discriminator. */
function names(option: Schema, key: string): readonly unknown[] {
  const name: unknown = option instanceof z.ZodObject ? option.def.shape[key] : undefined;
  return name instanceof z.ZodLiteral ? name.def.values : [];
}

/** What may stand at a place. @param isBlock says of settings that they are a block: they stand beside something that is none. */
function expected(schema: Schema, isBlock = false): string {
  if (schema instanceof z.ZodNullable) return `${expected(schema.def.innerType)}, or null`;
  // A word that stands for settings.
  if (schema instanceof z.ZodPipe) return expected(schema.def.in, isBlock);
  if (schema instanceof z.ZodNumber) return numberRange(schema);
  if (schema instanceof z.ZodBoolean) return 'true or false';
  if (schema instanceof z.ZodEnum) return choice(Object.values(schema.def.entries));
  if (schema instanceof z.ZodLiteral) return choice(schema.def.values);
  if (isPlainUnion(schema)) return schema.def.options.map(option => expected(unwrapped(option), true)).join(', or ');
  if (schema instanceof z.ZodDiscriminatedUnion && isBlock) {
    const { discriminator, options } = schema.def;
    return `a block with ${discriminator} ${options.flatMap(option => names(option, discriminator)).join(' or ')}`;
  }
  if (schema instanceof z.ZodDiscriminatedUnion)
    return choice(schema.def.options.flatMap(option => names(option, schema.def.discriminator)));
  if (schema instanceof z.ZodArray) return `a list${span(schema, 'values')}`;
  if (schema instanceof z.ZodString) return `text${span(schema, 'characters')}`;
  return schema instanceof z.ZodObject
    ? `a block of settings: ${Object.keys(schema.def.shape).join(', ')}`
    : 'another value';
}

function choice(values: readonly unknown[]): string {
  const texts = values.map(value =>
    values.length === 1 && typeof value !== 'string' ? `${value}` : JSON.stringify(value),
  );
  return texts.length === 1
    ? texts[0]
    : `one of: ${values.map(v => (/^\w/.test(String(v)) ? v : JSON.stringify(v))).join(', ')}`;
}

/** Bounds of a number, or of the length of a list or text, as the checks of a schema state them. */
function bounds(schema: Schema): { least?: string; most?: string; minimum?: number; maximum?: number } {
  const found: ReturnType<typeof bounds> = {};
  for (const check of schema._zod.def.checks ?? []) {
    const def = check._zod.def as Partial<z.core.$ZodCheckGreaterThanDef & { minimum: number; maximum: number }>;
    if (def.minimum !== undefined) found.minimum = def.minimum;
    if (def.maximum !== undefined) found.maximum = def.maximum;
    if (def.value === undefined || def.value === Number.MAX_SAFE_INTEGER) continue;
    if ((def.check as string) === 'greater_than') found.least = `${def.inclusive ? '≥' : '>'} ${def.value}`;
    if ((def.check as string) === 'less_than') found.most = `${def.inclusive ? '≤' : '<'} ${def.value}`;
  }
  return found;
}

function numberRange(schema: z.ZodNumber): string {
  const { least, most } = bounds(schema);
  const range = [least, most].filter(bound => bound !== undefined).join(' and ');
  return `a ${schema.isInt ? 'whole ' : ''}number ${range}`.trim();
}

function span(schema: Schema, what: string): string {
  const { minimum, maximum } = bounds(schema);
  if (minimum === undefined && maximum === undefined) return '';
  if (maximum === undefined) return ` of at least ${minimum} ${what}`;
  return minimum === undefined ? ` of at most ${maximum} ${what}` : ` of ${minimum} to ${maximum} ${what}`;
}
