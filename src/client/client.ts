/** The client: asks for work, does it, says so; goes on after every failure it can survive. */
import type { Envelope } from '../core/crypto/envelope.ts';
import type { Trainer } from '../core/learning/trainer.ts';
import { TrainerFailure } from '../core/learning/trainer-failure.ts';
import { pause } from '../core/protocol/ports.ts';
import { Problem, type ProblemCode, UserError } from '../core/protocol/problem.ts';
import { type Task, TaskError } from '../core/protocol/task.ts';
import { coinLabels } from '../core/secagg/coin-message.ts';
import { answerCoin, type HeldSecrets } from './coin.ts';
import { groupRound } from './group-round.ts';
import type { ClientPorts } from './ports.ts';
import { decline, evaluateRound, type LastMade, trainRound } from './round.ts';
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
  const open: OpenTasks = { tasks: new Map(), trainers: new Map(), last: { made: null }, coins: new Map() };
  let failures = 0;
  while (!signal.aborted) {
    try {
      const envelope = await ports.channel.nextAssignment(signal);
      if (envelope !== null) await perform(envelope, open, ports, signal);
      failures = 0;
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof Problem && final.has(error.code)) throw error;
      report(error, ports);
      // Once is bad luck; a coordinator that keeps naming closed rounds must not keep this machine busy.
      if (error instanceof Problem && late.has(error.code) && failures++ === 0) continue;
      await pause(ports.clock, Math.min(longestPauseMs, shortestPauseMs * 2 ** failures++), signal);
    }
  }
}

/** What is open of the task under way. */
interface OpenTasks {
  readonly tasks: Map<string, Task>;
  readonly trainers: Map<string, Promise<Trainer>>;
  readonly last: LastMade;
  readonly coins: HeldSecrets;
}

async function perform(envelope: Envelope, open: OpenTasks, ports: ClientPorts, signal: AbortSignal): Promise<void> {
  if (envelope.label === coinLabels.ask) return answerCoin(envelope, open.tasks, open.coins, ports);
  const context = await verifyAssignment(envelope, open.tasks, ports);
  try {
    const trainer = await trainerOf(context, open, ports);
    if (context.protection === 'group') return await groupRound(context, trainer, ports, signal);
    if (context.assignment.kind === 'evaluate') await evaluateRound(context, trainer, ports, signal);
    else await trainRound(context, trainer, open.last, ports, signal);
  } catch (error) {
    if (error instanceof TrainerFailure) await decline(context, 'failed', ports);
    else if (error instanceof UserError || isCode(error, 'group-refused'))
      await decline(context, 'cannot-train', ports);
    else if (isCode(error, 'non-finite')) await decline(context, 'diverged', ports);
    else if (isCode(error, 'budget-spent')) await decline(context, 'budget', ports);
    throw error;
  }
  const event = context.assignment.kind === 'evaluate' ? 'evaluated' : 'update-accepted';
  ports.log({ event, task: context.taskId, round: context.round });
}

function isCode(error: unknown, code: ProblemCode): boolean {
  return error instanceof Problem && error.code === code;
}

/** Opens the data of a task once. Only the newest task stays open: a site's rows are not kept for runs that are over. */
async function trainerOf({ task, taskId }: RoundContext, open: OpenTasks, ports: ClientPorts): Promise<Trainer> {
  const known = open.trainers.get(taskId);
  if (known !== undefined) return known;
  const opening = ports.trainerFor(task, taskId);
  open.trainers.clear();
  open.trainers.set(taskId, opening);
  for (const other of open.tasks.keys()) if (other !== taskId) open.tasks.delete(other);
  // A failure is not kept: the file may be mended when the coordinator asks again.
  opening.catch(() => open.trainers.delete(taskId));
  return opening;
}

function report(error: unknown, ports: ClientPorts): void {
  if (error instanceof Problem && error.code === 'unavailable') {
    return ports.log({ event: 'connection-lost', level: 'warn', detail: error.detail });
  }
  if (error instanceof Problem)
    return ports.log({ event: 'refused', level: 'warn', code: error.code, detail: error.detail });
  if (error instanceof TrainerFailure)
    return ports.log({ event: 'trainer-failed', level: 'error', detail: `${error.message} → ${error.remedy}` });
  if (error instanceof UserError)
    return ports.log({
      event: 'cannot-train',
      level: 'error',
      detail: `${error.message} → ${error.remedy} Then restart the client: it is asked again, in an open round when its deadline has passed.`,
    });
  if (error instanceof TaskError)
    return ports.log({ event: 'cannot-train', level: 'error', code: 'task-refused', detail: error.message });
  const detail = error instanceof Error ? error.message : String(error);
  ports.log({ event: 'connection-lost', level: 'warn', detail });
}
