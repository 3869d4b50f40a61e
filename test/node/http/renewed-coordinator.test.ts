/** A coordinator whose update certificate is renewed while clients are connected: they greet it anew, and the work goes on. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { createSecureServer } from 'node:http2';
import { join } from 'node:path';
import { test } from 'node:test';
import { encodeCbor } from '../../../src/core/bytes/cbor.ts';
import { encodeEnvelope, signEnvelope } from '../../../src/core/crypto/envelope.ts';
import { federationPaths } from '../../../src/node/authority/home.ts';
import { renewCertificate } from '../../../src/node/authority/renewal.ts';
import { serveAuthority } from '../../../src/node/authority/serve.ts';
import { systemClock } from '../../../src/node/clock.ts';
import { loadCredentials } from '../../../src/node/pki/credentials.ts';
import { readCrl } from '../../../src/node/pki/crl.ts';
import { serverTlsOptions } from '../../../src/node/pki/tls-options.ts';
import { nodePrimitives } from '../../../src/node/primitives.ts';
import { byHand, credentialsOf } from '../../federation/by-hand.ts';
import { type Enrolled, enrol, temporaryFolder } from '../../federation/enrolled.ts';
import { expectedModel } from '../../federation/expected.ts';
import { startClient, startCoordinator } from '../../federation/local.ts';
import { operatorOf } from '../../federation/operator.ts';
import { smallTask } from '../../federation/small-task.ts';

/** Puts a new certificate into the coordinator's folder; the coordinator has not seen it yet. */
async function renewOnDisk(enrolled: Enrolled, kind: 'tls' | 'update'): Promise<void> {
  const authority = await serveAuthority(enrolled.home, { log: () => undefined });
  try {
    await renewCertificate(federationPaths(enrolled.home).coordinator, kind, Date.now());
  } finally {
    await authority.close();
  }
}

test('a client that waits for work trains for the renewed coordinator', { timeout: 60_000 }, async t => {
  await using stack = new AsyncDisposableStack();
  const enrolled = await enrol(temporaryFolder(t), ['anna']);
  const coordinator = await startCoordinator(stack, enrolled);
  const client = startClient(stack, enrolled, 'anna');
  const operator = await operatorOf(enrolled, stack);
  await operator.present(['anna']);
  await renewOnDisk(enrolled, 'update');
  assert.equal(await coordinator.renew(), true);
  const task = smallTask({ minimum: 1 });
  const { model } = await operator.outcome(await operator.submit(task));
  assert.equal(model, await expectedModel(task, ['anna']));
  assert.equal(client.log.filter(({ event }) => event === 'connected').length, 2);
});

test('connections of clients are closed after what is under way; those of operators stay', {
  timeout: 30_000,
}, async t => {
  await using stack = new AsyncDisposableStack();
  const enrolled = await enrol(temporaryFolder(t), ['anna', 'bert']);
  const timers = new Set<() => void>();
  const coordinator = await startCoordinator(stack, enrolled, {
    clock: {
      now: systemClock.now,
      after(_milliseconds, action) {
        timers.add(action);
        return () => timers.delete(action);
      },
    },
  });
  const operator = await operatorOf(enrolled, stack);
  const [anna, bert] = ['anna', 'bert'].map(name => byHand(stack, enrolled, credentialsOf(enrolled, name)));
  for (const hand of [anna, bert]) assert.equal((await hand.hello()).code, 'ok');
  const waiting = anna.request('GET', '/v1/assignment');
  await operator.present(['anna']);

  await renewOnDisk(enrolled, 'tls');
  assert.equal(await coordinator.renew(), true);
  assert.equal((await bert.hello()).code, 'ok', 'a renewed TLS certificate closes nothing');

  await renewOnDisk(enrolled, 'update');
  const told = new Promise(resolve => anna.session.once('goaway', resolve));
  assert.equal(await coordinator.renew(), true);
  await Promise.all([bert.closed, told]);
  assert.equal(anna.session.destroyed, false, 'the request may still be answered');
  for (const action of [...timers]) action();
  assert.equal((await waiting).code, 'closed');
  await anna.closed;
  while (coordinator.connections() > 1) await new Promise(resolve => setImmediate(resolve));
  await operator.present([]);
  assert.equal(coordinator.connections(), 1, "the operator's");
});

test('a client greets again when a message names a certificate that it does not know', async t => {
  await using stack = new AsyncDisposableStack();
  const enrolled = await enrol(temporaryFolder(t), ['anna']);
  const paths = federationPaths(enrolled.home);
  const load = () => loadCredentials(join(paths.coordinator, 'credentials'));
  const before = load();
  await renewOnDisk(enrolled, 'update');
  const after = load();
  const crl = readCrl(paths.crl).pem;
  const signed = signEnvelope(
    {
      label: 'assignment',
      federation: 'demo',
      task: randomBytes(32),
      round: 1,
      sender: after.updateCertificateHash,
      payload: new Uint8Array(1),
    },
    after.updateSigner,
    nodePrimitives,
  );
  // A coordinator that renewed its certificate and left the connection as it is.
  const asked: string[] = [];
  const judged = Promise.withResolvers<void>();
  const server = createSecureServer(serverTlsOptions(before, crl));
  server.on('stream', (stream, headers) => {
    const path = String(headers[':path']);
    asked.push(path);
    if (asked.length === 3) judged.resolve();
    stream.resume();
    stream.respond({ ':status': 200 });
    stream.end(
      path === '/v1/hello' ? encodeCbor({ certificate: before.updateCertificate, crl }) : encodeEnvelope(signed),
    );
  });
  await new Promise<void>(resolve => server.listen(enrolled.port, '127.0.0.1', resolve));
  stack.defer(() => void server.close());
  const client = startClient(stack, enrolled, 'anna');
  await judged.promise;
  assert.deepEqual(asked.slice(0, 3), ['/v1/hello', '/v1/assignment', '/v1/hello']);
  assert.ok(client.log.some(({ code }) => code === 'wrong-sender'));
});
