import assert from 'node:assert/strict';
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Credentials } from '../../../src/node/pki/credentials.ts';
import { clientTlsOptions } from '../../../src/node/pki/tls-options.ts';
import { byHand, credentialsOf } from '../../federation/by-hand.ts';
import { type Enrolled, enrol, temporaryFolder } from '../../federation/enrolled.ts';
import { type LocalCoordinator, startCoordinator } from '../../federation/local.ts';
import { operatorOf } from '../../federation/operator.ts';
import { smallTask } from '../../federation/small-task.ts';

/** A model of 100 kB: more than one window of HTTP/2. */
const hidden = 4200;

describe('a model', () => {
  const stack = new AsyncDisposableStack();
  let enrolled: Enrolled;
  let coordinator: LocalCoordinator;
  let mallory: Credentials;
  let path: string;
  before(async () => {
    const folder = temporaryFolder({ after: hook => stack.defer(hook) });
    enrolled = await enrol(join(folder, 'demo'), ['mallory']);
    coordinator = await startCoordinator(stack, enrolled, { bodyGraceMs: 300 });
    mallory = credentialsOf(enrolled, 'mallory');
    const operator = await operatorOf(enrolled, stack);
    const id = await operator.submit(smallTask({ minimum: 1, hidden }));
    const hand = byHand(stack, enrolled, mallory);
    await hand.hello();
    const { round } = await hand.assignment();
    path = `/v1/tasks/${id}/rounds/${round}/model`;
  });
  after(() => stack.disposeAsync());

  const session = (settings = {}): ClientHttp2Session => {
    const made = connect(`https://localhost:${enrolled.port}`, {
      ...clientTlsOptions(mallory, undefined),
      settings: { enablePush: false, ...settings },
    });
    stack.defer(() => made.destroy());
    return made;
  };
  const ask = (from: ClientHttp2Session): ClientHttp2Stream =>
    from.request({ ':method': 'GET', ':path': path }).on('error', () => undefined);

  test('that a member asks for and does not read is let go in time, and more than four are refused', async () => {
    const from = session();
    const streams = Array.from({ length: 6 }, () => ask(from));
    const closed = streams.map(
      stream => new Promise<number | undefined>(resolve => stream.once('close', () => resolve(stream.rstCode))),
    );
    const statuses = await Promise.all(
      streams.map(
        stream =>
          new Promise<number>(resolve => stream.once('response', headers => resolve(Number(headers[':status'])))),
      ),
    );
    assert.deepEqual(statuses, [200, 200, 200, 200, 429, 429]);
    const codes = await Promise.all(closed.slice(0, 4));
    assert.deepEqual(codes, Array(4).fill(constants.NGHTTP2_CANCEL));
    from.destroy();
    assert.ok(coordinator.log.some(({ client, code }) => client === 'mallory' && code === 'too-many'));
    const answer = await byHand(stack, enrolled, mallory).request('GET', path);
    assert.equal(answer.code, 'ok', 'what was let go counts no longer');
    assert.equal(answer.body.length, 4 * (6 * hidden + 1));
  });

  test('that is read a few bytes at a time is let go before its end', async () => {
    const stream = ask(session({ initialWindowSize: 1024 }));
    let received = 0;
    const timer = setInterval(() => {
      received += (stream.read(128) as Buffer | null)?.length ?? 0;
    }, 25);
    const code = await new Promise(resolve => stream.once('close', () => resolve(stream.rstCode)));
    clearInterval(timer);
    assert.equal(code, constants.NGHTTP2_CANCEL);
    assert.ok(received > 0 && received < 4 * 6 * hidden, `${received} bytes were read`);
  });
});
