/** The privacy statement of a run: what it released, from what the store remembers. */
import { planHash, planOfTask } from '../core/privacy/plan.ts';
import { type PrivacyStatement, privacyStatement, type RunEnd } from '../core/privacy/statement.ts';
import type { Task } from '../core/protocol/task.ts';
import type { CoordinatorPorts } from './ports.ts';
import type { ReleaseEvent, Run } from './store.ts';

/** @param releases of this run. */
export function runStatement(
  run: Run,
  task: Task,
  releases: readonly ReleaseEvent[],
  { primitives, build }: Pick<CoordinatorPorts, 'primitives' | 'build'>,
): PrivacyStatement {
  const plan = planOfTask(task);
  return privacyStatement({
    plan,
    planHash: plan === null ? null : planHash(plan, primitives),
    noiseMultipliers: releases.flatMap(({ privacy }) => (privacy === 'none' ? [] : [privacy.noiseMultiplier])),
    end: endOf(run),
    countsReleased: run.evaluations.some(({ noisyCounts }) => Boolean(noisyCounts)),
    build,
  });
}

/** How the run has come, or is coming, to its end. Before its last round only whoever stops it publishes a model. */
function endOf({ round, rounds, privacy }: Run): RunEnd {
  if (privacy?.isSpent) return 'budget';
  return round > rounds ? 'rounds' : 'stopped';
}
