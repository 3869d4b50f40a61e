/** Both ends of the in-memory channel: what a client asks, and how the coordinator answers; between them only bytes. */
import type { CoordinatorChannel } from '../client/channel.ts';
import type { Coordinator } from '../coordinator/coordinator.ts';
import { decodeEnvelope, type Envelope, encodeEnvelope } from '../core/crypto/envelope.ts';
import { splitUpdateBody } from '../core/protocol/message.ts';
import { Problem } from '../core/protocol/problem.ts';
import type { Message } from './faults.ts';
import type { Life } from './life.ts';
import type { Arriving, Network, Reply } from './network.ts';

/** The longest a request for work waits at the coordinator, and the longest any other one takes, ms. */
const longestWaitMs = 25_000;
const requestTimeoutMs = 30_000;

const nothing = new Uint8Array(0);

/** The client's end. */
export function memoryChannel(network: Network, client: string, life: Life): CoordinatorChannel {
  const ask = async (
    message: Message,
    task: string,
    round: number,
    body: readonly Uint8Array[],
    signal?: AbortSignal,
  ): Promise<Reply> => {
    const isWaiting = message === 'assignment' || message === 'group-next';
    const timeoutMs = isWaiting ? longestWaitMs + requestTimeoutMs : requestTimeoutMs;
    const reply = await network.exchange(client, life, { message, task, round, body }, timeoutMs, signal);
    if (reply.code !== 'ok' && reply.code !== 'empty') throw new Problem(reply.code);
    return reply;
  };
  return {
    async nextAssignment(signal): Promise<Envelope | null> {
      const { code, body } = await ask('assignment', '', 0, [], signal);
      return code === 'empty' ? null : decodeEnvelope(body);
    },
    task: async task => (await ask('task', task, 0, [])).body,
    async model(task, round, bytes) {
      const { body } = await ask('model', task, round, []);
      if (body.length > bytes) throw new Problem('too-large');
      return body;
    },
    async sendUpdate(task, round, head, tensor) {
      return decodeEnvelope((await ask('update', task, round, [head, ...halves(tensor)])).body);
    },
    sendDecline: async (task, round, envelope) => void (await ask('decline', task, round, [encodeEnvelope(envelope)])),
    sendEvaluation: async (task, round, envelope) =>
      decodeEnvelope((await ask('evaluation', task, round, [encodeEnvelope(envelope)])).body),
    sendGroup: async (task, round, head, attached, signal) =>
      decodeEnvelope((await ask('group', task, round, [head, ...halves(attached)], signal)).body),
    async nextGroup(task, round, after, signal) {
      const { code, body } = await ask('group-next', task, round, [ascii(after)], signal);
      return code === 'empty' ? null : decodeEnvelope(body);
    },
  };
}

function ascii(label: string): Uint8Array {
  return Uint8Array.from(label, letter => letter.charCodeAt(0));
}

/** In two halves, so that there is a middle in which other things happen. Parts of a tensor are whole numbers of values. */
function halves(bytes: Uint8Array): Uint8Array[] {
  const half = 4 * Math.floor(bytes.length / 8);
  return [bytes.subarray(0, half), bytes.subarray(half)];
}

/** The coordinator's end. `onDefect` hears of errors that no peer may cause. */
export async function answer(
  coordinator: Coordinator,
  client: string,
  request: Arriving,
  gone: AbortSignal,
  onDefect: (error: unknown) => void,
): Promise<Reply> {
  try {
    return await respond(coordinator, client, request, gone);
  } catch (error) {
    if (error instanceof Problem) return { code: error.code, body: nothing };
    onDefect(error);
    return { code: 'internal', body: nothing };
  }
}

async function respond(coordinator: Coordinator, client: string, request: Arriving, gone: AbortSignal): Promise<Reply> {
  const { message, task, round, body } = request;
  switch (message) {
    case 'assignment': {
      const envelope = await coordinator.nextAssignment(client, longestWaitMs, gone);
      return envelope === null ? { code: 'empty', body: nothing } : { code: 'ok', body: encodeEnvelope(envelope) };
    }
    case 'task':
      return { code: 'ok', body: await coordinator.task(task) };
    case 'model':
      return { code: 'ok', body: coordinator.model(task, round) };
    case 'update': {
      const receipt = await coordinator.receiveUpdate(client, await splitUpdateBody(body));
      return { code: 'ok', body: encodeEnvelope(receipt) };
    }
    case 'decline':
      await coordinator.receiveDecline(client, decodeEnvelope(await whole(body)));
      return { code: 'empty', body: nothing };
    case 'evaluation': {
      const receipt = await coordinator.receiveEvaluation(client, decodeEnvelope(await whole(body)));
      return { code: 'ok', body: encodeEnvelope(receipt) };
    }
    case 'group': {
      const receipt = await coordinator.receiveGroup(client, await splitUpdateBody(body));
      return { code: 'ok', body: encodeEnvelope(receipt) };
    }
    case 'group-next': {
      const after = String.fromCharCode(...(await whole(body)));
      const envelope = await coordinator.nextGroup(client, { task, round, after }, longestWaitMs, gone);
      return envelope === null ? { code: 'empty', body: nothing } : { code: 'ok', body: encodeEnvelope(envelope) };
    }
  }
}

/** An evaluation fits one part. */
async function whole(body: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  for await (const part of body) return part;
  return nothing;
}
