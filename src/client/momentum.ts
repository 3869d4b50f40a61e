/** Client momentum: what a client sends is a mean over its rounds, so that chance averages out and a robust rule sees who lies. */
import { scanUpdate } from '../core/aggregation/weighted-mean.ts';
import { bytesToFloats, floatsToBytes } from '../core/bytes/floats.ts';
import { type Blobs, writeBlob } from '../core/protocol/ports.ts';
import { Problem } from '../core/protocol/problem.ts';
import { passed } from '../core/protocol/stage.ts';
import type { ClientPorts } from './ports.ts';
import type { Averaged, Data, RoundContext, Trained } from './stages.ts';

const folder = (task: string): string => `momentum/${task}/`;
/** Where the momentum that a client has after a round lies. */
const momentumKey = (task: string, round: number): string => `${folder(task)}${round}`;

/**
 * m ← βm + (1 − β)·difference, in float64 and rounded once, before clipping (Karimireddy et al. 2021, Algorithm 2); β is
 * `training.workerMomentum`, and with 0 the difference is passed on. The m of the last round that this client trained in is
 * taken; where there is none (the first round, a new disk) it is 0. Durable when it resolves; a crash after that repeats the round
 * from the same m, because this round's own is never read in it. The difference is overwritten.
 * Throws Problem `non-finite` when training diverged: nothing is kept then.
 */
export async function average<D extends Data>(
  trained: Trained<D>,
  context: RoundContext,
  ports: ClientPorts,
): Promise<Averaged<D>> {
  const { task, taskId, round } = context;
  const { difference, report, data } = trained;
  const beta = task.training.workerMomentum;
  if (beta === 0) return passed<Averaged<D>>({ data, difference, report });
  if (report.loss !== null && !Number.isFinite(report.loss)) throw diverged();
  const before = await momentumBefore(taskId, round, ports.blobs);
  if (before !== null && before.length !== difference.length)
    throw new Error(`the momentum of ${taskId} before round ${round} is damaged`);
  for (let i = 0; i < difference.length; i++)
    difference[i] = beta * (before === null ? 0 : before[i]) + (1 - beta) * difference[i];
  if (!scanUpdate(difference).finite) throw diverged();
  await writeBlob(ports.blobs, momentumKey(taskId, round), floatsToBytes(difference));
  return passed<Averaged<D>>({ data, difference, report });
}

/** Removes what no later round needs: all momenta of a task but that of `round`; with null that too. */
export async function forgetMomenta(task: string, round: number | null, blobs: Blobs): Promise<void> {
  const kept = round === null ? null : momentumKey(task, round);
  for (const key of await blobs.list(folder(task))) if (key !== kept) await blobs.remove(key);
}

/** Training that gave what is no update. */
export function diverged(cause?: unknown): Problem {
  return new Problem('non-finite', 'local training diverged; try a smaller training.optimizer.learningRate', { cause });
}

async function momentumBefore(task: string, round: number, blobs: Blobs): Promise<Float32Array | null> {
  const rounds = (await blobs.list(folder(task))).map(key => Number(key.slice(folder(task).length)));
  const last = Math.max(0, ...rounds.filter(earlier => earlier < round));
  const bytes = last === 0 ? null : await blobs.read(momentumKey(task, last));
  return bytes === null ? null : bytesToFloats(bytes);
}
