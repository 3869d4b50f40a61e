/** The end of a round, as one straight path: inspect → combine → account → record; `publish` makes what leaves. */

import {
  applyServerOptimizer,
  serverStateFromBytes,
  serverStateToBytes,
} from '../core/aggregation/server-optimizer.ts';
import { floatsToBytes, toHex } from '../core/bytes/floats.ts';
import { encodeSafetensors } from '../core/bytes/safetensors.ts';
import type { Manifest } from '../core/learning/parameters.ts';
import { type Measured, pooledEvaluation } from '../core/learning/quality.ts';
import { writeBlob } from '../core/protocol/ports.ts';
import { Problem } from '../core/protocol/problem.ts';
import { passed } from '../core/protocol/stage.ts';
import type { Task } from '../core/protocol/task.ts';
import type { Fold } from './fold.ts';
import type { CoordinatorPorts } from './ports.ts';
import type { Artifact, Charged, Combined, Inspected, Recorded } from './stages.ts';
import { runMetadata } from './status.ts';
import type { RoundReport, Run, Write } from './store.ts';

/** Where the global parameters a round starts from lie; round `rounds + 1` is the final model. */
export const modelKey = (task: string, round: number): string => `${task}/model/${round}`;
/** Where the server optimiser's state before a round lies. */
export const stateKey = (task: string, round: number): string => `${task}/state/${round}`;
export const artifactKey = (task: string): string => `${task}/artifact`;
export const taskKey = (task: string): string => `${task}/task`;

/**
 * Looks at the closed cohort as a whole: orders the updates by client (so that the sum does not depend on arrival),
 * names who dropped out, and refuses a round below its quorum. Throws Problem `conflict` then.
 */
export function inspect(run: Run, task: Task): Inspected {
  const updates = [...run.received].sort((a, b) => (a.client < b.client ? -1 : 1));
  if (updates.length < task.cohort.minimum) throw new Problem('conflict', 'the round is below its quorum');
  const answered = new Set([...updates.map(u => u.client), ...run.refused]);
  return passed<Inspected>({
    run,
    task,
    updates,
    totalWeight: updates.reduce((sum, u) => sum + u.weight, 0),
    dropped: (run.cohort ?? []).filter(client => !answered.has(client)),
  });
}

/** Weighted mean of the updates (`fold` may hold the first of them already), then the server optimiser. */
export async function combine(
  inspected: Inspected,
  fold: Fold,
  global: Float32Array,
  ports: CoordinatorPorts,
): Promise<Combined> {
  const { run, task, updates, totalWeight } = inspected;
  const mean = await fold.mean(updates, totalWeight);
  const stored = await ports.blobs.read(stateKey(run.task, run.round));
  const state = serverStateFromBytes(task.server, global.length, stored);
  const next = applyServerOptimizer(task.server, state, global, mean);
  const loss = updates.reduce((total, u) => total + u.weight * u.loss, 0) / totalWeight;
  return passed<Combined>({
    inspected,
    parameters: next.parameters,
    serverState: serverStateToBytes(next.state),
    loss,
  });
}

/** The privacy cost of the release. With `privacy: none`, the only kind built, it is unbounded and recorded as such. */
export function account(combined: Combined): Charged {
  const { run, updates } = combined.inspected;
  return passed<Charged>({
    combined,
    event: { task: run.task, round: run.round, kind: 'aggregate', privacy: 'none', clients: updates.length },
  });
}

/**
 * Makes the combination durable: blobs first, then round report, release event and run in one write together with
 * whatever `also` adds to the run (the opening of the next round). A crash before that write repeats the combination
 * from the same blobs and gives the same bytes.
 */
export async function record(charged: Charged, also: (run: Run) => Run, ports: CoordinatorPorts): Promise<Recorded> {
  const { combined, event } = charged;
  const { run, updates, dropped } = combined.inspected;
  const bytes = floatsToBytes(combined.parameters);
  const modelDigest = await ports.primitives.sha256Large(bytes);
  await writeBlob(ports.blobs, modelKey(run.task, run.round + 1), bytes);
  await ports.step('model-blob');
  if (combined.serverState.length > 0)
    await writeBlob(ports.blobs, stateKey(run.task, run.round + 1), combined.serverState);
  await ports.step('state-blob');
  const model = toHex(modelDigest);
  const report: RoundReport = {
    task: run.task,
    round: run.round,
    cohort: run.cohort?.length ?? 0,
    combined: updates.map(u => u.client),
    dropped,
    refused: run.refused,
    loss: combined.loss,
    evaluation: measured(combined.inspected),
    model,
    milliseconds: Math.max(0, ports.clock.now() - (run.openedAt ?? ports.clock.now())),
  };
  const next = also({
    ...run,
    round: run.round + 1,
    phase: run.round === run.rounds ? 'evaluating' : 'training',
    cohort: null,
    attempt: 0,
    passedOver: [],
    deadlineAt: null,
    openedAt: null,
    received: [],
    refused: [],
    model,
    problem: null,
  });
  const writes: Write[] = [
    { put: 'round', report },
    { put: 'release', event },
    { put: 'run', run: next },
  ];
  await ports.store.commit(writes);
  await ports.step('round-recorded');
  return passed<Recorded>({ run: next, report });
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

/** A round recorded earlier, also by a process before this one. Throws Error unless the stored report names the run's current model. */
export async function recall(run: Run, ports: CoordinatorPorts): Promise<Recorded> {
  const [report] = await ports.store.rounds(run.task, run.round - 2);
  if (report?.round !== run.round - 1 || report.model !== run.model) {
    throw new Error(`the model of ${run.task} belongs to no recorded round`);
  }
  return passed<Recorded>({ run, report });
}

/** The model file of a recorded round: safetensors whose metadata names task, round and metrics. */
export function publish(
  { run, report }: Recorded,
  model: { readonly parameters: Float32Array; readonly manifest: Manifest; readonly task: Task },
  federation: string,
): Artifact {
  const metadata = runMetadata(federation, run, model.task, report);
  const bytes = encodeSafetensors(model.manifest, model.parameters, metadata);
  return passed<Artifact>({ task: run.task, round: report.round, bytes });
}
