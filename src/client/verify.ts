/** What a client believes of the coordinator: only what its update key signed, for this federation, under the expected label. */

import { decodeCbor } from '../core/bytes/cbor.ts';
import { sameBytes, toHex } from '../core/bytes/floats.ts';
import { type Envelope, verifyEnvelope } from '../core/crypto/envelope.ts';
import { taskManifest } from '../core/learning/model.ts';
import { parameterCount } from '../core/learning/parameters.ts';
import { type Assignment, labels, parseAssignment } from '../core/protocol/message.ts';
import { Problem } from '../core/protocol/problem.ts';
import { parseTask, type Task } from '../core/protocol/task.ts';
import { coinDeal } from './coin-deal.ts';
import { groupSession, sessionLabels } from './group-session.ts';
import type { ClientPorts } from './ports.ts';
import { roundPrivacy } from './private-round.ts';
import type { GroupRound, RoundContext } from './stages.ts';

/** Throws Problem unless the coordinator of this federation signed the envelope under this label. */
export function verifyFromCoordinator(envelope: Envelope, label: string, ports: ClientPorts): void {
  if (envelope.label !== label) throw new Problem('bad-request', `expected ${label}`);
  if (envelope.federation !== ports.federation) throw new Problem('wrong-federation');
  const key = ports.coordinatorKey(envelope.sender);
  if (key === null) throw new Problem('wrong-sender', 'not signed by the coordinator of this federation');
  verifyEnvelope(envelope, key, ports.primitives);
}

/** Checks an assignment and everything it refers to: signature, task bytes against their hash, model size, group. Throws Problem. */
export async function verifyAssignment(
  envelope: Envelope,
  tasks: Map<string, Task>,
  ports: ClientPorts,
): Promise<RoundContext<'inspect'> | GroupRound> {
  verifyFromCoordinator(envelope, labels.assignment, ports);
  const assignment = parseAssignment(envelope.payload);
  const taskId = toHex(envelope.task);
  const task = await taskOf(envelope, tasks, ports);
  await checkRound(envelope.round, assignment.kind, task, taskId, ports);
  const manifest = taskManifest(task);
  if (assignment.parameters !== parameterCount(manifest))
    throw new Problem('malformed', 'the assignment names another model size');
  const privacy = roundPrivacy(task, envelope.round, assignment, ports.primitives);
  const round = { task, taskHash: envelope.task, taskId, round: envelope.round, assignment, manifest, privacy };
  const session = groupSession(round, ports, await coinDeal(round, ports));
  await ports.step('assignment-verified');
  return session === null ? { ...round, protection: 'inspect' } : { ...round, protection: 'group', session };
}

/**
 * Only the final model is evaluated for its own sake: an evaluation can cost as much as a whole run alone. A run that may end early
 * can have its final one before the last round, after its patience at the earliest, a private one after any round, when its budget is
 * spent; it is the end of the run then. Throws Problem.
 */
async function checkRound(
  round: number,
  kind: Assignment['kind'],
  { rounds, stopping, evaluation, privacy }: Task,
  taskId: string,
  ports: ClientPorts,
): Promise<void> {
  // Evaluations that count arrive in the rounds 1 + k·everyRounds for k ≥ 1; the first of them is the best so far.
  const soonest = stopping === null ? rounds : (stopping.patience + 1) * evaluation.everyRounds + 1;
  const earliestEnd = (privacy === 'none' ? Math.min(rounds, soonest) : 1) + 1;
  const isDue = kind === 'evaluate' ? round >= earliestEnd && round <= rounds + 1 : round >= 1 && round <= rounds;
  if (!isDue) throw new Problem('wrong-round', `the task has ${rounds} rounds`);
  const mayEnd = stopping !== null || privacy !== 'none';
  const ended = mayEnd ? await endedIn(taskId, ports) : null;
  if (ended !== null && round > ended) throw new Problem('wrong-round', `this run ended before round ${ended}`);
}

/** The round of the final evaluation that this client took part in, by itself or in a group; null before. */
async function endedIn(taskId: string, { outbox }: ClientPorts): Promise<number | null> {
  return (await outbox.newest(taskId, labels.evaluation)) ?? outbox.newest(taskId, sessionLabels.evaluate);
}

/** The task that an envelope is about, its bytes held against their hash. Throws Problem. */
export async function taskOf(envelope: Envelope, tasks: Map<string, Task>, ports: ClientPorts): Promise<Task> {
  const taskId = toHex(envelope.task);
  const task = tasks.get(taskId) ?? (await fetchTask(taskId, envelope.task, ports));
  tasks.set(taskId, task);
  return task;
}

async function fetchTask(taskId: string, hash: Uint8Array, ports: ClientPorts): Promise<Task> {
  const bytes = await ports.channel.task(taskId);
  if (!sameBytes(ports.primitives.sha256(bytes), hash))
    throw new Problem('bad-digest', 'the task is not the one announced');
  const decoded = decodeCbor(bytes);
  if (!Array.isArray(decoded) || decoded.length !== 2 || decoded[0] !== 'parley/v1/task')
    throw new Problem('bad-request', 'not a task');
  return parseTask(decoded[1]);
}
