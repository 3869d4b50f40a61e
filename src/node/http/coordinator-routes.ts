/** The coordinator's routes: each reads its bytes, calls one function, and answers. No decision is taken here. */
import type { Http2SecureServer, Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import type { FastifyInstance, FastifyReply, FastifyRequest, RouteGenericInterface } from 'fastify';
import type { Coordinator } from '../../coordinator/coordinator.ts';
import { CborError, decodeCbor, encodeCbor } from '../../core/bytes/cbor.ts';
import { decodeEnvelope, encodeEnvelope } from '../../core/crypto/envelope.ts';
import type { Role } from '../../core/protocol/identity.ts';
import { maxEnvelopeBytes, splitUpdateBody } from '../../core/protocol/message.ts';
import { Problem } from '../../core/protocol/problem.ts';
import { TaskError } from '../../core/protocol/task.ts';
import { boundedAnswer } from './answer.ts';
import { type BodyLimit, boundedBody, readBody } from './body.ts';
import { Quota } from './quota.ts';
import type { Peer, Sessions } from './sessions.ts';

export const mediaTypes = {
  cbor: 'application/cbor',
  update: 'application/parley-update',
  tensor: 'application/octet-stream',
} as const;

/** The longest an assignment or status request waits for news, ms. */
export const longestWaitMs = 25_000;

/** Large answers of one member that are not read to the end: a client reads one at a time. */
const mostLargeAnswers = 4;

export interface RouteContext {
  readonly coordinator: Coordinator;
  readonly sessions: Sessions;
  readonly quota: Quota;
  /** DER of the coordinator's update certificate. */
  readonly certificate: () => Uint8Array;
  /** The current revocation bundle, PEM: signed by the authority, so it does not matter who hands it on. */
  readonly crl: () => string;
  readonly graceMs?: number;
}

/** The server speaks HTTP/2 over TLS only. */
type Server = FastifyInstance<Http2SecureServer, Http2ServerRequest, Http2ServerResponse>;
type Request = FastifyRequest<RouteGenericInterface, Http2SecureServer, Http2ServerRequest>;
type Reply = FastifyReply<RouteGenericInterface, Http2SecureServer, Http2ServerRequest, Http2ServerResponse>;

interface RunParameters {
  task: string;
  round: string;
}

export function registerRoutes(server: Server, routes: RouteContext): void {
  const context = { ...routes, answers: new Quota(mostLargeAnswers, 'large answers') };
  clientRoutes(server, context);
  operatorRoutes(server, context);
}

/** With what is counted across the routes. */
type Context = RouteContext & { readonly answers: Quota };

function clientRoutes(server: Server, context: Context): void {
  const { coordinator, answers, graceMs } = context;
  const client = (request: Request): Peer => peerOf(request, context.sessions, 'client');

  server.post('/v1/hello', async (request, reply) => {
    const { name } = client(request);
    coordinator.register(name, await body(request, context, { bytes: 16_384 }));
    return cbor(reply, encodeCbor({ certificate: context.certificate(), crl: context.crl() }));
  });

  server.get('/v1/assignment', async (request, reply) => {
    const { name } = client(request);
    const envelope = await coordinator.nextAssignment(name, longestWaitMs, gone(request));
    return envelope === null ? reply.code(204).send() : cbor(reply, encodeEnvelope(envelope));
  });

  server.get<{ Params: RunParameters }>('/v1/tasks/:task', async (request, reply) => {
    answers.take(client(request).name, request.raw.stream);
    return large(reply.type(mediaTypes.cbor), await coordinator.task(request.params.task), graceMs);
  });

  server.get<{ Params: RunParameters }>('/v1/tasks/:task/rounds/:round/model', async (request, reply) => {
    answers.take(client(request).name, request.raw.stream);
    const bytes = coordinator.model(request.params.task, Number(request.params.round));
    return large(reply.type(mediaTypes.tensor), bytes, graceMs);
  });

  server.put<{ Params: RunParameters }>('/v1/tasks/:task/rounds/:round/update', async (request, reply) => {
    const { name } = client(request);
    const limit = 4 + maxEnvelopeBytes + coordinator.tensorBytes(request.params.task);
    const receipt = await coordinator.receiveUpdate(
      name,
      await splitUpdateBody(chunks(request, context, { bytes: limit })),
    );
    return cbor(reply, encodeEnvelope(receipt));
  });

  server.put<{ Params: RunParameters }>('/v1/tasks/:task/rounds/:round/group', async (request, reply) => {
    const { name } = client(request);
    const limit = 4 + maxEnvelopeBytes + coordinator.attachedBytes(request.params.task);
    const message = await splitUpdateBody(chunks(request, context, { bytes: limit }));
    return cbor(reply, encodeEnvelope(await coordinator.receiveGroup(name, message)));
  });

  server.get<{ Params: RunParameters; Querystring: { after?: string } }>(
    '/v1/tasks/:task/rounds/:round/group',
    async (request, reply) => {
      const { name } = client(request);
      const { task, round } = request.params;
      const at = { task, round: Number(round), after: String(request.query.after) };
      const envelope = await coordinator.nextGroup(name, at, longestWaitMs, gone(request));
      if (envelope === null) return reply.code(204).send();
      answers.take(name, request.raw.stream);
      return large(reply.type(mediaTypes.cbor), encodeEnvelope(envelope), graceMs);
    },
  );

  server.put<{ Params: RunParameters }>('/v1/tasks/:task/rounds/:round/decline', async (request, reply) => {
    const { name } = client(request);
    await coordinator.receiveDecline(name, decodeEnvelope(await body(request, context, { bytes: 4096 })));
    return reply.code(204).send();
  });

  server.put<{ Params: RunParameters }>('/v1/tasks/:task/rounds/:round/evaluation', async (request, reply) => {
    const { name } = client(request);
    const envelope = decodeEnvelope(await body(request, context, { bytes: maxEnvelopeBytes }));
    return cbor(reply, encodeEnvelope(await coordinator.receiveEvaluation(name, envelope)));
  });
}

function operatorRoutes(server: Server, context: Context): void {
  const { coordinator, answers, graceMs } = context;
  const operator = (request: Request): Peer => peerOf(request, context.sessions, 'operator');

  server.post('/v1/runs', async (request, reply) => {
    operator(request);
    const value = decode(await body(request, context, { bytes: 4 * 1024 * 1024 }));
    try {
      return cbor(reply, encodeCbor(await coordinator.submit(value)));
    } catch (error) {
      if (error instanceof TaskError) throw new Problem('task-refused', error.message, { cause: error });
      throw error;
    }
  });

  server.get('/v1/runs', async (request, reply) => {
    operator(request);
    return cbor(reply, encodeCbor({ runs: coordinator.runs(), present: coordinator.present() }));
  });

  server.get<{ Params: RunParameters; Querystring: { after?: string; wait?: string; since?: string } }>(
    '/v1/runs/:task',
    async (request, reply) => {
      operator(request);
      const { wait, after, since } = request.query;
      const status = await coordinator.status(request.params.task, {
        waitMs: Math.min(longestWaitMs, Math.max(0, Number(wait ?? 0) || 0)),
        after: Number(after ?? -1),
        sinceRound: Number(since ?? 0) || 0,
        signal: gone(request),
      });
      return cbor(reply, encodeCbor(status));
    },
  );

  server.post<{ Params: RunParameters }>('/v1/runs/:task/stop', async (request, reply) => {
    operator(request);
    return cbor(reply, encodeCbor(await coordinator.stop(request.params.task)));
  });

  server.get<{ Params: RunParameters }>('/v1/runs/:task/artifact', async (request, reply) => {
    answers.take(operator(request).name, request.raw.stream);
    return large(reply.type(mediaTypes.tensor), await coordinator.artifact(request.params.task), graceMs);
  });
}

function peerOf(request: Request, sessions: Sessions, role: Role): Peer {
  const peer = sessions.peer(request.raw.stream.session);
  if (peer.role !== role) throw new Problem('forbidden', `a ${peer.role} asked for what ${role}s may`);
  return peer;
}

function chunks(request: Request, context: RouteContext, limit: BodyLimit): AsyncIterable<Uint8Array> {
  const { stream } = request.raw;
  context.quota.take(context.sessions.peer(stream.session).name, stream);
  return boundedBody(request.raw, request.headers['content-length'], { ...limit, graceMs: context.graceMs });
}

function body(request: Request, context: RouteContext, limit: BodyLimit): Promise<Uint8Array> {
  return readBody(chunks(request, context, limit));
}

function decode(bytes: Uint8Array): unknown {
  try {
    return decodeCbor(bytes);
  } catch (cause) {
    if (cause instanceof CborError) throw new Problem('bad-request', cause.message, { cause });
    throw cause;
  }
}

function cbor(reply: Reply, bytes: Uint8Array): Reply {
  return reply.type(mediaTypes.cbor).send(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
}

/** Sends what may be large to a peer that has to read it. */
function large(reply: Reply, bytes: Uint8Array, graceMs: number | undefined): Reply {
  boundedAnswer(reply.raw.stream, bytes.length, graceMs);
  return reply.send(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
}

/** Aborts when the peer goes away before the answer. */
function gone(request: Request): AbortSignal {
  const controller = new AbortController();
  request.raw.stream.once('close', () => controller.abort());
  return controller.signal;
}
