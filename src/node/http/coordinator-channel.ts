/** The client's channel to its coordinator over HTTP/2 and mTLS: outbound only, so it works behind NAT. */
import { z } from 'zod';
import type { CoordinatorChannel } from '../../client/channel.ts';
import { decodeCbor, encodeCbor } from '../../core/bytes/cbor.ts';
import { decodeEnvelope, encodeEnvelope } from '../../core/crypto/envelope.ts';
import { maxEnvelopeBytes } from '../../core/protocol/message.ts';
import { Problem } from '../../core/protocol/problem.ts';
import type { Credentials } from '../pki/credentials.ts';
import { Connection, type Send } from './connection.ts';
import { mediaTypes } from './coordinator-routes.ts';

const introduction = z.strictObject({
  certificate: z.custom<Uint8Array>(value => value instanceof Uint8Array),
  crl: z.string(),
});

export interface HttpChannel extends CoordinatorChannel {
  /** Opens a new connection for the next request, as after a renewal. */
  reconnect(): void;
}

/** Room for what 511 members of a group have sent one of them, certificates and signatures included. */
const longestGroupMessage = 64 * 1024 * 1024;

/** How a coordinator introduces itself on a new connection. */
export interface Introduction {
  /** DER of its update certificate. */
  readonly certificate: Uint8Array;
  /** The revocation bundle, PEM. */
  readonly crl: string;
}

/** @param meet verifies an introduction and throws Problem to refuse the connection. */
export function openChannel(
  url: string,
  credentials: () => Credentials,
  meet: (introduction: Introduction) => void,
): HttpChannel {
  const greet = async (send: Send): Promise<void> => {
    const certificate = credentials().updateCertificate;
    const answer = await send({ method: 'POST', path: '/v1/hello', body: [certificate], limit: 64 * 1024 * 1024 });
    const hello = introduction.safeParse(decodeCbor(answer.body));
    if (!hello.success) throw new Problem('bad-request', 'the coordinator did not introduce itself');
    meet(hello.data);
  };
  const connection = new Connection(url, credentials, greet);
  const round = (task: string, number: number): string => `/v1/tasks/${task}/rounds/${number}`;
  return {
    async nextAssignment(signal) {
      const answer = await connection.request({
        method: 'GET',
        path: '/v1/assignment',
        limit: maxEnvelopeBytes,
        signal,
      });
      return answer.status === 204 ? null : decodeEnvelope(answer.body);
    },
    async task(task) {
      return (await connection.request({ method: 'GET', path: `/v1/tasks/${task}`, limit: 16 * 1024 * 1024 })).body;
    },
    async model(task, number, bytes) {
      return (await connection.request({ method: 'GET', path: `${round(task, number)}/model`, limit: bytes })).body;
    },
    async sendUpdate(task, number, head, tensor) {
      const path = `${round(task, number)}/update`;
      const answer = await connection.request({
        method: 'PUT',
        path,
        type: mediaTypes.update,
        body: [head, tensor],
        limit: maxEnvelopeBytes,
      });
      return decodeEnvelope(answer.body);
    },
    async sendEvaluation(task, number, envelope) {
      const path = `${round(task, number)}/evaluation`;
      const answer = await connection.request({
        method: 'PUT',
        path,
        body: [encodeEnvelope(envelope)],
        limit: maxEnvelopeBytes,
      });
      return decodeEnvelope(answer.body);
    },
    async sendGroup(task, number, head, body, signal) {
      const path = `${round(task, number)}/group`;
      const type = mediaTypes.update;
      const answer = await connection.request({
        method: 'PUT',
        path,
        type,
        body: [head, body],
        limit: maxEnvelopeBytes,
        signal,
      });
      return decodeEnvelope(answer.body);
    },
    async nextGroup(task, number, after, signal) {
      const path = `${round(task, number)}/group?after=${after}`;
      const answer = await connection.request({ method: 'GET', path, limit: longestGroupMessage, signal });
      return answer.status === 204 ? null : decodeEnvelope(answer.body);
    },
    async sendDecline(task, number, envelope) {
      const path = `${round(task, number)}/decline`;
      await connection.request({ method: 'PUT', path, body: [encodeEnvelope(envelope)], limit: 1024 });
    },
    reconnect: () => connection.close(),
  };
}

/** What an operator asks of a coordinator. */
export interface OperatorChannel {
  /** Answers of the coordinator are plain data; their types are those of `coordinator/status.ts` and `store.ts`. */
  get<T>(path: string, signal?: AbortSignal): Promise<T>;
  post<T>(path: string, value: unknown, signal?: AbortSignal): Promise<T>;
  bytes(path: string, signal?: AbortSignal): Promise<Uint8Array>;
  close(): void;
}

const longestAnswer = 1024 * 1024 * 1024;

export function openOperatorChannel(url: string, credentials: () => Credentials): OperatorChannel {
  const connection = new Connection(url, credentials);
  // The coordinator was authenticated by TLS and speaks our version's types.
  const read = <T>(bytes: Uint8Array): T => decodeCbor(bytes) as T;
  return {
    get: async (path, signal) =>
      read((await connection.request({ method: 'GET', path, limit: longestAnswer, signal })).body),
    post: async (path, value, signal) => {
      const body = [encodeCbor(value)];
      return read((await connection.request({ method: 'POST', path, body, limit: longestAnswer, signal })).body);
    },
    bytes: async (path, signal) =>
      (await connection.request({ method: 'GET', path, limit: longestAnswer, signal })).body,
    close: () => connection.close(),
  };
}
