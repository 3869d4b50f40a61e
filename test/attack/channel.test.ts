/** Attacks on the channel: who gets no connection, and what a connection does not allow; a run goes on meanwhile. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { connect as connectTcp } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import { revoke } from '../../src/node/authority/federation.ts';
import { openIssuer, sign } from '../../src/node/authority/issuer.ts';
import { lifeMs } from '../../src/node/pki/certificate.ts';
import type { Credentials } from '../../src/node/pki/credentials.ts';
import { createKey, privateKeyPem, rawPublicKey } from '../../src/node/pki/signer.ts';
import { clientTlsOptions } from '../../src/node/pki/tls-options.ts';
import { credentialsOf } from '../federation/by-hand.ts';
import { enrol } from '../federation/enrolled.ts';
import { type UnderAttack, underAttack } from './under-attack.ts';

describe('the coordinator gives no connection to', () => {
  const stack = new AsyncDisposableStack();
  let federation: UnderAttack;
  let mallory: Credentials;
  before(async () => {
    federation = await underAttack(stack, ['mallory', 'revoked']);
    mallory = credentialsOf(federation.enrolled, 'mallory');
  });
  after(() => stack.disposeAsync());

  /** Connects, sends the bytes, and resolves with what came back before the server ended the connection. */
  const plain = (bytes: string): Promise<string> => received(connectTcp(federation.enrolled.port, '127.0.0.1'), bytes);
  const secure = (options: ConnectionOptions, bytes = http2Start): Promise<string> =>
    received(
      connectTls({ ...options, port: federation.enrolled.port, host: '127.0.0.1', servername: 'localhost' }),
      bytes,
    );

  const cases: { who: string; code: string; detail: string; client?: string; attack: () => Promise<string> }[] = [
    {
      who: 'HTTP/1.1 in plain text',
      code: 'plain-text',
      detail: 'HTTP without TLS',
      attack: () => plain('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n'),
    },
    { who: 'HTTP/2 in plain text', code: 'plain-text', detail: 'not TLS', attack: () => plain(http2Start) },
    { who: 'bytes that are no TLS', code: 'plain-text', detail: 'not TLS', attack: () => plain('\0'.repeat(64)) },
    {
      who: 'TLS 1.2',
      code: 'bad-request',
      detail: 'TLS older than 1.3',
      attack: () => secure({ ...clientTlsOptions(mallory, undefined), minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' }),
    },
    {
      who: 'HTTP/1.1 over TLS',
      code: 'bad-request',
      detail: 'not HTTP/2',
      attack: () => secure({ ...clientTlsOptions(mallory, undefined), ALPNProtocols: ['http/1.1'] }),
    },
    {
      who: 'nobody: no client certificate',
      code: 'unauthenticated',
      detail: 'no client certificate',
      attack: () => secure({ ...clientTlsOptions(mallory, undefined), key: undefined, cert: undefined }),
    },
    {
      who: 'a member of another federation with the same names',
      code: 'unauthenticated',
      detail: 'certificate of another authority',
      attack: async () => {
        const other = await enrol(join(federation.folder, 'other'), ['mallory']);
        return secure({ ...clientTlsOptions(credentialsOf(other, 'mallory'), undefined), ca: mallory.tls.ca });
      },
    },
    {
      who: 'an expired certificate',
      code: 'unauthenticated',
      detail: 'the certificate has expired',
      client: 'mallory',
      attack: async () =>
        secure({ ...clientTlsOptions(mallory, undefined), ...(await expiredLeaf(federation, mallory)) }),
    },
    {
      who: 'an update certificate',
      code: 'unauthenticated',
      detail: 'a certificate for another purpose',
      client: 'mallory',
      attack: () => {
        const pair = readFileSync(join(federation.enrolled.memberHome('mallory'), 'credentials', 'update.pem'), 'utf8');
        return secure({ ...clientTlsOptions(mallory, undefined), key: pair, cert: `${pair}${mallory.issuing}` });
      },
    },
    {
      who: 'a revoked member',
      code: 'revoked',
      detail: 'the certificate was revoked',
      client: 'revoked',
      attack: async () => {
        const credentials = credentialsOf(federation.enrolled, 'revoked');
        await revoke(federation.enrolled.home, 'revoked');
        // Effective within a second: until then the greeting of an HTTP/2 server comes back.
        for (;;) {
          const answer = await secure(clientTlsOptions(credentials, undefined));
          if (answer === '') return answer;
        }
      },
    },
  ];

  for (const { who, code, detail, client, attack } of cases) {
    test(who, async () => {
      let answer = 'nothing yet';
      const log = await federation.during(async () => {
        answer = await attack();
      });
      assert.equal(answer, '', 'not a byte of HTTP/2 comes back');
      assert.deepEqual(
        log.filter(({ event }) => event === 'refused').map(line => [line.code, line.detail, line.client, line.address]),
        [[code, detail, client, '127.0.0.1']],
      );
    });
  }
});

/** The preface of a client and empty settings (RFC 9113 §3.4). */
const http2Start = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0';

function received(socket: import('node:net').Socket, bytes: string): Promise<string> {
  return new Promise(resolve => {
    const chunks: Buffer[] = [];
    socket.on('data', chunk => {
      chunks.push(chunk);
      socket.destroy(); // enough: an answer came
    });
    socket.on('error', () => socket.destroy());
    socket.on('close', () => resolve(Buffer.concat(chunks).toString('latin1')));
    socket.write(bytes, 'latin1');
  });
}

async function expiredLeaf({ enrolled }: UnderAttack, { principal, issuing }: Credentials) {
  const issuer = openIssuer(enrolled.home);
  try {
    const key = createKey();
    const nowMs = Date.now() - lifeMs.tls - 60_000;
    const { issued } = await sign(issuer, { kind: 'tls', principal, hosts: [], publicKey: rawPublicKey(key), nowMs });
    return { key: privateKeyPem(key), cert: `${issued.pem}${issuing}` };
  } finally {
    issuer.close();
  }
}
