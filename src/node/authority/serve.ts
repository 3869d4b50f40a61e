/** The authority's server: enrolment, renewal and revocation lists over HTTPS. */
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify';
import { encodeCbor } from '../../core/bytes/cbor.ts';
import type { Log } from '../../core/protocol/ports.ts';
import { Problem, UserError } from '../../core/protocol/problem.ts';
import { type HandshakeWatch, watchHandshakes } from '../http/handshake.ts';
import { problemBody, problemMediaType, problemOf } from '../http/problem-response.ts';
import { createRateLimit } from '../http/rate-limit.ts';
import { lifeMs } from '../pki/certificate.ts';
import { keyAgreementGroups } from '../pki/tls-options.ts';
import { enrol, renew } from './admission.ts';
import { federationPaths, httpsUrl } from './home.ts';
import { type Issuer, isCrlDue, openIssuer, publishCrl } from './issuer.ts';
import { authorityMediaType, maxBodyBytes, parseEnrolRequest, parseRenewRequest } from './messages.ts';
import { authorityTls, reviveCoordinator } from './own-processes.ts';

export interface AuthorityOptions {
  /** TCP port; the one in federation.json when absent, any free one for 0. */
  readonly port?: number;
  /** Address to listen on; loopback for a federation of this machine, else all. */
  readonly host?: string;
  readonly log: Log;
}

export interface RunningAuthority {
  readonly url: string;
  /** Resolves when nothing listens and nothing is written any more. May be called again. */
  close(): Promise<void>;
}

/**
 * Serves the authority of a federation's home until `close`. Keeps the revocation list current (hourly, and within a second when
 * another process revoked someone and crashed before publishing) and its own TLS certificate renewed; gives the coordinator new
 * credentials first if its own have ended. Throws UserError for an unusable home or port.
 */
export async function serveAuthority(home: string, options: AuthorityOptions): Promise<RunningAuthority> {
  const issuer = openIssuer(home);
  const { log } = options;
  const { hostname, port: publicPort } = new URL(issuer.description.authorityUrl);
  try {
    if (await reviveCoordinator(issuer, Date.now()))
      log({ event: 'coordinator-certificate-issued', level: 'warn', detail: 'the old one had expired' });
    await publishCrl(issuer, Date.now());
    let tls = await authorityTls(issuer, Date.now());
    const secureContext = () => ({
      key: tls.key,
      cert: tls.cert,
      minVersion: 'TLSv1.3' as const,
      ecdhCurve: keyAgreementGroups,
    });
    const app = createApp(issuer, log, handler => createServer({ ...secureContext(), ...patience }, handler));
    const server = app.server as unknown as Server; // what the factory above made
    const tick = async (): Promise<void> => {
      const nowMs = Date.now();
      if (isCrlDue(issuer.registry, nowMs))
        log({ event: 'crl-issued', detail: `number ${await publishCrl(issuer, nowMs)}` });
      if (tls.notAfterMs - nowMs > lifeMs.tls / 2 && tls.notAfterMs - nowMs <= lifeMs.tls) return;
      tls = await authorityTls(issuer, nowMs);
      server.setSecureContext(secureContext());
      log({ event: 'certificate-renewed', client: 'authority' });
    };
    const port = options.port ?? Number(publicPort || 443);
    await listen(app, port, options.host ?? (isLoopback(hostname) ? '127.0.0.1' : '::'));
    const stopTicking = everySecond(tick, error =>
      log({ event: 'failed', level: 'error', detail: problemOf(error).message }),
    );
    const url = httpsUrl(hostname.replace(/^\[|\]$/g, ''), (server.address() as AddressInfo).port);
    log({ event: 'listening', detail: url });
    let closed: Promise<void> | null = null;
    const close = async (): Promise<void> => {
      await stopTicking();
      await app.close();
      issuer.close();
    };
    return {
      url,
      close() {
        closed ??= close();
        return closed;
      },
    };
  } catch (error) {
    issuer.close();
    throw error;
  }
}

/** A peer that does not finish a handshake, a header or a body in time is dropped. Limits in ms. */
const patience = {
  handshakeTimeout: 5_000,
  headersTimeout: 4_000,
  requestTimeout: 8_000,
  keepAliveTimeout: 2_000,
  connectionsCheckingInterval: 1_000,
  maxHeaderSize: 8_192,
};
const maxConnections = 512;

function createApp(issuer: Issuer, log: Log, makeServer: (handler: RequestHandler) => Server): FastifyInstance {
  const limit = createRateLimit({ burst: 120, perSecond: 10, maxAddresses: 10_000 });
  let handshakes: HandshakeWatch | undefined;
  const app = Fastify({
    serverFactory: handler => {
      const server = makeServer(handler);
      server.maxConnections = maxConnections;
      handshakes = watchHandshakes(server, null);
      return server;
    },
    bodyLimit: maxBodyBytes,
    forceCloseConnections: true,
    logger: false,
    clientErrorHandler(error, socket) {
      // Failed handshakes come here too. A peer that looks at the certificate and hangs up, as one that joins does first, is not
      // refused.
      const refusal = handshakes?.refusal(error, socket as Socket) ?? null;
      if (refusal !== null) log({ event: 'refused', level: 'warn', ...refusal });
      socket.destroy();
    },
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(authorityMediaType, { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  app.setErrorHandler((error, request, reply) => {
    const problem = problemOf(error);
    const { code, detail, client } = problem;
    const level = problem.status >= 500 ? 'error' : 'warn';
    // Client and detail say at most which member and what was wrong, never a token.
    const about = { ...(client === undefined ? {} : { client }), ...(detail === '' ? {} : { detail }) };
    log({ event: 'refused', level, code, address: request.ip, ...about });
    return reply
      .code(problem.status)
      .type(problemMediaType)
      .send(JSON.stringify(problemBody(problem)));
  });
  app.setNotFoundHandler(() => {
    throw new Problem('not-found');
  });
  app.addHook('onRequest', async request => {
    if (!limit.take(request.ip, Date.now())) throw new Problem('too-many');
  });
  app.post('/v1/enrol', async (request, reply) => {
    const answer = await enrol(issuer, parseEnrolRequest(bodyOf(request)), Date.now());
    log({
      event: 'enrolled',
      client: answer.name,
      address: request.ip,
      detail: `${answer.role} of ${answer.organisation}`,
    });
    return reply.type(authorityMediaType).send(Buffer.from(encodeCbor(answer)));
  });
  app.post('/v1/renew', async (request, reply) => {
    const { answer, name, kind } = await renew(issuer, parseRenewRequest(bodyOf(request)), Date.now());
    log({ event: 'renewed', client: name, address: request.ip, detail: kind });
    return reply.type(authorityMediaType).send(Buffer.from(encodeCbor(answer)));
  });
  app.get('/v1/crl', async (_request, reply) =>
    reply.type('application/x-pem-file').send(readFileSync(federationPaths(issuer.home).crl)),
  );
  return app;
}

type RequestHandler = Parameters<typeof createServer>[1] & object;

function bodyOf(request: FastifyRequest): Uint8Array {
  if (!Buffer.isBuffer(request.body)) throw new Problem('bad-request', 'no body');
  return new Uint8Array(request.body);
}

async function listen(app: FastifyInstance, port: number, host: string): Promise<void> {
  try {
    await app.listen({ port, host });
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    await app.close();
    if (code === 'EADDRINUSE') {
      throw new UserError(
        `port ${port}`,
        'another process listens on it',
        'Stop that process, or create the federation with another --authority-port.',
        { cause },
      );
    }
    throw cause;
  }
}

/** Runs `task` each second, one at a time. The returned function stops it and waits for the one that runs. */
function everySecond(task: () => Promise<void>, onError: (error: unknown) => void): () => Promise<void> {
  let running: Promise<void> | null = null;
  const timer = setInterval(() => {
    running ??= task()
      .catch(onError)
      .finally(() => {
        running = null;
      });
  }, 1000);
  return async () => {
    clearInterval(timer);
    await running;
  };
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || host.startsWith('127.');
}
