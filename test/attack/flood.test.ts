/** Peers that send too much, too slowly or too often: each is cut off and named, and a run goes on meanwhile. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { connect as connectTcp, type Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { encodeUpdateHead } from '../../src/core/protocol/message.ts';
import type { LogEvent } from '../../src/core/protocol/ports.ts';
import type { Credentials } from '../../src/node/pki/credentials.ts';
import { type Answer, answerOf, type ByHand, byHand, credentialsOf, makeUpdate } from '../federation/by-hand.ts';
import {
  closed,
  flags,
  frame,
  framesUntil,
  headerBlock,
  preface,
  rawConnection,
  request,
} from '../federation/frames.ts';
import { smallTask } from '../federation/small-task.ts';
import { type UnderFlood, underFlood } from './under-attack.ts';

const megabyte = 1_000_000;
const tenGigabytes = 10_000 * megabyte;

describe('the coordinator cuts off', () => {
  const stack = new AsyncDisposableStack();
  let federation: UnderFlood;
  let mallory: Credentials;
  before(async () => {
    const patience = { handshakeTimeoutMs: 400, bodyGraceMs: 400, idleTimeoutMs: 2000 };
    federation = await underFlood(stack, ['mallory'], patience);
    mallory = credentialsOf(federation.enrolled, 'mallory');
  });
  after(() => stack.disposeAsync());

  const connected = async (): Promise<ByHand> => {
    const hand = byHand(stack, federation.enrolled, mallory);
    assert.equal((await hand.hello()).code, 'ok');
    return hand;
  };
  const raw = (): Promise<Socket> => rawConnection(stack, federation.enrolled.port, mallory);
  /** Sends frames over a connection of its own; resolves when the server has ended it. */
  const untilClosed = async (frames: readonly Buffer[]): Promise<void> => {
    const socket = await raw();
    const ended = closed(socket);
    socket.write(Buffer.concat([preface, ...frames]));
    await ended;
  };

  describe('a body', () => {
    test('that is announced with 10 GB', async () => {
      const log = await federation.during(async () => {
        const hand = await connected();
        const { code } = await endless(hand, 'POST', '/v1/hello', { 'content-length': String(tenGigabytes) });
        assert.equal(code, 'too-large');
      });
      assertNamed(log, 'refused', 'too-large');
    });

    test('that goes on for 10 GB unannounced, on every route, in bounded memory', async t => {
      const before = residentBytes(federation.pid);
      const log = await federation.during(async id => {
        const hand = await connected();
        for (const [method, path] of [
          ['POST', '/v1/hello'],
          ['PUT', `/v1/tasks/${id}/rounds/1/evaluation`],
          ['PUT', `/v1/tasks/${id}/rounds/1/update`],
        ]) {
          const { code, sent } = await endless(hand, method, path);
          assert.equal(code, 'too-large', path);
          assert.ok(sent < 100 * megabyte, `${sent} bytes were taken`);
        }
      });
      assertNamed(log, 'refused', 'too-large');
      const grown = residentBytes(federation.pid) - before;
      t.diagnostic(`the coordinator grew by ${Math.round(grown / megabyte)} MB`);
      assert.ok(!(grown > 100 * megabyte), `grew by ${grown} bytes`);
    });

    test('whose tensor goes on after its declared end', async () => {
      const log = await federation.during(async id => {
        const hand = await connected();
        const assignment = await hand.assignment();
        const { envelope } = makeUpdate(assignment, smallTask({ minimum: 2 }), mallory);
        const path = `/v1/tasks/${id}/rounds/${assignment.round}/update`;
        assert.equal((await endless(hand, 'PUT', path, {}, encodeUpdateHead(envelope))).code, 'malformed');
      });
      assertNamed(log, 'refused', 'malformed');
    });

    test('that stops coming', async () => {
      const log = await federation.during(async () => {
        const { code } = await stalled(await connected());
        assert.equal(code, 'too-slow');
      });
      assertNamed(log, 'refused', 'too-slow');
    });

    test('beside four others of the same member', async () => {
      const log = await federation.during(async () => {
        const hand = await connected();
        const codes = await Promise.all(Array.from({ length: 6 }, () => stalled(hand)));
        assert.deepEqual(codes.map(({ code }) => code).sort(), ['too-many', 'too-many', ...Array(4).fill('too-slow')]);
      });
      assertNamed(log, 'refused', 'too-many');
    });
  });

  describe('a connection', () => {
    test('whose handshake stops half way, a thousand times', async () => {
      const hello = Buffer.from('16030100c8010000c4', 'hex'); // a record that promises 200 bytes more
      const log = await federation.during(async () => {
        const sockets = Array.from({ length: 1000 }, () => connectTcp(federation.enrolled.port, '127.0.0.1'));
        for (const [i, socket] of sockets.entries()) {
          socket.on('error', () => socket.destroy());
          if (i % 2 === 0) socket.write(hello);
        }
        await Promise.all(sockets.map(closed));
      });
      const slow = log.filter(({ event, code }) => event === 'refused' && code === 'too-slow');
      assert.ok(slow.length >= 1 && slow.every(({ address }) => address === '127.0.0.1'));
    });

    test('beyond the sixteenth of a member that does nothing on them', async () => {
      const log = await federation.during(async () => {
        const sockets = await Promise.all(Array.from({ length: 40 }, raw));
        const ended = sockets.map(closed);
        for (const socket of sockets) socket.write(preface);
        await Promise.all(ended); // most at once, sixteen when they have been idle for too long
      });
      assertNamed(log, 'refused', 'too-many');
      assertNamed(log, 'session-ended', 'too-slow');
    });

    test('on which the headers stop half way', async () => {
      const log = await federation.during(() =>
        untilClosed([frame('headers', 0, 1, headerBlock('GET', '/v1/assignment'))]),
      );
      assertNamed(log, 'session-ended', 'too-slow');
    });

    test('with two thousand requests, each reset at once', async () => {
      const reset = Buffer.of(0, 0, 0, 8); // CANCEL
      const log = await federation.during(() =>
        untilClosed(
          Array.from({ length: 2000 }, (_, i) =>
            Buffer.concat([
              frame('headers', flags.endHeaders | flags.endStream, 2 * i + 1, headerBlock('GET', '/v1/assignment')),
              frame('reset', 0, 2 * i + 1, reset),
            ]),
          ),
        ),
      );
      assertNamed(log, 'session-ended', 'bad-request');
    });

    test('with more open requests than it may have', async () => {
      const log = await federation.during(() =>
        untilClosed(
          Array.from({ length: 1000 }, (_, i) =>
            frame('headers', flags.endHeaders, 2 * i + 1, headerBlock('POST', '/v1/hello')),
          ),
        ),
      );
      assertNamed(log, 'session-ended', 'bad-request');
    });

    for (const type of ['ping', 'settings'] as const) {
      test(`with a flood of ${type} frames`, async () => {
        const payload = new Uint8Array(type === 'ping' ? 8 : 0);
        const log = await federation.during(() => untilClosed(Array(20_000).fill(frame(type, 0, 0, payload))));
        assertNamed(log, 'session-ended', 'bad-request');
      });
    }

    test('with a header in a thousand frames', async () => {
      const more = Array(1000).fill(frame('continuation', 0, 1, new Uint8Array(0)));
      const log = await federation.during(() =>
        untilClosed([frame('headers', flags.endStream, 1, headerBlock('GET', '/v1/assignment')), ...more]),
      );
      assertNamed(log, 'session-ended', 'bad-request');
    });

    test('that speaks no HTTP/2', async () => {
      const log = await federation.during(() => untilClosed([Buffer.alloc(100, 255)]));
      assertNamed(log, 'session-ended', 'bad-request');
    });
  });

  // The HTTP/2 layer refuses these before any code of ours hears of them: there is no line in the log.
  describe('a request', () => {
    const cases: Record<string, [string, string][]> = {
      'ten thousand headers': Array.from({ length: 10_000 }, (_, i) => [`x-${i}`, '']),
      'a header of 60 kB': [['x', 'v'.repeat(60_000)]],
    };
    for (const [what, headers] of Object.entries(cases)) {
      test(`with ${what}, and the connection works on`, async () => {
        await federation.during(async () => {
          const socket = await raw();
          const seen = framesUntil(socket, 'ping');
          socket.write(preface);
          socket.write(request(1, headerBlock('GET', '/v1/runs', headers)));
          socket.write(frame('ping', 0, 0, new Uint8Array(8)));
          const frames = await seen;
          assert.ok(frames.includes('reset') && !frames.includes('headers') && frames.includes('ping'), String(frames));
        });
      });
    }
  });
});

function assertNamed(log: readonly LogEvent[], event: string, code: string): void {
  assert.ok(
    log.some(line => line.event === event && line.code === code && line.client === 'mallory'),
    `${event} ${code} of mallory is in the log: ${JSON.stringify(log.slice(0, 5))}`,
  );
}

/** Sends a body until the server says no, at most 10 GB. */
async function endless(
  { session }: ByHand,
  method: string,
  path: string,
  headers: Record<string, string> = {},
  head: Uint8Array = new Uint8Array(0),
): Promise<{ code: string; sent: number }> {
  const stream = session.request({ ':method': method, ':path': path, ...headers }, { endStream: false });
  const chunk = new Uint8Array(64 * 1024).fill(255);
  let sent = 0;
  const pump = (): void => {
    while (!stream.closed && !stream.destroyed && sent < tenGigabytes) {
      sent += chunk.length;
      if (!stream.write(chunk)) return;
    }
  };
  stream.on('drain', pump);
  stream.write(head);
  pump();
  return { ...(await answerOf(stream)), sent };
}

/** Sends a few bytes of a body, and no more. */
function stalled({ session }: ByHand): Promise<Answer> {
  const stream = session.request({ ':method': 'POST', ':path': '/v1/hello' }, { endStream: false });
  stream.write(new Uint8Array(3));
  return answerOf(stream);
}

/** Resident memory of a process; NaN where the system does not tell. */
function residentBytes(pid: number): number {
  try {
    return 1024 * Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
  } catch {
    return Number.NaN;
  }
}
