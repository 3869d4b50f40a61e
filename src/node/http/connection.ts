/** One outbound HTTP/2 connection to the coordinator, opened when needed and again after it was lost. */
import { type ClientHttp2Session, connect, constants } from 'node:http2';
import { Problem } from '../../core/protocol/problem.ts';
import type { Credentials } from '../pki/credentials.ts';
import { clientTlsOptions } from '../pki/tls-options.ts';
import { parseProblemCode } from './problem-response.ts';

const windowBytes = 4 * 1024 * 1024;
/** Bytes of a request and its answer must pass at this rate or better, after `answerMs`. */
const leastBytesPerSecond = 64 * 1024;

export interface Patience {
  /** Longest wait for a connection, ms. */
  readonly connectMs: number;
  /** Longest greeting, ms. */
  readonly greetMs: number;
  /** Longest silence on a request, ms; above the 25 s that an assignment request may take. */
  readonly answerMs: number;
}

const usualPatience: Patience = { connectMs: 15_000, greetMs: 30_000, answerMs: 60_000 };

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

/** A connection that is open or being opened. */
interface Opening {
  readonly session: Promise<ClientHttp2Session>;
  readonly cancel: AbortController;
}

export class Connection {
  readonly #url: string;
  readonly #credentials: () => Credentials;
  readonly #greet: (send: Send) => Promise<void>;
  readonly #patience: Patience;
  #opening: Opening | null = null;

  /** @param greet is awaited on every new connection before any other request. */
  constructor(
    url: string,
    credentials: () => Credentials,
    greet: (send: Send) => Promise<void> = async () => undefined,
    patience: Patience = usualPatience,
  ) {
    this.#url = url;
    this.#credentials = credentials;
    this.#greet = greet;
    this.#patience = patience;
  }

  /**
   * Sends a request; a status of 400 or more becomes the Problem that its body names. Throws Problem `unavailable` when there is no
   * connection or it is lost, and at once when the signal aborts.
   */
  readonly request: Send = async request => {
    const opening = this.#connected();
    const session = await unlessAborted(opening.session, request.signal);
    try {
      return await exchange(session, request, this.#patience.answerMs);
    } catch (error) {
      // The coordinator restarted and does not know us yet, or the session is gone: greet again next time.
      if (!(error instanceof Problem) || error.code === 'unauthenticated' || error.code === 'unavailable') {
        session.destroy();
        this.#forget(opening);
      }
      throw error;
    }
  };

  /** Ends the connection, also one that is being opened; the next request opens another, with the credentials of then. */
  close(): void {
    const opening = this.#opening;
    this.#opening = null;
    opening?.cancel.abort();
    opening?.session.then(session => session.destroy()).catch(() => undefined);
  }

  #connected(): Opening {
    if (this.#opening !== null) return this.#opening;
    const cancel = new AbortController();
    const opening: Opening = { session: this.#open(cancel.signal), cancel };
    this.#opening = opening;
    opening.session.then(
      session => (session.destroyed ? this.#forget(opening) : session.once('close', () => this.#forget(opening))),
      () => this.#forget(opening),
    );
    return opening;
  }

  async #open(signal: AbortSignal): Promise<ClientHttp2Session> {
    const { connectMs, greetMs, answerMs } = this.#patience;
    const session = await dial(this.#url, this.#credentials(), connectMs, signal);
    const hurry = AbortSignal.any([signal, AbortSignal.timeout(greetMs)]);
    try {
      await this.#greet(request => exchange(session, { ...request, signal: hurry }, answerMs));
    } catch (error) {
      session.destroy();
      throw error;
    }
    return session;
  }

  #forget(opening: Opening): void {
    if (this.#opening === opening) this.#opening = null;
  }
}

/** No answer was had, and none may be expected before the network or the coordinator is well again. */
function unavailable(detail: string, cause?: unknown): Problem {
  return new Problem('unavailable', detail, { cause });
}

function interruption(signal: AbortSignal): Problem {
  const late = signal.reason instanceof DOMException && signal.reason.name === 'TimeoutError';
  return unavailable(late ? 'the coordinator did not answer in time' : 'interrupted');
}

/** What the promise comes to, or Problem `unavailable` as soon as the signal aborts. */
async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(interruption(signal));
  if (signal.aborted) abort();
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([aborted, promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

function dial(
  url: string,
  credentials: Credentials,
  connectMs: number,
  signal: AbortSignal,
): Promise<ClientHttp2Session> {
  return new Promise((resolve, reject) => {
    const session = connect(url, {
      ...clientTlsOptions(credentials, undefined),
      settings: { initialWindowSize: windowBytes, enablePush: false },
    });
    const fail = (error: Error): void => {
      done();
      session.destroy();
      reject(error instanceof Problem ? error : unavailable(`${url}: ${error.message}`, error));
    };
    const abort = (): void => fail(interruption(signal));
    const timer = setTimeout(() => fail(unavailable(`${url} did not answer within ${connectMs / 1000} s`)), connectMs);
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
    };
    signal.addEventListener('abort', abort, { once: true });
    // Also after the end: an error that comes late must not end the process.
    session.on('error', fail);
    // TLS 1.3: the server judges our certificate after we count as connected; its settings are the first sign of consent.
    session.once('remoteSettings', () => {
      done();
      session.setLocalWindowSize(windowBytes);
      resolve(session);
    });
    session.once('close', () =>
      fail(
        unavailable(
          `${url} closed the connection: this certificate may be revoked or expired, or the server is stopping`,
        ),
      ),
    );
  });
}

function exchange(session: ClientHttp2Session, request: HttpRequest, answerMs: number): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const { signal } = request;
    if (signal?.aborted) return reject(interruption(signal));
    if (session.closed || session.destroyed) return reject(unavailable('the connection was lost'));
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
    const started = performance.now();
    const settle = (action: () => void): void => {
      clearInterval(watch);
      signal?.removeEventListener('abort', abort);
      action();
    };
    const giveUp = (problem: Problem): void => {
      stream.close(constants.NGHTTP2_CANCEL);
      settle(() => reject(problem));
    };
    const abort = (): void => {
      if (signal !== undefined) giveUp(interruption(signal));
    };
    signal?.addEventListener('abort', abort, { once: true });
    const tooSlow = (): void => giveUp(unavailable('the coordinator did not answer in time'));
    stream.setTimeout(answerMs, tooSlow);
    // Whoever sends a byte now and then is not silent.
    const watch = setInterval(
      () => {
        const allowedMs = answerMs + ((length + received) / leastBytesPerSecond) * 1000;
        if (performance.now() - started > allowedMs) tooSlow();
      },
      Math.min(1000, answerMs),
    );
    stream.on('response', headers => {
      status = Number(headers[':status']);
    });
    stream.on('data', (chunk: Uint8Array) => {
      received += chunk.length;
      if (received > request.limit) giveUp(unavailable('the answer is longer than it can be'));
      else parts.push(chunk);
    });
    stream.on('end', () => settle(() => finish()));
    stream.on('error', error => settle(() => reject(unavailable(error.message, error))));
    stream.on('close', () => settle(() => reject(unavailable('the connection was lost before an answer'))));
    const finish = (): void => {
      // The answer came before all of the body was sent: the rest is not wanted.
      if (!stream.writableFinished) stream.close(constants.NGHTTP2_CANCEL);
      if (status === 0) return reject(unavailable('the connection was lost before an answer'));
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
