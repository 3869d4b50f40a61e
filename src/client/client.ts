/** The client: asks for work, does it, says so; goes on after every failure it can survive. */
import type { Envelope } from '../core/crypto/envelope.ts';
import type { Trainer } from '../core/learning/trainer.ts';
import { pause } from '../core/protocol/ports.ts';
import { Problem, type ProblemCode, UserError } from '../core/protocol/problem.ts';
import { type Task, TaskError } from '../core/protocol/task.ts';
import type { ClientPorts } from './ports.ts';
import { evaluateRound, trainRound } from './round.ts';
import type { RoundContext } from './stages.ts';
import { verifyAssignment } from './verify.ts';

const shortestPauseMs = 100;
const longestPauseMs = 10_000;

/** Another answer will not come by asking again: the client ends. */
const final = new Set<ProblemCode>(['revoked', 'forbidden']);
/** The round went on without this client: ask for the next one at once. */
const late = new Set<ProblemCode>(['round-closed', 'wrong-round', 'wrong-task', 'not-in-cohort']);

/**
 * Runs until `signal` aborts, or until the federation refuses this client for good (throws that Problem).
 * Lost connections, restarts of the coordinator and refused rounds are survived with growing pauses (0.1–10 s).
 */
export async function runClient(ports: ClientPorts, signal: AbortSignal): Promise<void> {
  const tasks = new Map<string, Task>();
  const trainers = new Map<string, Promise<Trainer>>();
  let failures = 0;
  while (!signal.aborted) {
    try {
      const envelope = await ports.channel.nextAssignment(signal);
      if (envelope !== null) await perform(envelope, tasks, trainers, ports, signal);
      failures = 0;
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof Problem && final.has(error.code)) throw error;
      report(error, ports);
      if (error instanceof Problem && late.has(error.code)) continue;
      await pause(ports.clock, Math.min(longestPauseMs, shortestPauseMs * 2 ** failures++), signal);
    }
  }
}

async function perform(
  envelope: Envelope,
  tasks: Map<string, Task>,
  trainers: Map<string, Promise<Trainer>>,
  ports: ClientPorts,
  signal: AbortSignal,
): Promise<void> {
  const context = await verifyAssignment(envelope, tasks, ports);
  const trainer = await trainerOf(context, trainers, ports);
  if (context.assignment.kind === 'evaluate') await evaluateRound(context, trainer, ports, signal);
  else await trainRound(context, trainer, ports, signal);
  const event = context.assignment.kind === 'evaluate' ? 'evaluated' : 'update-accepted';
  ports.log({ event, task: context.taskId, round: context.round });
}

async function trainerOf(
  { task, taskId }: RoundContext,
  trainers: Map<string, Promise<Trainer>>,
  ports: ClientPorts,
): Promise<Trainer> {
  const known = trainers.get(taskId);
  if (known !== undefined) return known;
  const opening = ports.trainerFor(task, taskId);
  trainers.set(taskId, opening);
  // A failure is not kept: the operator may mend the file while the client runs.
  opening.catch(() => trainers.delete(taskId));
  return opening;
}

function report(error: unknown, ports: ClientPorts): void {
  if (error instanceof Problem)
    return ports.log({ event: 'refused', level: 'warn', code: error.code, detail: error.detail });
  if (error instanceof UserError)
    return ports.log({ event: 'cannot-train', level: 'error', detail: `${error.message} → ${error.remedy}` });
  if (error instanceof TaskError)
    return ports.log({ event: 'cannot-train', level: 'error', code: 'task-refused', detail: error.message });
  const detail = error instanceof Error ? error.message : String(error);
  ports.log({ event: 'connection-lost', level: 'warn', detail });
}
