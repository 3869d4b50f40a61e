/** What a private task asks of a round: noise and clip bound that the task allows, and their cost reserved before noise is drawn. */
import type { Primitives } from '../core/crypto/primitives.ts';
import type { Reservation } from '../core/privacy/ledger-port.ts';
import { type Plan, planHash, planOfTask } from '../core/privacy/plan.ts';
import { believedNoise, trainingSpend } from '../core/privacy/round-noise.ts';
import type { Assignment } from '../core/protocol/message.ts';
import { Problem } from '../core/protocol/problem.ts';
import type { Task } from '../core/protocol/task.ts';
import type { ClientPorts } from './ports.ts';
import type { RoundContext, RoundPrivacy } from './stages.ts';

/**
 * Null for a task without privacy. Throws Problem `bad-request` for an assignment that asks for less noise than the task does, names what
 * the task leaves to nobody, or wants an evaluation that would leave without noise.
 */
export function roundPrivacy(
  task: Task,
  round: number,
  assignment: Assignment,
  primitives: Pick<Primitives, 'sha256'>,
): RoundPrivacy | null {
  const plan = planOfTask(task);
  const { kind, evaluate, noiseMultiplier, clipNorm } = assignment;
  if (plan === null) {
    if (noiseMultiplier === null && clipNorm === null) return null;
    throw new Problem('bad-request', 'the assignment names noise for a task without privacy');
  }
  if (kind === 'evaluate' ? !tellsCounts(plan) : evaluate)
    throw new Problem('bad-request', 'the assignment asks for figures that the privacy of the task keeps');
  return { plan, planHash: planHash(plan, primitives), noise: believed(plan, round, assignment) };
}

/** Do noisy counts of test rows leave at the end? */
function tellsCounts({ privacy }: Plan): boolean {
  return privacy.mechanism === 'dp-sgd' && privacy.metrics !== null;
}

function believed(plan: Plan, round: number, assignment: Assignment): RoundPrivacy['noise'] {
  try {
    return believedNoise(plan, round, assignment);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new Problem('bad-request', `the assignment: ${cause.message}`, { cause });
  }
}

/** Durable when it resolves: the round is spent, whatever comes of it. Throws Problem `budget-spent`. */
export async function reserveRound(
  context: RoundContext,
  privacy: RoundPrivacy,
  ports: ClientPorts,
): Promise<Reservation> {
  const { plan, noise } = privacy;
  const hashes = { task: context.taskId, plan: privacy.planHash };
  const reservation = await ports.privacy.reserve(trainingSpend(plan, hashes, context.round, noise));
  await ports.step('ledger-reserved');
  return reservation;
}
