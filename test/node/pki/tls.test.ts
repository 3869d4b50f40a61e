/** Mutual TLS between real endpoints: who is let in, over which groups and versions, and what a new list changes. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { connect as connectTcp, createServer as createTcpServer } from 'node:net';
import { before, describe, test } from 'node:test';
import { type ConnectionOptions, connect, createServer, type Server, type TLSSocket } from 'node:tls';
import { revoke } from '../../../src/node/authority/federation.ts';
import { openIssuer, publishCrl, sign } from '../../../src/node/authority/issuer.ts';
import { lifeMs } from '../../../src/node/pki/certificate.ts';
import { type Credentials, loadCredentials } from '../../../src/node/pki/credentials.ts';
import { watchCrl } from '../../../src/node/pki/crl.ts';
import { createKey, privateKeyPem, rawPublicKey } from '../../../src/node/pki/signer.ts';
import { clientTlsOptions, serverTlsOptions } from '../../../src/node/pki/tls-options.ts';
import { principalOfPeer } from '../../../src/node/pki/verify.ts';
import { type RunningFederation, runFederation } from '../authority/running-federation.ts';

interface Echo {
  readonly server: Server;
  readonly port: number;
  /** Names of the members that were let in. */
  readonly admitted: string[];
}

/** A server that greets each member it lets in. */
async function serve(t: { after(hook: () => void): void }, credentials: Credentials, crl: string): Promise<Echo> {
  const admitted: string[] = [];
  const server = createServer(serverTlsOptions(credentials, crl), socket => {
    socket.on('error', () => {});
    admitted.push(principalOfPeer(socket.getPeerX509Certificate()?.raw ?? new Uint8Array(), 'demo').name);
    socket.end('hello');
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  return { server, port: (server.address() as { port: number }).port, admitted };
}

/** What the server says, or the code of the error that ends the connection (a TLS 1.3 client connects before it is judged). */
function greet(port: number, options: ConnectionOptions): Promise<string> {
  return new Promise(resolve => {
    const chunks: Buffer[] = [];
    const socket: TLSSocket = connect({ ...options, port, host: '127.0.0.1', servername: 'localhost' });
    socket.on('data', chunk => chunks.push(chunk));
    socket.on('error', error => resolve(String('code' in error ? error.code : error)));
    socket.on('close', () => resolve(Buffer.concat(chunks).toString() || 'closed'));
  });
}

describe('mutual TLS of a federation', () => {
  let demo: RunningFederation;
  let coordinator: Credentials;
  let alice: Credentials;
  const hooks: (() => void | Promise<void>)[] = [];
  const crl = (): string => readFileSync(demo.paths.crl, 'utf8');
  before(async () => {
    demo = await runFederation({ after: hook => void hooks.push(hook as () => void) });
    coordinator = loadCredentials(`${demo.paths.coordinator}/credentials`);
    alice = await demo.member('alice');
  });
  test.after(async () => {
    for (const hook of hooks.reverse()) await hook();
  });

  test('lets a member in, by its certificate', async t => {
    const { port, admitted } = await serve(t, coordinator, crl());
    assert.equal(await greet(port, clientTlsOptions(alice, crl())), 'hello');
    assert.equal(await greet(port, clientTlsOptions(alice, undefined)), 'hello');
    assert.deepEqual(admitted, ['alice', 'alice']);
  });

  test('negotiates X25519MLKEM768', async t => {
    const { port } = await serve(t, coordinator, crl());
    const seen: Buffer[] = [];
    const relay = createTcpServer(client => {
      const upstream = connectTcp(port, '127.0.0.1');
      upstream.on('data', chunk => seen.push(chunk));
      client.pipe(upstream).pipe(client);
      for (const socket of [client, upstream]) socket.on('error', () => {});
    });
    await new Promise<void>(resolve => relay.listen(0, '127.0.0.1', resolve));
    t.after(() => relay.close());
    assert.equal(await greet((relay.address() as { port: number }).port, clientTlsOptions(alice, crl())), 'hello');
    // 0x11ec in draft-ietf-tls-ecdhe-mlkem.
    assert.equal(keyShareGroup(Buffer.concat(seen)), 0x11ec);
  });

  test('refuses TLS 1.2, no certificate, another federation, and the update certificate', async t => {
    const { port, admitted } = await serve(t, coordinator, crl());
    const good = clientTlsOptions(alice, crl());
    const evil = await (await runFederation(t, 'demo')).member('alice');
    const update = readFileSync(`${demo.memberHome('alice')}/credentials/update.pem`, 'utf8');
    const cases: Record<string, ConnectionOptions> = {
      'TLS 1.2': { ...good, minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' },
      'no certificate': { ...good, key: undefined, cert: undefined },
      'another federation of the same name': { ...good, key: evil.tls.key, cert: evil.tls.cert },
      'the update certificate': { ...good, key: update, cert: `${update}${alice.issuing}` },
    };
    for (const [name, options] of Object.entries(cases)) assert.notEqual(await greet(port, options), 'hello', name);
    assert.deepEqual(admitted, []);
    assert.equal(await greet(port, good), 'hello');
  });

  test('refuses an expired certificate', async t => {
    const { port } = await serve(t, coordinator, crl());
    const old = await leafOf(demo, alice, Date.now() - lifeMs.tls - 1000);
    const { key, cert } = await leafOf(demo, alice, Date.now() - lifeMs.tls + 60_000);
    assert.notEqual(await greet(port, { ...clientTlsOptions(alice, crl()), ...old }), 'hello');
    assert.equal(await greet(port, { ...clientTlsOptions(alice, crl()), key, cert }), 'hello');
  });

  test('tells a client that the server is no coordinator, though its host name is right', async t => {
    const { port } = await serve(t, alice, crl());
    const impostor = await leafOf(demo, alice, Date.now(), ['localhost']);
    const { server } = await serve(t, coordinator, crl());
    server.setSecureContext({ ...serverTlsOptions(coordinator, crl()), ...impostor });
    const bob = await demo.member('bob');
    assert.equal(await greet(port, clientTlsOptions(bob, crl())), 'ERR_TLS_CERT_ALTNAME_INVALID');
    assert.equal(
      await greet((server.address() as { port: number }).port, clientTlsOptions(bob, crl())),
      'unauthenticated',
    );
    assert.equal(
      await greet((await serve(t, coordinator, crl())).port, clientTlsOptions(bob, crl(), 'authority')),
      'unauthenticated',
    );
  });

  test('refuses a revoked member at its next handshake, tickets included, once the list is swapped', async t => {
    const { server, port, admitted } = await serve(t, coordinator, crl());
    const carol = await demo.member('carol');
    const changed = Promise.withResolvers<ReadonlySet<string>>();
    const watch = watchCrl(demo.paths.crl, next => {
      server.setSecureContext(serverTlsOptions(coordinator, next.pem));
      changed.resolve(next.revoked);
    });
    t.after(watch.close);
    let session: Buffer | undefined;
    const first = connect({ ...clientTlsOptions(carol, crl()), port, host: '127.0.0.1', servername: 'localhost' });
    first.on('session', ticket => {
      session = ticket;
    });
    await new Promise(resolve => first.on('close', resolve).resume());
    assert.ok(session !== undefined);
    const { serials } = await revoke(demo.home, 'carol');
    assert.ok(serials.every(serial => /^[0-9a-f]{32}$/.test(serial)));
    const revoked = await changed.promise;
    assert.ok(serials.length === 2 && serials.every(serial => revoked.has(serial)));
    for (const options of [{}, { session }]) {
      assert.notEqual(await greet(port, { ...clientTlsOptions(carol, undefined), ...options }), 'hello');
    }
    assert.equal(await greet(port, clientTlsOptions(alice, crl())), 'hello');
    assert.deepEqual(admitted, ['carol', 'alice']);
  });

  test('lets nobody in with a list that has expired, lacks an authority, or is none', async t => {
    const issuer = openIssuer(demo.home);
    t.after(() => issuer.close());
    const current = crl();
    await publishCrl(issuer, Date.now() - 25 * 3_600_000);
    const expired = crl();
    await publishCrl(issuer, Date.now());
    const rootOnly = readFileSync(demo.paths.rootCrl, 'utf8');
    for (const bundle of [expired, rootOnly]) {
      const { port, admitted } = await serve(t, coordinator, bundle);
      assert.notEqual(await greet(port, clientTlsOptions(alice, undefined)), 'hello');
      assert.deepEqual(admitted, []);
      const good = await serve(t, coordinator, current);
      assert.equal(
        await greet(good.port, clientTlsOptions(alice, bundle)),
        bundle === expired ? 'CRL_HAS_EXPIRED' : 'UNABLE_TO_GET_CRL',
      );
    }
    assert.throws(() => serverTlsOptions(coordinator, ''), RangeError);
    assert.throws(() => clientTlsOptions(alice, 'nothing'), RangeError);
  });
});

/** A TLS certificate of a member, issued behind the authority's back at another time or for other hosts. */
async function leafOf(
  demo: RunningFederation,
  { principal, issuing }: Credentials,
  nowMs: number,
  hosts: string[] = [],
) {
  const issuer = openIssuer(demo.home);
  try {
    const key = createKey();
    const { issued } = await sign(issuer, { kind: 'tls', principal, hosts, publicKey: rawPublicKey(key), nowMs });
    return { key: privateKeyPem(key), cert: `${issued.pem}${issuing}` };
  } finally {
    issuer.close();
  }
}

/** The group in the key_share of the first ServerHello (RFC 8446 §4.1.3, §4.2.8). */
function keyShareGroup(stream: Buffer): number {
  assert.equal(stream[0], 22); // handshake record
  assert.equal(stream[5], 2); // ServerHello
  let at = 5 + 4 + 2 + 32;
  at += 1 + stream[at]; // session id
  at += 2 + 1; // cipher suite, compression
  const end = at + 2 + stream.readUInt16BE(at);
  for (at += 2; at < end; at += 4 + stream.readUInt16BE(at + 2)) {
    if (stream.readUInt16BE(at) === 51) return stream.readUInt16BE(at + 4);
  }
  return 0;
}
