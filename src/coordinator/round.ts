/** The end of a round, as one straight path: inspect → account → combine (combine.ts) → record; `publish` makes what leaves. */
import { bytesToFloats, floatsToBytes, toHex } from '../core/bytes/floats.ts';
import { encodeSafetensors } from '../core/bytes/safetensors.ts';
import type { Manifest } from '../core/learning/parameters.ts';
import { type Measured, pooledEvaluation } from '../core/learning/quality.ts';
import { planHash, planOfTask } from '../core/privacy/plan.ts';
import { trainingSpend } from '../core/privacy/round-noise.ts';
import { writeBlob } from '../core/protocol/ports.ts';
import { Problem } from '../core/protocol/problem.ts';
import { passed } from '../core/protocol/stage.ts';
import type { Task } from '../core/protocol/task.ts';
import { isSummed } from './admit.ts';
import { stateKey } from './combine.ts';
import { contributors, groupReports, lost } from './group-record.ts';
import { obstacle, remainingByzantine } from './obstacle.ts';
import type { CoordinatorPorts } from './ports.ts';
import { aggregateKey } from './rule-memory.ts';
import { closed } from './run.ts';
import type { Artifact, Charged, Combined, Inspected, Recorded } from './stages.ts';
import { runStatement } from './statement.ts';
import { runMetadata } from './status.ts';
import { observed, type Stopping } from './stopping.ts';
import type { ReleaseEvent, RoundReport, Run, Write } from './store.ts';

/** Where the global parameters a round starts from lie; one round beyond the last is the final model. */
export const modelKey = (task: string, round: number): string => `${task}/model/${round}`;
export const artifactKey = (task: string): string => `${task}/artifact`;
export const taskKey = (task: string): string => `${task}/task`;

/**
 * Looks at the closed cohort as a whole: orders the updates by client (so that the sum does not depend on arrival),
 * names who dropped out, counts the liars that were caught off those the rule has to bear, and refuses a round that cannot be
 * combined (obstacle.ts). Throws Problem `conflict` then.
 */
export function inspect(run: Run, task: Task): Inspected {
  const updates = [...run.received].sort((a, b) => (a.client < b.client ? -1 : 1));
  const why = obstacle(run, task);
  if (why !== null) throw new Problem('conflict', `the round waits ${why}`);
  const answered = new Set([...updates.map(u => u.client), ...run.refused]);
  const { groups } = run;
  return passed<Inspected>({
    run,
    task,
    updates,
    totalWeight: updates.reduce((sum, u) => sum + u.weight, 0),
    byzantine: remainingByzantine(run, task.aggregation),
    dropped:
      groups === null
        ? (run.cohort ?? []).filter(client => !answered.has(client))
        : lost(groups).filter(client => !run.refused.includes(client)),
  });
}

/**
 * Charges the round: what its release costs is durable when this resolves, and nothing noisy was drawn yet. Where the coordinator draws
 * noise, a crash after it has spent, and charges again. With `privacy: none` the cost is unbounded and recorded as such. Throws Problem
 * `budget-spent`: then nothing has changed.
 *
 * Where clients add the noise the charge is the coordinator's own account of what it learns and publishes; each client keeps its own. It is
 * made once for a round, however often that is combined: the updates stay the same.
 */
export async function account(inspected: Inspected, ports: CoordinatorPorts): Promise<Charged> {
  const { run, task, updates } = inspected;
  const clients = run.groups === null ? updates.length : contributors(run.groups).length;
  const event = { task: run.task, round: run.round, kind: 'aggregate', clients } as const;
  const plan = planOfTask(task);
  if (plan === null || run.privacy === null)
    return passed<Charged>({ inspected, event: { ...event, privacy: 'none' }, privacy: null });
  const { noise } = run.privacy;
  const spend = trainingSpend(plan, { task: run.task, plan: planHash(plan, ports.primitives) }, run.round, noise);
  if (isSummed(task) || (await ports.privacy.find(spend)) === null) await ports.privacy.reserve(spend);
  await ports.step('ledger-reserved');
  const { noiseMultiplier } = noise;
  return passed<Charged>({
    inspected,
    event: { ...event, privacy: { noiseMultiplier, event: spend.event } },
    privacy: { plan, noise },
  });
}

/**
 * Makes the combination durable: blobs first, then round report, release event and run in one write together with
 * whatever `also` adds to the run (the opening of the next round). A crash before that write repeats the combination
 * from the same blobs and gives the same bytes. Early stopping is decided here, from what the run has stored: then the
 * run goes on to its final evaluation with the best of its models, and what this round made is nobody's.
 */
export async function record(
  combined: Combined,
  also: (run: Run) => Promise<Run>,
  ports: CoordinatorPorts,
): Promise<Recorded> {
  const { inspected, event } = combined.charged;
  const { run, task, updates, dropped } = inspected;
  const bytes = floatsToBytes(combined.parameters);
  const made = toHex(await ports.primitives.sha256Large(bytes));
  const evaluation = measured(inspected);
  const stopping = observed(task.stopping, run, decisive(inspected, evaluation));
  const isOver = stopping?.over === true;
  const next = isOver ? await bestModel(run.task, stopping, ports) : bytes;
  await writeBlob(ports.blobs, modelKey(run.task, run.round + 1), next);
  await ports.step('model-blob');
  if (combined.serverState.length > 0)
    await writeBlob(ports.blobs, stateKey(run.task, run.round + 1), combined.serverState);
  await ports.step('state-blob');
  if (combined.aggregate !== null)
    await writeBlob(ports.blobs, aggregateKey(run.task, run.round + 1), floatsToBytes(combined.aggregate));
  await ports.step('aggregate-blob');
  const report: RoundReport = {
    task: run.task,
    round: run.round,
    cohort: run.cohort?.length ?? 0,
    combined: updates.map(u => u.client),
    weights: combined.weights,
    dropped,
    refused: [...new Set([...run.refused, ...run.offenders])],
    loss: combined.loss,
    evaluation,
    model: made,
    milliseconds: Math.max(0, ports.clock.now() - (run.openedAt ?? ports.clock.now())),
    groups: groupReports(run),
  };
  const after = await also(closed(run, isOver ? stopping.best.model : made, stopping, combined.nextNoise));
  const writes: Write[] = [
    { put: 'round', report },
    { put: 'release', event },
    { put: 'run', run: after },
  ];
  await ports.store.commit(writes);
  await ports.step('round-recorded');
  return passed<Recorded>({ run: after, report, parameters: isOver ? bytesToFloats(next) : combined.parameters });
}

/**
 * Says on the ledger that the model of the round before the open one is that which is shown, from now on to whoever asks. A crash before
 * leaves it spent all the same, and the next process says it.
 */
export async function settle({ task, round, privacy }: Run, ports: CoordinatorPorts): Promise<void> {
  if (privacy === null || round === 1) return;
  const reservation = await ports.privacy.find({ task, round: round - 1, purpose: 'train' });
  if (reservation === null) return;
  await reservation.commit();
  await ports.step('ledger-committed');
  await reservation.release();
}

/** The bytes of the best model, as the sweep has kept them. Throws Error when they are damaged. */
async function bestModel(
  task: string,
  { best }: Stopping,
  { blobs, primitives }: CoordinatorPorts,
): Promise<Uint8Array> {
  const bytes = await blobs.read(modelKey(task, best.round + 1));
  if (bytes === null || toHex(await primitives.sha256Large(bytes)) !== best.model) {
    throw new Error(`the stored model of round ${best.round} of ${task} is missing or damaged`);
  }
  return bytes;
}

/** The quality that the combined clients report, without what only its baselines need. */
function measured({ updates }: Inspected): Measured | null {
  const pooled = pooledEvaluation(updates.flatMap(u => (u.evaluation === null ? [] : [u.evaluation])));
  if (pooled === null) return null;
  if (pooled.kind === 'classes') {
    const { classCounts: _classCounts, scores: _scores, ...rest } = pooled;
    return rest;
  }
  const { total: _total, totalSquares: _totalSquares, ...rest } = pooled;
  return rest;
}

/** What early stopping goes by: the quality over all rows; where some clients may lie, what each reports. */
function decisive({ updates, task }: Inspected, pooled: Measured | null): Measured[] {
  const all = task.aggregation.byzantine > 0 ? updates.map(({ evaluation }) => evaluation) : [pooled];
  return all.filter(evaluation => evaluation !== null);
}

/**
 * The round whose model a run has now, recorded earlier, also by a process before this one. Throws Error unless the stored report
 * names that model.
 */
export async function recall(run: Run, parameters: Float32Array, ports: CoordinatorPorts): Promise<Recorded> {
  const last = run.stopping?.over ? run.stopping.best.round : run.round - 1;
  const reports = await ports.store.rounds(run.task, 0);
  // A void round hands on the model of the round before.
  const report = reports.findLast(({ round, combined }) => round <= last && combined.length > 0);
  if (report === undefined || report.model !== run.model) {
    throw new Error(`the model of ${run.task} belongs to no recorded round`);
  }
  return passed<Recorded>({ run, report, parameters });
}

/** The model file of a recorded round: safetensors whose metadata names task, round, privacy and metrics. */
export async function publish(
  { run, report, parameters }: Recorded,
  model: { readonly manifest: Manifest; readonly task: Task },
  ports: CoordinatorPorts,
  unrecorded: readonly ReleaseEvent[] = [],
): Promise<Artifact> {
  const releases = [...(await ports.store.releases(run.task)), ...unrecorded];
  const statement = runStatement(run, model.task, releases, ports);
  const metadata = runMetadata(ports.federation, run, model.task, report, statement);
  const bytes = encodeSafetensors(model.manifest, parameters, metadata);
  return passed<Artifact>({ task: run.task, round: report.round, bytes });
}
