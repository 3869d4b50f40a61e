import assert from 'node:assert/strict';
import { createSecureServer, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Problem } from '../../../src/core/protocol/problem.ts';
import { Connection, type HttpRequest, type Patience } from '../../../src/node/http/connection.ts';
import { type Credentials, loadCredentials } from '../../../src/node/pki/credentials.ts';
import { readCrl } from '../../../src/node/pki/crl.ts';
import { serverTlsOptions } from '../../../src/node/pki/tls-options.ts';
import { credentialsOf } from '../../federation/by-hand.ts';
import { type Enrolled, enrol, temporaryFolder } from '../../federation/enrolled.ts';

const patience: Patience = { connectMs: 200, greetMs: 200, answerMs: 200 };
const endless: Patience = { connectMs: 1e9, greetMs: 1e9, answerMs: 1e9 };
const get: HttpRequest = { method: 'GET', path: '/', limit: 100 };

describe('a connection to the coordinator', () => {
  const stack = new AsyncDisposableStack();
  let enrolled: Enrolled;
  let anna: Credentials;
  before(async () => {
    const folder = temporaryFolder({ after: hook => stack.defer(hook) });
    enrolled = await enrol(join(folder, 'demo'), ['anna']);
    anna = credentialsOf(enrolled, 'anna');
  });
  after(() => stack.disposeAsync());

  /** Listens for this test; resolves with the URL. */
  const listen = async (server: Server): Promise<string> => {
    const sockets = new Set<Socket>();
    server.on('connection', socket => sockets.add(socket));
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
    stack.defer(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    return `https://localhost:${(server.address() as AddressInfo).port}`;
  };
  /** A coordinator that answers as it is told. */
  const coordinator = (onStream: (stream: ServerHttp2Stream) => void): [Promise<string>, ServerHttp2Session[]] => {
    const credentials = loadCredentials(join(enrolled.home, 'coordinator', 'credentials'));
    const server = createSecureServer(
      serverTlsOptions(credentials, readCrl(join(enrolled.home, 'authority', 'crl.pem')).pem),
    );
    const sessions: ServerHttp2Session[] = [];
    server.on('session', session => sessions.push(session.on('error', () => undefined)));
    server.on('stream', stream => onStream(stream.on('error', () => undefined)));
    return [listen(server), sessions];
  };
  const connection = (url: string, wait: Patience, greet?: ConstructorParameters<typeof Connection>[2]): Connection => {
    const made = new Connection(url, () => anna, greet, wait);
    stack.defer(() => made.close());
    return made;
  };

  test('that nobody accepts is an unavailable coordinator, with the cause', async () => {
    const refused = connection('https://localhost:1', patience).request(get);
    await assert.rejects(refused, problem(/ECONNREFUSED/));
  });

  test('on which nobody speaks is given up in time', async () => {
    const url = await listen(createServer());
    await assert.rejects(connection(url, patience).request(get), problem(/did not answer within 0\.2 s/));
  });

  test('ends at once when the caller stops while it is being opened', async () => {
    const accepted = Promise.withResolvers<Socket>();
    const url = await listen(createServer(accepted.resolve));
    const controller = new AbortController();
    const made = connection(url, endless);
    const request = made.request({ ...get, signal: controller.signal });
    const socket = await accepted.promise;
    const ended = new Promise(resolve =>
      socket
        .on('error', () => undefined)
        .resume()
        .once('close', resolve),
    );
    controller.abort();
    await assert.rejects(request, problem(/interrupted/));
    made.close();
    await ended;
  });

  test('ends at once when the caller stops during the greeting', async () => {
    const greeted = Promise.withResolvers<void>();
    const [url] = coordinator(() => greeted.resolve());
    const controller = new AbortController();
    const made = connection(await url, endless, async send => void (await send(get)));
    const request = made.request({ ...get, signal: controller.signal });
    await greeted.promise;
    controller.abort();
    await assert.rejects(request, problem(/interrupted/));
  });

  test('whose greeting never ends is given up in time, though bytes come', async () => {
    const [url] = coordinator(drip);
    const made = connection(await url, { ...endless, greetMs: 300 }, async send => void (await send(get)));
    await assert.rejects(made.request(get), problem(/in time/));
  });

  test('sends nothing for a caller who has already stopped', async () => {
    let streams = 0;
    const [url] = coordinator(stream => {
      streams++;
      stream.respond({ ':status': 204 }, { endStream: true });
    });
    const made = connection(await url, patience);
    await made.request(get);
    await assert.rejects(made.request({ ...get, signal: AbortSignal.abort() }), problem(/interrupted/));
    await made.request(get);
    assert.equal(streams, 2);
  });

  test('over which an answer drips is given up: the time for an answer grows with its bytes only', async () => {
    const [url] = coordinator(drip);
    await assert.rejects(connection(await url, patience).request({ ...get, limit: 1e9 }), problem(/in time/));
  });

  test('that was lost is opened once for all who ask again', async () => {
    let streams = 0;
    const [url, sessions] = coordinator(stream => {
      streams++;
      if (streams === 2) stream.session?.destroy();
      if (streams > 2) stream.respond({ ':status': 204 }, { endStream: true });
    });
    const made = connection(await url, endless);
    const again = async (): Promise<number> => {
      try {
        return (await made.request(get)).status;
      } catch {
        return (await made.request(get)).status;
      }
    };
    assert.deepEqual(await Promise.all([again(), again()]), [204, 204]);
    assert.equal((await made.request(get)).status, 204);
    assert.equal(sessions.length, 2);
  });
});

/** Answers with a byte now and then, for ever. */
function drip(stream: ServerHttp2Stream): void {
  stream.respond({ ':status': 200 });
  const timer = setInterval(() => stream.write('x'), 20);
  stream.once('close', () => clearInterval(timer));
}

function problem(detail: RegExp): (error: unknown) => boolean {
  return error => {
    assert.ok(error instanceof Problem, String(error));
    assert.equal(error.code, 'unavailable');
    assert.match(error.detail, detail);
    return true;
  };
}
