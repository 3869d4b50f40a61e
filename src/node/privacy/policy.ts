/** What a site lets tasks ask of its data's privacy, whatever the federation has agreed on: `privacy-policy.yaml` in the client's home. */
import { z } from 'zod';
import { units } from '../../core/privacy/assumptions.ts';
import type { SpendLimit } from '../../core/privacy/ledger-port.ts';
import { lowestNoise } from '../../core/privacy/round-noise.ts';
import { type MechanismSettings, noiseAtSchema, relationSchema } from '../../core/protocol/privacy-settings.ts';
import { UserError } from '../../core/protocol/problem.ts';
import type { Task } from '../../core/protocol/task.ts';

const epsilon = z.number().positive().max(1e6);
const delta = z.number().gt(0).lt(1);
const some = <T extends z.ZodType>(value: T) => z.array(value).min(1);

export const policySchema = z.strictObject({
  /** Whether tasks with `privacy: none` are refused: nothing bounds what those reveal. */
  requirePrivacy: z.boolean().default(true),
  /** Whose presence has to be hidden; all kinds where absent. A task hides one. */
  units: some(z.enum(units)).optional(),
  relations: some(relationSchema).optional(),
  /** `client`: nobody else is trusted. `coordinator`: it sees each clipped update without noise. */
  noiseAt: some(noiseAtSchema).optional(),
  /** The largest budget of one task. */
  mostEpsilon: epsilon.optional(),
  mostDelta: delta.optional(),
  /** The smallest noise multiplier of any round. */
  leastNoise: z.number().positive().max(1e6).optional(),
  /** What all tasks together may spend, for each kind of unit. The ledger keeps it. */
  lifetime: z.strictObject({ epsilon, delta }).optional(),
});

export type PrivacyPolicy = z.infer<typeof policySchema>;

/** Name of the file in a client's home. */
export const policyFile = 'privacy-policy.yaml';

/** Throws UserError, naming place and remedy, for a task that the policy at `place` does not allow. */
export function checkPolicy(task: Pick<Task, 'name' | 'privacy'>, policy: PrivacyPolicy, place: string): void {
  const found = task.privacy === 'none' ? openTask(policy) : (breaches(task.privacy, policy)[0] ?? null);
  if (found === null) return;
  const [setting, what] = found;
  throw new UserError(
    `${place}: ${setting}`,
    `does not allow the task ${task.name}: ${what}`,
    'Ask the federation for another task. Only the owner of the data may change this file.',
  );
}

/** The limits that a client's ledger keeps over all tasks, by its sets of units. */
export function lifetimeLimits({ lifetime }: PrivacyPolicy): Readonly<Record<string, SpendLimit>> {
  return lifetime === undefined ? {} : { records: lifetime, users: lifetime, organisations: lifetime };
}

/** In one line, for the log. */
export function policyLine(policy: PrivacyPolicy): string {
  const { requirePrivacy, units, relations, noiseAt, mostEpsilon, mostDelta, leastNoise, lifetime } = policy;
  const of = (name: string, value: unknown): string[] => (value === undefined ? [] : [`${name} ${String(value)}`]);
  return [
    requirePrivacy ? 'privacy required' : 'privacy none allowed',
    ...of('units', units?.join('|')),
    ...of('relations', relations?.join('|')),
    ...of('noise at', noiseAt?.join('|')),
    ...of('ε of a task ≤', mostEpsilon),
    ...of('δ of a task ≤', mostDelta),
    ...of('noise ≥', leastNoise),
    ...(lifetime === undefined ? [] : [`ε of all tasks ≤ ${lifetime.epsilon} at δ = ${lifetime.delta}`]),
  ].join(', ');
}

type Breach = readonly [setting: string, what: string];

function openTask({ requirePrivacy }: PrivacyPolicy): Breach | null {
  return requirePrivacy ? ['requirePrivacy', 'its privacy is none'] : null;
}

function breaches(privacy: MechanismSettings, policy: PrivacyPolicy): Breach[] {
  const { unit, relation, noiseAt, budget, delta: asked } = privacy;
  const counts = privacy.mechanism === 'dp-sgd' ? (privacy.metrics?.epsilon ?? 0) : 0;
  const noise = lowestNoise({ privacy });
  const { units, relations, mostEpsilon, mostDelta, leastNoise, lifetime } = policy;
  const cases: readonly (readonly [isBreach: boolean, setting: string, what: string])[] = [
    [units?.includes(unit) === false, 'units', `privacy.unit is ${unit}`],
    [relations?.includes(relation) === false, 'relations', `privacy.relation is ${relation}`],
    [policy.noiseAt?.includes(noiseAt) === false, 'noiseAt', `privacy.noiseAt is ${noiseAt}`],
    [budget.epsilon > (mostEpsilon ?? Infinity), 'mostEpsilon', `privacy.budget.epsilon is ${budget.epsilon}`],
    [counts > (mostEpsilon ?? Infinity), 'mostEpsilon', `privacy.metrics.epsilon is ${counts}`],
    [asked > (mostDelta ?? 1), 'mostDelta', `privacy.delta is ${asked}`],
    [noise < (leastNoise ?? 0), 'leastNoise', `the noise multiplier comes down to ${noise}`],
    [asked > (lifetime?.delta ?? 1), 'lifetime.delta', `privacy.delta is ${asked}, more than all tasks may take`],
  ];
  return cases.filter(([isBreach]) => isBreach).map(([, setting, what]) => [setting, what]);
}
