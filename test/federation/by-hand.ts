/** A member that speaks the protocol by hand, so that it can say what no client of ours would. */
import { createHash } from 'node:crypto';
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type OutgoingHttpHeaders,
} from 'node:http2';
import { join } from 'node:path';
import type { ConnectionOptions } from 'node:tls';
import { manifestOf } from '../../src/coordinator/book.ts';
import { floatsToBytes } from '../../src/core/bytes/floats.ts';
import { decodeEnvelope, type Envelope, type EnvelopeFields, signEnvelope } from '../../src/core/crypto/envelope.ts';
import { encodePayload, parseAssignment, type Update } from '../../src/core/protocol/message.ts';
import type { Task } from '../../src/core/protocol/task.ts';
import { parseProblemCode } from '../../src/node/http/problem-response.ts';
import { type Credentials, loadCredentials } from '../../src/node/pki/credentials.ts';
import { clientTlsOptions } from '../../src/node/pki/tls-options.ts';
import { nodePrimitives } from '../../src/node/primitives.ts';
import type { Enrolled } from './enrolled.ts';

export interface Answer {
  /** 0 when the stream ended without one. */
  readonly status: number;
  /** Code of the problem in the answer, `ok` for 200 and 204, `closed` when there was no answer. */
  readonly code: string;
  readonly body: Uint8Array;
}

export interface ByHand {
  readonly credentials: Credentials;
  readonly session: ClientHttp2Session;
  /** Resolves when the connection has ended. */
  readonly closed: Promise<void>;
  request(method: string, path: string, body?: Uint8Array, headers?: OutgoingHttpHeaders): Promise<Answer>;
  /** Shows the update certificate; needed before anything else is asked. */
  hello(): Promise<Answer>;
  /** Waits for work. */
  assignment(): Promise<Envelope>;
}

export function credentialsOf(enrolled: Enrolled, member: string): Credentials {
  return loadCredentials(join(enrolled.memberHome(member), 'credentials'));
}

/** Opens a connection of its own; the stack ends it. */
export function byHand(
  stack: AsyncDisposableStack,
  enrolled: Enrolled,
  credentials: Credentials,
  tls: ConnectionOptions = {},
): ByHand {
  const session = connect(`https://localhost:${enrolled.port}`, {
    ...clientTlsOptions(credentials, undefined),
    ...tls,
  });
  session.on('error', () => session.destroy());
  stack.defer(() => session.destroy());
  const closed = new Promise<void>(resolve => session.once('close', resolve));
  const request: ByHand['request'] = async (method, path, body, headers = {}) => {
    if (session.destroyed || session.closed) return none;
    const stream = session.request({ ':method': method, ':path': path, ...headers }, { endStream: body === undefined });
    if (body !== undefined) stream.end(body);
    return answerOf(stream);
  };
  return {
    credentials,
    session,
    closed,
    request,
    hello: () => request('POST', '/v1/hello', credentials.updateCertificate),
    async assignment() {
      for (;;) {
        const { status, code, body } = await request('GET', '/v1/assignment');
        if (status === 200) return decodeEnvelope(body);
        if (status !== 204) throw new Error(`no assignment: ${code}`);
      }
    },
  };
}

const none: Answer = { status: 0, code: 'closed', body: new Uint8Array(0) };

/** What comes back on a stream, whether or not all of the body was sent. */
export function answerOf(stream: ClientHttp2Stream): Promise<Answer> {
  return new Promise(resolve => {
    let status = 0;
    const parts: Uint8Array[] = [];
    const finish = (): void => {
      if (!stream.closed) stream.close(constants.NGHTTP2_CANCEL);
      if (status === 0) return resolve(none);
      const body = new Uint8Array(Buffer.concat(parts));
      resolve({ status, code: status < 300 ? 'ok' : String(parseProblemCode(body)), body });
    };
    stream.on('response', received => {
      status = Number(received[':status']);
    });
    stream.on('data', part => parts.push(part));
    stream.on('error', () => stream.destroy());
    stream.on('end', finish);
    stream.on('close', finish);
  });
}

/** An update as an honest client would send it, but for what is given otherwise. */
export interface UpdateForm {
  readonly envelope?: Partial<EnvelopeFields>;
  readonly payload?: Partial<Record<keyof Update, unknown>>;
  /** The tensor that the payload describes; a small honest one by default. */
  readonly tensor?: Float32Array;
}

export interface Made {
  readonly envelope: Envelope;
  readonly tensor: Uint8Array;
}

/** Makes and signs an update for an assignment. */
export function makeUpdate(assignment: Envelope, task: Task, credentials: Credentials, form: UpdateForm = {}): Made {
  const { model, parameters } = parseAssignment(assignment.payload);
  const tensor = floatsToBytes(form.tensor ?? new Float32Array(parameters).fill(1e-3));
  const payload = {
    model,
    examples: 10,
    steps: 1,
    loss: 0.5,
    dtype: 'f32',
    shapes: manifestOf(task).map(({ name, shape }) => ({ name, shape: [...shape] })),
    tensor: new Uint8Array(createHash('sha256').update(tensor).digest()),
    bytes: tensor.length,
    evaluation: null,
    ...form.payload,
  };
  const fields = {
    label: 'update',
    federation: assignment.federation,
    task: assignment.task,
    round: assignment.round,
    sender: credentials.updateCertificateHash,
    // Whatever the form says: the coordinator must judge it.
    payload: encodePayload(payload as Update),
    ...form.envelope,
  };
  return { envelope: signEnvelope(fields, credentials.updateSigner, nodePrimitives), tensor };
}
