/** What a member and the coordinator say to each other in a session: resent byte for byte after a lost connection, or not at all. */
import { sameBytes } from '../core/bytes/floats.ts';
import { type Envelope, signEnvelope } from '../core/crypto/envelope.ts';
import { encodeUpdateHead } from '../core/protocol/message.ts';
import { pause } from '../core/protocol/ports.ts';
import { Problem, type ProblemCode } from '../core/protocol/problem.ts';
import { type CoordinatorLabel, coordinatorLabels, type MemberLabel } from '../core/secagg/group-message.ts';
import type { ClientPorts } from './ports.ts';
import { checkReceipt } from './receipt.ts';
import type { GroupRound } from './stages.ts';
import { verifyFromCoordinator } from './verify.ts';

const shortestPauseMs = 100;
const longestPauseMs = 10_000;
/** Bytes of a message that any line carries in a quarter of a step. */
const longestShort = 65_536;

/** What another try does not change: the session goes on without this member, or is no more. */
const over = new Set<ProblemCode>([
  'round-closed',
  'wrong-round',
  'wrong-task',
  'not-in-cohort',
  'not-found',
  'declined',
  'equivocation',
  'replayed',
  'revoked',
  'forbidden',
]);

const nothing = new Uint8Array(0);

/**
 * Sends a message, again until the coordinator has stored it: the same bytes each time. Throws the Problem that ends the session, and
 * whatever no peer or network may cause.
 */
export async function say(
  { label, payload }: { readonly label: MemberLabel; readonly payload: Uint8Array },
  body: Uint8Array | null,
  context: GroupRound,
  ports: ClientPorts,
  signal?: AbortSignal,
): Promise<void> {
  const { taskHash: task, taskId, round, session } = context;
  const { signer, certificate } = session.identity;
  const { federation, primitives, channel } = ports;
  const fields = { label, federation, task, round, sender: certificate, payload };
  const envelope = signEnvelope(fields, signer, primitives);
  const head = encodeUpdateHead(envelope);
  const send = async (until?: AbortSignal): Promise<true> => {
    checkReceipt(await channel.sendGroup(taskId, round, head, body ?? nothing, until), envelope, ports);
    return true;
  };
  const isShort = (body?.length ?? 0) <= longestShort;
  await untilDone(context, ports, signal, () => (isShort ? impatiently(send, context, ports, signal) : send(signal)));
}

/**
 * Waits for what the coordinator tells after the message with label `after`: the next one in order, or the end. It is signed by the coordinator
 * for this round. Throws as `say`.
 */
export function hear(
  after: 'group-manifest' | CoordinatorLabel,
  context: GroupRound,
  ports: ClientPorts,
  signal?: AbortSignal,
): Promise<{ readonly label: CoordinatorLabel; readonly payload: Uint8Array }> {
  const { taskHash, taskId, round } = context;
  const expected =
    after === 'group-manifest' ? coordinatorLabels[0] : coordinatorLabels[coordinatorLabels.indexOf(after) + 1];
  const ask = async (until?: AbortSignal) => {
    const envelope = await ports.channel.nextGroup(taskId, round, after, until);
    if (envelope === null) return null;
    const label = envelope.label === 'group-end' ? envelope.label : expected;
    verifyFromCoordinator(envelope, label, ports);
    if (!isOf(envelope, taskHash, round)) throw new Problem('bad-request', 'a message of another round');
    return { label, payload: envelope.payload };
  };
  return untilDone(context, ports, signal, () => impatiently(ask, context, ports, signal));
}

/** Null after a quarter of a step: what was lost on the way is then asked for, or said, again while the step still waits for it. */
async function impatiently<T>(
  attempt: (until: AbortSignal) => Promise<T>,
  { session }: GroupRound,
  { clock }: ClientPorts,
  signal: AbortSignal | undefined,
): Promise<T | null> {
  const late = new AbortController();
  const end = (): void => late.abort();
  const cancel = clock.after(Math.max(shortestPauseMs, session.manifest.stepMs / 4), end);
  signal?.addEventListener('abort', end, { once: true });
  if (signal?.aborted) end();
  try {
    return await attempt(late.signal);
  } catch (error) {
    if (late.signal.aborted && !signal?.aborted) return null;
    throw error;
  } finally {
    cancel();
    signal?.removeEventListener('abort', end);
  }
}

function isOf(envelope: Envelope, task: Uint8Array, round: number): boolean {
  return envelope.round === round && sameBytes(envelope.task, task);
}

/** Repeats until there is an answer; after what may be bad luck with growing pauses. Null from `attempt`: nothing was said yet. */
async function untilDone<T>(
  { taskId, round, session }: GroupRound,
  ports: ClientPorts,
  signal: AbortSignal | undefined,
  attempt: () => Promise<T | null>,
): Promise<T> {
  const longest = Math.min(longestPauseMs, Math.max(shortestPauseMs, session.manifest.stepMs / 4));
  for (let failures = 0; ; ) {
    signal?.throwIfAborted();
    try {
      const answer = await attempt();
      if (answer !== null) return answer;
      failures = 0;
    } catch (error) {
      if (signal?.aborted || !isBadLuck(error)) throw error;
      if (failures === 0) {
        const [code, detail] = error instanceof Problem ? [error.code, error.detail] : [undefined, error.message];
        ports.log({ event: 'connection-lost', level: 'warn', task: taskId, round, code, detail });
      }
      await pause(ports.clock, Math.min(longest, shortestPauseMs * 2 ** failures++), signal);
    }
  }
}

function isBadLuck(error: unknown): error is Error {
  if (error instanceof TypeError || error instanceof RangeError) return false;
  return error instanceof Problem ? !over.has(error.code) : error instanceof Error;
}
