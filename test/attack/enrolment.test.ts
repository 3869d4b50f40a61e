/** Attacks on joining a federation: stolen, forged and repeated invitations, false servers, false requests. */
import 'reflect-metadata';
import assert from 'node:assert/strict';
import { randomBytes, webcrypto, X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { request } from 'node:https';
import { connect as connectPlain, createServer as createTcpServer, type Socket } from 'node:net';
import { join as joinPath } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { before, describe, test } from 'node:test';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';
import * as x509 from '@peculiar/x509';
import { encodeCbor } from '../../src/core/bytes/cbor.ts';
import { enrol } from '../../src/node/authority/admission.ts';
import { postToAuthority } from '../../src/node/authority/connection.ts';
import { members, revoke } from '../../src/node/authority/federation.ts';
import { openIssuer } from '../../src/node/authority/issuer.ts';
import { join } from '../../src/node/authority/join.ts';
import { Registry } from '../../src/node/authority/registry.ts';
import { parseToken, tokenHash } from '../../src/node/authority/token.ts';
import { signingKey, verifyingKey } from '../../src/node/pki/certificate.ts';
import { createRequest } from '../../src/node/pki/request.ts';
import { createKey, publicKeyFromRaw, rawPublicKey } from '../../src/node/pki/signer.ts';
import { problemCode, type RunningFederation, runFederation } from '../node/authority/running-federation.ts';

describe('an invitation', () => {
  let demo: RunningFederation;
  const after: (() => void | Promise<void>)[] = [];
  before(async () => {
    demo = await runFederation({ after: hook => void after.push(hook as () => void) });
  });
  test.after(async () => {
    for (const hook of after.reverse()) await hook();
  });

  const home = (name: string): string => joinPath(demo.folder, name);
  const tokenBytes = (token: string): Uint8Array => parseToken(token).bytes;
  const requests = async () => ({
    tlsCsr: await createRequest(createKey()),
    updateCsr: await createRequest(createKey()),
  });
  const send = (body: object): Promise<Uint8Array> =>
    postToAuthority(demo.url, '/v1/enrol', encodeCbor(body), readFileSync(demo.paths.root, 'utf8'));

  test('works once; the second use is a bad token and leaves no home behind', async () => {
    const token = demo.invite('once');
    await join(demo.url, token, home('once'));
    assert.equal(await problemCode(() => join(demo.url, token, home('twice'))), 'bad-token');
    assert.equal(existsSync(joinPath(home('twice'), 'member.json')), false);
  });

  test('that works no more is refused with one answer; the log names its member and what became of it', async () => {
    const used = demo.invite('spent');
    await join(demo.url, used, home('spent'));
    const expired = demo.invite('overdue', { hours: 1 }, Date.now() - 3_600_001);
    const withdrawn = demo.invite('undone');
    await revoke(demo.home, 'undone');
    const tokens = [used, expired, withdrawn].map(tokenBytes);
    const before = demo.log.length;
    for (const token of [...tokens, new Uint8Array(randomBytes(64))])
      assert.equal(await problemCode(async () => send({ token, ...(await requests()) })), 'bad-token');
    assert.deepEqual(
      demo.log
        .slice(before)
        .map(({ code, client, detail }) => [code, client, detail?.replace(/ at \d{4}-.*Z$/, ' at …')]),
      [
        ['bad-token', 'spent', 'used at …'],
        ['bad-token', 'overdue', 'expired at …'],
        ['bad-token', 'undone', 'withdrawn at …'],
        ['bad-token', undefined, 'unknown'],
      ],
    );
  });

  test('withdraws the older ones of its name: one works, and none is open when the member has joined', async () => {
    const older = tokenBytes(demo.invite('again'));
    const newer = tokenBytes(demo.invite('again'));
    const other = demo.invite('another');
    const listed = (): string[] => members(demo.home).flatMap(({ name, status }) => (name === 'again' ? [status] : []));
    assert.deepEqual(listed(), ['invited']);
    assert.equal(await problemCode(async () => send({ token: older, ...(await requests()) })), 'bad-token');
    assert.equal(await problemCode(async () => send({ token: newer, ...(await requests()) })), 'accepted');
    assert.deepEqual(listed(), ['active']);
    await join(demo.url, other, home('another'));
  });

  test('with requests that are wrong is named in the log', async () => {
    const token = tokenBytes(demo.invite('clumsy'));
    assert.equal(
      await problemCode(async () => send({ token, ...(await requests()), tlsCsr: new Uint8Array(200) })),
      'bad-csr',
    );
    assert.deepEqual([demo.log.at(-1)?.code, demo.log.at(-1)?.client], ['bad-csr', 'clumsy']);
  });

  test('is used once when two race for it', async () => {
    const token = tokenBytes(demo.invite('race'));
    const codes = await Promise.all(
      [0, 1, 2, 3].map(async () => {
        const csrs = await requests();
        return problemCode(() => send({ token, ...csrs }));
      }),
    );
    assert.deepEqual(codes.sort(), ['accepted', 'bad-token', 'bad-token', 'bad-token']);
  });

  test('that is expired, altered or invented is refused with the same answer', async () => {
    const expired = demo.invite('late', { hours: 24 }, Date.now() - 24 * 3_600_000 - 1);
    assert.equal(await problemCode(() => join(demo.url, expired, home('late'))), 'bad-token');
    const altered = tokenBytes(demo.invite('altered'));
    altered[0] ^= 1;
    assert.equal(await problemCode(async () => send({ token: altered, ...(await requests()) })), 'bad-token');
    assert.equal(
      await problemCode(async () => send({ token: new Uint8Array(randomBytes(64)), ...(await requests()) })),
      'bad-token',
    );
  });

  test('withdrawn by revoking its name is refused', async () => {
    const token = demo.invite('withdrawn');
    assert.equal((await revoke(demo.home, 'withdrawn')).invitations, 1);
    assert.equal(await problemCode(() => join(demo.url, token, home('withdrawn'))), 'bad-token');
  });

  test('is stored as a hash only, and no log line holds it', async () => {
    const token = demo.invite('hidden');
    await join(demo.url, token, home('hidden'));
    await problemCode(() => join(demo.url, token, home('hidden-2')));
    const stored = Buffer.concat(
      ['', '-wal']
        .map(suffix => demo.paths.registry + suffix)
        .filter(path => existsSync(path))
        .map(path => readFileSync(path)),
    );
    assert.ok(stored.includes('hidden'));
    const secret = tokenBytes(token).subarray(0, 32);
    assert.equal(stored.includes(Buffer.from(secret)), false);
    const log = JSON.stringify(demo.log);
    for (const form of [token, Buffer.from(secret).toString('hex'), Buffer.from(secret).toString('base64url')]) {
      assert.equal(log.includes(form), false);
    }
  });

  test('for a name that is taken is not made, nor after that member was revoked', async () => {
    await join(demo.url, demo.invite('taken'), home('taken'));
    assert.throws(() => demo.invite('taken'), /exists/);
    await revoke(demo.home, 'taken');
    assert.throws(() => demo.invite('taken'), /revoked/);
    assert.throws(() => demo.invite('taken', { replace: true }), /no active member/);
  });

  test('to replace keys does not bring back a member who was revoked after it was made', async () => {
    await demo.member('gone');
    const token = tokenBytes(demo.invite('gone', { replace: true }));
    await revoke(demo.home, 'gone');
    assert.equal(await problemCode(async () => send({ token, ...(await requests()) })), 'bad-token');
  });

  test('names the member: subject and names in the request are ignored', async () => {
    const token = tokenBytes(demo.invite('modest'));
    const issuer = openIssuer(demo.home);
    try {
      const answer = await enrol(
        issuer,
        { token, tlsCsr: await proudRequest(), updateCsr: await proudRequest() },
        Date.now(),
      );
      for (const der of [answer.tlsCertificate, answer.updateCertificate]) {
        const certificate = new X509Certificate(der);
        assert.equal(certificate.subjectAltName, 'URI:spiffe://demo/client/modest-hospital/modest');
        assert.equal(certificate.subject, 'CN=modest\nO=modest-hospital');
        assert.equal(certificate.ca, false);
      }
    } finally {
      issuer.close();
    }
  });

  test('is not consumed by requests that are wrong, each refused', async () => {
    const token = tokenBytes(demo.invite('patient'));
    const good = await requests();
    const forged = Uint8Array.from(good.tlsCsr);
    forged[forged.length - 1] ^= 1;
    const same = await createRequest(createKey());
    const cases: Record<string, [object, string]> = {
      'a false signature': [{ token, ...good, tlsCsr: forged }, 'bad-csr'],
      'an elliptic curve key': [{ token, ...good, tlsCsr: await p256Request() }, 'bad-csr'],
      'a small-order key': [{ token, ...good, updateCsr: await smallOrderRequest() }, 'bad-csr'],
      noise: [{ token, ...good, tlsCsr: new Uint8Array(200) }, 'bad-csr'],
      'one key for both purposes': [{ token, tlsCsr: same, updateCsr: same }, 'bad-csr'],
      'the key of another member': [{ token, ...good, tlsCsr: await usedRequest(demo) }, 'bad-csr'],
      'a member too many': [{ token, ...good, name: 'other' }, 'bad-request'],
      'a request missing': [{ token, tlsCsr: good.tlsCsr }, 'bad-request'],
      'a short token': [{ ...good, token: token.subarray(1) }, 'bad-request'],
    };
    for (const [name, [body, code]] of Object.entries(cases))
      assert.equal(await problemCode(() => send(body)), code, name);
    assert.equal(await problemCode(() => send({ token, ...good })), 'accepted');
  });

  test('of 70 KB is refused as too large, another media type and path as what they are', async () => {
    assert.equal(await problemCode(() => send({ token: new Uint8Array(70_000) })), 'too-large');
    assert.equal(await answerTo(demo, 'POST', '/v1/enrol', 'text/plain'), '400 bad-request');
    assert.equal(await answerTo(demo, 'GET', '/v1/members'), '404 not-found');
    assert.equal(demo.log.filter(({ code }) => code === 'too-large').length, 1);
  });

  test('is not accepted in plain text or over TLS 1.2, and one line of the log each says so', async () => {
    const before = demo.log.length;
    const port = Number(new URL(demo.url).port);
    const plain = connectPlain(port, '127.0.0.1');
    plain.end('POST /v1/enrol HTTP/1.1\r\nHost: localhost\r\n\r\n');
    const answer = await readAll(plain);
    assert.equal(answer.includes('HTTP/1.1 200'), false);
    const old = connectTls({ port, host: '127.0.0.1', maxVersion: 'TLSv1.2', rejectUnauthorized: false });
    const error = await new Promise<NodeJS.ErrnoException>(resolve => old.once('error', resolve));
    assert.match(String(error.code), /PROTOCOL_VERSION/);
    const lines = demo.log.slice(before).map(({ code, detail, address }) => [code, detail, address]);
    assert.deepEqual(lines, [
      ['plain-text', 'HTTP without TLS', '127.0.0.1'],
      ['bad-request', 'TLS older than 1.3', '127.0.0.1'],
    ]);
  });

  test('that is never finished being sent is dropped, and others are served meanwhile', async () => {
    const slow = connectTls({ port: Number(new URL(demo.url).port), host: '127.0.0.1', rejectUnauthorized: false });
    slow.write('POST /v1/enrol HTTP/1.1\r\nHost: loc');
    const closed = new Promise<void>(resolve => slow.once('close', () => resolve()));
    slow.on('error', () => {}).resume();
    await demo.member('quick');
    await closed;
    assert.ok(demo.log.some(({ code }) => code === 'too-slow'));
  });

  test('from one address that asks without end is answered with too-many', async () => {
    const codes = new Set<string>();
    // Many at once: asked one by one, a slow machine never asks too fast.
    for (let i = 0; i < 10 && !codes.has('429 too-many'); i++) {
      const asked = Array.from({ length: 50 }, () => answerTo(demo, 'GET', '/nothing'));
      for (const code of await Promise.all(asked)) codes.add(code);
    }
    assert.ok(codes.has('429 too-many'));
  });
});

describe('a server that is not the authority', () => {
  test('of the invitation, its certificate says: nothing is sent to it', async t => {
    const demo = await runFederation(t);
    const evil = await runFederation(t, 'evil');
    const token = demo.invite('careful');
    const error = await join(evil.url, token, joinPath(demo.folder, 'careful')).then(
      () => assert.fail('joined'),
      (e: Error) => e,
    );
    assert.match(error.message, /not the one that the invitation names; nothing was sent/);
    // A request of any kind would have left a line.
    assert.deepEqual(
      evil.log.map(({ event }) => event),
      ['listening'],
    );
    assert.equal(existsSync(joinPath(demo.folder, 'careful', 'credentials')), false);
    await join(demo.url, token, joinPath(demo.folder, 'careful'));
  });

  test('sees not one byte of application data, whatever chain it shows', async t => {
    const demo = await runFederation(t);
    const evil = await runFederation(t, 'demo');
    let bytes = 0;
    const { tls } = await evil.member('server');
    const server = createTlsServer({ key: tls.key, cert: `${tls.cert}${tls.ca}` }, socket => {
      socket.on('data', chunk => {
        bytes += chunk.length;
      });
      socket.on('error', () => {});
    });
    const closed = new Promise<void>(resolve =>
      server.on('connection', socket => socket.once('close', () => resolve())),
    );
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
    t.after(() => server.close());
    const { port } = server.address() as { port: number };
    await assert.rejects(join(`https://127.0.0.1:${port}`, demo.invite('careful'), joinPath(demo.folder, 'careful')));
    await closed;
    assert.equal(bytes, 0);
  });

  test('but a member of the same federation gets no token either', async t => {
    const demo = await runFederation(t);
    const { tls } = await demo.member('insider');
    let bytes = 0;
    const server = createTlsServer({ key: tls.key, cert: `${tls.cert}${tls.ca}` }, socket => {
      socket.on('data', chunk => {
        bytes += chunk.length;
      });
      socket.on('error', () => {});
    });
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
    t.after(() => server.close());
    const { port } = server.address() as { port: number };
    const url = `https://localhost:${port}`;
    await assert.rejects(join(url, demo.invite('newcomer'), joinPath(demo.folder, 'newcomer')), /host name|authority/);
    assert.equal(bytes, 0);
  });

  test('and only forwards is of no use to it: it sees a TLS stream', async t => {
    const demo = await runFederation(t);
    const token = demo.invite('relayed');
    const seen: Buffer[] = [];
    const target = Number(new URL(demo.url).port);
    const relay = createTcpServer(client => {
      const upstream = connectPlain(target, '127.0.0.1');
      client.on('data', chunk => seen.push(chunk));
      client.pipe(upstream).pipe(client);
      for (const socket of [client, upstream]) socket.on('error', () => {});
    });
    await new Promise<void>(resolve => relay.listen(0, '127.0.0.1', resolve));
    t.after(() => relay.close());
    const { port } = relay.address() as { port: number };
    await join(`https://localhost:${port}`, token, joinPath(demo.folder, 'relayed'));
    const stream = Buffer.concat(seen);
    assert.ok(stream.length > 500);
    assert.equal(stream.includes(Buffer.from(parseToken(token).bytes)), false);
  });
});

describe('the registry', () => {
  test('of an earlier version, with two open invitations of a name, closes both when the member joins', async t => {
    const demo = await runFederation(t);
    const [first, second] = [demo.invite('double'), demo.invite('double')];
    const file = new DatabaseSync(demo.paths.registry);
    file.exec('DELETE FROM withdrawal'); // as before invitations withdrew each other
    file.close();
    await join(demo.url, first, joinPath(demo.folder, 'double'));
    assert.equal(await problemCode(() => join(demo.url, second, joinPath(demo.folder, 'double-2'))), 'bad-token');
    assert.equal(members(demo.home).filter(({ name }) => name === 'double').length, 1);
  });

  test('admits nobody with a certified key, and rolls the token back', async t => {
    const demo = await runFederation(t);
    const token = parseToken(demo.invite('second')).bytes;
    const { updateSigner } = await demo.member('first');
    const registry = new Registry(demo.paths.registry);
    t.after(() => registry.close());
    const issued = { der: new Uint8Array(1), pem: '', serial: 'aa', notAfterMs: Date.now() + 1000 };
    const stolen = { kind: 'update', publicKey: updateSigner.publicKey, issued } as const;
    assert.equal(await problemCode(() => registry.admit(tokenHash(token), [stolen], Date.now())), 'bad-csr');
    assert.equal(registry.member('second'), null);
    assert.equal(registry.invitation(tokenHash(token), Date.now()).name, 'second');
  });
});

/** A request that claims to be the coordinator, an authority and a web site. */
async function proudRequest(): Promise<Uint8Array> {
  const key = createKey();
  const csr = await x509.Pkcs10CertificateRequestGenerator.create({
    name: [{ CN: ['coordinator'] }, { O: ['demo'] }],
    keys: { privateKey: signingKey(key), publicKey: verifyingKey(publicKeyFromRaw(rawPublicKey(key))) },
    signingAlgorithm: { name: 'Ed25519' },
    extensions: [
      new x509.BasicConstraintsExtension(true, 3, true),
      new x509.SubjectAlternativeNameExtension([
        { type: 'url', value: 'spiffe://demo/coordinator/demo/coordinator' },
        { type: 'dns', value: 'localhost' },
      ]),
    ],
  });
  return new Uint8Array(csr.rawData);
}

async function p256Request(): Promise<Uint8Array> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = (await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
  const csr = await x509.Pkcs10CertificateRequestGenerator.create({
    name: 'CN=p256',
    keys,
    signingAlgorithm: algorithm,
  });
  return new Uint8Array(csr.rawData);
}

/** The identity point as a key, with the signature (R = identity, S = 0) that lax verifiers accept for every message. */
async function smallOrderRequest(): Promise<Uint8Array> {
  const key = createKey();
  const csr = Buffer.from(await createRequest(key));
  const identity = Buffer.alloc(32);
  identity[0] = 1;
  identity.copy(csr, csr.indexOf(Buffer.from(rawPublicKey(key))));
  Buffer.concat([identity, Buffer.alloc(32)]).copy(csr, csr.length - 64);
  return new Uint8Array(csr);
}

async function usedRequest(demo: RunningFederation): Promise<Uint8Array> {
  const key = createKey();
  const csr = await createRequest(key);
  const token = parseToken(demo.invite('owner')).bytes;
  const body = encodeCbor({ token, tlsCsr: csr, updateCsr: await createRequest(createKey()) });
  await postToAuthority(demo.url, '/v1/enrol', body, readFileSync(demo.paths.root, 'utf8'));
  return csr;
}

function answerTo(demo: RunningFederation, method: string, path: string, type?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const ca = readFileSync(demo.paths.root, 'utf8');
    const headers = type === undefined ? {} : { 'content-type': type };
    const sent = request(new URL(path, demo.url), { method, ca, agent: false, headers }, response => {
      const chunks: Buffer[] = [];
      response.on('data', chunk => chunks.push(chunk));
      response.on('end', () => {
        const body = JSON.parse(Buffer.concat(chunks).toString());
        assert.match(String(response.headers['content-type']), /^application\/problem\+json/);
        assert.deepEqual(Object.keys(body).sort(), ['code', 'remedy', 'status', 'title', 'type']);
        resolve(`${response.statusCode} ${body.code}`);
      });
    });
    sent.on('error', reject);
    sent.end(method === 'POST' ? 'hello' : undefined);
  });
}

function readAll(socket: Socket): Promise<string> {
  return new Promise(resolve => {
    const chunks: Buffer[] = [];
    socket.on('data', chunk => chunks.push(chunk));
    socket.on('error', () => {});
    socket.on('close', () => resolve(Buffer.concat(chunks).toString('latin1')));
  });
}
