/** One outbound HTTP/2 connection to the coordinator, opened when needed and again after it was lost. */
import { type ClientHttp2Session, connect, constants } from 'node:http2';
import { Problem } from '../../core/protocol/problem.ts';
import type { Credentials } from '../pki/credentials.ts';
import { clientTlsOptions } from '../pki/tls-options.ts';
import { parseProblemCode } from './problem-response.ts';

const windowBytes = 4 * 1024 * 1024;
/** Longest wait for a connection, ms. */
const connectTimeoutMs = 15_000;
/** Longest silence on a request, ms; above the 25 s that an assignment request may take. */
const answerTimeoutMs = 60_000;

export interface HttpRequest {
  readonly method: 'GET' | 'PUT' | 'POST';
  readonly path: string;
  readonly type?: string;
  readonly body?: readonly Uint8Array[];
  /** The answer may be so long, bytes. */
  readonly limit: number;
  readonly signal?: AbortSignal;
}

export interface HttpAnswer {
  readonly status: number;
  readonly body: Uint8Array<ArrayBuffer>;
}

/** Sends one request on an open connection. */
export type Send = (request: HttpRequest) => Promise<HttpAnswer>;

export class Connection {
  readonly #url: string;
  readonly #credentials: () => Credentials;
  readonly #greet: (send: Send) => Promise<void>;
  #session: Promise<ClientHttp2Session> | null = null;

  /** @param greet is awaited on every new connection before any other request. */
  constructor(
    url: string,
    credentials: () => Credentials,
    greet: (send: Send) => Promise<void> = async () => undefined,
  ) {
    this.#url = url;
    this.#credentials = credentials;
    this.#greet = greet;
  }

  /** Sends a request; a status of 400 or more becomes the Problem that its body names. Rejects when the connection is lost. */
  readonly request: Send = async request => {
    const session = await this.#connected();
    try {
      return await exchange(session, request);
    } catch (error) {
      // The coordinator restarted and does not know us yet, or the session is gone: greet again next time.
      if (!(error instanceof Problem) || error.code === 'unauthenticated') this.#drop(session);
      throw error;
    }
  };

  /** Ends the connection; the next request opens another, with the credentials of then. */
  close(): void {
    const session = this.#session;
    this.#session = null;
    session?.then(s => s.destroy()).catch(() => undefined);
  }

  #connected(): Promise<ClientHttp2Session> {
    if (this.#session !== null) return this.#session;
    const opening = this.#open();
    this.#session = opening;
    opening.then(
      session => session.once('close', () => this.#forget(opening)),
      () => this.#forget(opening),
    );
    return opening;
  }

  async #open(): Promise<ClientHttp2Session> {
    const session = await dial(this.#url, this.#credentials());
    try {
      await this.#greet(request => exchange(session, request));
    } catch (error) {
      session.destroy();
      throw error;
    }
    return session;
  }

  #forget(opening: Promise<ClientHttp2Session>): void {
    if (this.#session === opening) this.#session = null;
  }

  #drop(session: ClientHttp2Session): void {
    if (!session.destroyed) session.destroy();
    this.#session = null;
  }
}

function dial(url: string, credentials: Credentials): Promise<ClientHttp2Session> {
  return new Promise((resolve, reject) => {
    const session = connect(url, {
      ...clientTlsOptions(credentials, undefined),
      settings: { initialWindowSize: windowBytes, enablePush: false },
    });
    const fail = (error: Error): void => {
      clearTimeout(timer);
      session.destroy();
      reject(error);
    };
    const timer = setTimeout(
      () => fail(new Error(`${url} did not answer within ${connectTimeoutMs / 1000} s`)),
      connectTimeoutMs,
    );
    session.once('error', fail);
    // TLS 1.3: the server judges our certificate after we count as connected; its settings are the first sign of consent.
    session.once('remoteSettings', () => {
      clearTimeout(timer);
      session.off('error', fail);
      session.on('error', () => session.destroy());
      session.setLocalWindowSize(windowBytes);
      resolve(session);
    });
    session.once('close', () =>
      fail(
        new Error(
          `${url} closed the connection: this certificate may be revoked or expired, or the server is stopping`,
        ),
      ),
    );
  });
}

function exchange(session: ClientHttp2Session, request: HttpRequest): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    if (session.closed || session.destroyed) return reject(new Error('the connection was lost'));
    const length = request.body?.reduce((sum, part) => sum + part.length, 0) ?? 0;
    const stream = session.request(
      {
        ':method': request.method,
        ':path': request.path,
        ...(request.body === undefined
          ? {}
          : { 'content-type': request.type ?? 'application/cbor', 'content-length': String(length) }),
      },
      { endStream: request.body === undefined },
    );
    let status = 0;
    let received = 0;
    const parts: Uint8Array[] = [];
    const abort = (): void => stream.close(constants.NGHTTP2_CANCEL);
    const settle = (action: () => void): void => {
      request.signal?.removeEventListener('abort', abort);
      action();
    };
    request.signal?.addEventListener('abort', abort, { once: true });
    stream.setTimeout(answerTimeoutMs, () => stream.destroy(new Error('no answer in time')));
    stream.on('response', headers => {
      status = Number(headers[':status']);
    });
    stream.on('data', (chunk: Uint8Array) => {
      received += chunk.length;
      if (received > request.limit) stream.destroy(new Error('the answer is longer than it can be'));
      else parts.push(chunk);
    });
    stream.on('end', () => settle(() => finish()));
    stream.on('error', error => settle(() => reject(error)));
    stream.on('close', () => settle(() => reject(new Error('the connection was lost before an answer'))));
    const finish = (): void => {
      // The answer came before all of the body was sent: the rest is not wanted.
      if (!stream.writableFinished) stream.close(constants.NGHTTP2_CANCEL);
      if (status === 0) return reject(new Error('the connection was lost before an answer'));
      const body = joined(parts, received);
      if (status < 400) return resolve({ status, body });
      const code = parseProblemCode(body);
      reject(new Problem(code ?? 'internal', `the coordinator answered ${status}`));
    };
    for (const part of request.body ?? []) stream.write(part);
    if (request.body !== undefined) stream.end();
  });
}

function joined(parts: readonly Uint8Array[], length: number): Uint8Array<ArrayBuffer> {
  // Its own buffer, at offset 0: float vectors are read from it in place.
  const out = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
