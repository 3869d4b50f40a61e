/** Attacks over a connection that was rightly opened: other roles' routes, other members' certificates and messages. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, test } from 'node:test';
import { encodeCbor } from '../../src/core/bytes/cbor.ts';
import { decodeEnvelope } from '../../src/core/crypto/envelope.ts';
import { encodeUpdateHead } from '../../src/core/protocol/message.ts';
import { operatorCredentials } from '../../src/node/authority/own-processes.ts';
import { type ByHand, byHand, credentialsOf } from '../federation/by-hand.ts';
import { type UnderAttack, underAttack } from './under-attack.ts';

const someTask = '0'.repeat(64);
const clientRoutes: [method: string, path: string][] = [
  ['POST', '/v1/hello'],
  ['GET', '/v1/assignment'],
  ['GET', `/v1/tasks/${someTask}`],
  ['GET', `/v1/tasks/${someTask}/rounds/1/model`],
  ['PUT', `/v1/tasks/${someTask}/rounds/1/update`],
  ['PUT', `/v1/tasks/${someTask}/rounds/1/evaluation`],
];
const operatorRoutes: [method: string, path: string][] = [
  ['POST', '/v1/runs'],
  ['GET', '/v1/runs'],
  ['GET', `/v1/runs/${someTask}`],
  ['POST', `/v1/runs/${someTask}/stop`],
  ['GET', `/v1/runs/${someTask}/artifact`],
];

describe('over a connection that was rightly opened', () => {
  const stack = new AsyncDisposableStack();
  let federation: UnderAttack;
  let mallory: ByHand;
  /** Called at each update that was stored; the coordinator waits for it. */
  let onStored: () => Promise<void> = async () => undefined;
  before(async () => {
    federation = await underAttack(stack, ['mallory'], {
      step: name => (name === 'update-stored' ? onStored() : undefined),
    });
    mallory = byHand(stack, federation.enrolled, credentialsOf(federation.enrolled, 'mallory'));
  });
  after(() => stack.disposeAsync());

  const ask = async (hand: ByHand, routes: [string, string][]): Promise<string[]> => {
    const codes: string[] = [];
    for (const [method, path] of routes) {
      const body = method === 'GET' ? undefined : encodeCbor({});
      codes.push((await hand.request(method, path, body)).code);
    }
    return codes;
  };

  test('a client may not do what operators do', async () => {
    let codes: string[] = [];
    const log = await federation.during(async () => {
      codes = await ask(mallory, operatorRoutes);
    });
    assert.deepEqual(
      codes,
      operatorRoutes.map(() => 'forbidden'),
    );
    assert.deepEqual(
      log.map(line => [line.event, line.client, line.code]),
      operatorRoutes.map(() => ['refused', 'mallory', 'forbidden']),
    );
  });

  test('an operator may not do what clients do', async () => {
    const operator = byHand(stack, federation.enrolled, await operatorCredentials(federation.enrolled.home));
    let codes: string[] = [];
    const log = await federation.during(async () => {
      codes = await ask(operator, clientRoutes);
    });
    assert.deepEqual(
      codes,
      clientRoutes.map(() => 'forbidden'),
    );
    assert.equal(log.filter(line => line.client === 'operator' && line.code === 'forbidden').length, codes.length);
  });

  test('a route that does not exist is refused and named', async () => {
    const log = await federation.during(async () => {
      assert.equal((await mallory.request('GET', '/v1/../etc/passwd')).code, 'not-found');
      assert.equal((await mallory.request('DELETE', '/v1/runs')).code, 'not-found');
    });
    assert.deepEqual(
      log.map(line => [line.client, line.code]),
      [
        ['mallory', 'not-found'],
        ['mallory', 'not-found'],
      ],
    );
  });

  test('nobody gets work or a hearing before it has shown its own update certificate', async () => {
    const log = await federation.during(async () => {
      assert.equal((await mallory.request('GET', '/v1/assignment')).code, 'unauthenticated');
      const annas = credentialsOf(federation.enrolled, 'anna').updateCertificate;
      assert.equal((await mallory.request('POST', '/v1/hello', annas)).code, 'wrong-sender');
      const tls = Buffer.from(mallory.credentials.tls.cert.replace(/-----[^-]+-----|\n/g, ''), 'base64');
      assert.equal((await mallory.request('POST', '/v1/hello', tls)).code, 'unauthenticated');
      assert.equal((await mallory.request('POST', '/v1/hello', new Uint8Array(0))).code, 'unauthenticated');
      assert.equal((await mallory.request('GET', '/v1/assignment')).code, 'unauthenticated');
    });
    assert.equal(log.filter(line => line.event === 'refused' && line.client === 'mallory').length, 5);
  });

  test("a captured request, replayed over another member's connection, gets nothing (auth-replay)", async () => {
    assert.equal((await mallory.hello()).code, 'ok');
    const annas = byHand(stack, federation.enrolled, credentialsOf(federation.enrolled, 'anna'));
    await annas.hello();
    const codes: Record<string, string> = {};
    const log = await federation.during(
      async id => {
        const path = `/v1/tasks/${id}/rounds/1`;
        const replayed = Promise.withResolvers<Uint8Array>();
        onStored = async () => {
          const captured = capture(federation, id, 'anna');
          if (captured === null) return; // bert's came first
          onStored = async () => undefined;
          const { head, tensor } = captured;
          const body = Buffer.concat([head, tensor]);
          const envelope = head.subarray(4);
          // Round 1 is open, and the coordinator waits: each of these would count if it were believed.
          codes['as it was'] = (await mallory.request('PUT', `${path}/update`, body)).code;
          codes['as an evaluation'] = (await mallory.request('PUT', `${path}/evaluation`, envelope)).code;
          codes['as a greeting'] = (await mallory.request('POST', '/v1/hello', envelope)).code;
          codes['as a task'] = (await mallory.request('POST', '/v1/runs', envelope)).code;
          codes['with another body'] = (await mallory.request('PUT', `${path}/update`, head)).code;
          replayed.resolve(body);
        };
        const body = await replayed.promise;
        // Over a connection of anna's own it is what anna said already: answered by the same receipt, counted once.
        codes["over anna's connection"] = (await annas.request('PUT', `${path}/update`, body)).code;
      },
      // The attacker was heard, so it counts as present: the rounds wait for it until their deadline.
      { deadlineSeconds: 0.5 },
    );
    assert.deepEqual(codes, {
      'as it was': 'wrong-sender',
      'as an evaluation': 'bad-request',
      'as a greeting': 'unauthenticated',
      'as a task': 'forbidden',
      'with another body': 'wrong-sender',
      "over anna's connection": 'ok',
    });
    assert.equal(log.filter(line => line.code === 'wrong-sender' && line.client === 'mallory').length, 2);
  });
});

/** What a client sent for round 1, from the coordinator's own records: head and tensor of the body. */
function capture({ enrolled }: UnderAttack, task: string, client: string) {
  const folder = join(enrolled.home, 'coordinator');
  const database = new DatabaseSync(join(folder, 'state.sqlite'), { readOnly: true });
  try {
    const row = database
      .prepare("SELECT envelope FROM messages WHERE task = ? AND round = 1 AND label = 'update' AND sender = ?")
      .get(task, client);
    if (row === undefined) return null;
    const head = encodeUpdateHead(decodeEnvelope(row.envelope as Uint8Array));
    const tensors = join(folder, 'blobs', task, 'update', '1', client);
    return { head, tensor: readFileSync(join(tensors, readdirSync(tensors)[0])) };
  } finally {
    database.close();
  }
}
