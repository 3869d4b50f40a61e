/** Update certificates and TLS peers: what is accepted, and every neighbour of it that is not. */
import 'reflect-metadata';
import assert from 'node:assert/strict';
import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import { before, describe, test } from 'node:test';
import * as x509 from '@peculiar/x509';
import { Problem } from '../../../src/core/protocol/problem.ts';
import {
  issueIssuing,
  issueLeaf,
  issueRoot,
  lifeMs,
  signingKey,
  tlsUsages,
  updateUsage,
  verifyingKey,
} from '../../../src/node/pki/certificate.ts';
import { issueCrl, parseCrl, revocationListOf } from '../../../src/node/pki/crl.ts';
import { createKey, rawPublicKey, signerOf } from '../../../src/node/pki/signer.ts';
import { principalOfPeer, type UpdateTrust, verifyUpdateCertificate } from '../../../src/node/pki/verify.ts';

const now = Date.UTC(2031, 4, 1, 12);
const principal = { federation: 'demo', role: 'client', organisation: 'a', name: 's1' } as const;
const uri = 'spiffe://demo/client/a/s1';

interface Authority {
  rootKey: KeyObject;
  issuingKey: KeyObject;
  root: string;
  issuing: string;
}

async function createAuthority(federation = 'demo'): Promise<Authority> {
  const [rootKey, issuingKey] = [createKey(), createKey()];
  const root = (await issueRoot(federation, rootKey, now)).pem;
  const issuing = (await issueIssuing(federation, createPublicKey(issuingKey), rootKey, now)).pem;
  return { rootKey, issuingKey, root, issuing };
}

async function trustOf(authority: Authority, revoked: string[] = [], crlMs = now, nowMs = now): Promise<UpdateTrust> {
  const { root, rootKey, issuing, issuingKey } = authority;
  const settings = { number: 300, nowMs: crlMs, lifeMs: 86_400_000 };
  const bundle =
    (await issueCrl({ certificate: root, key: rootKey }, [], settings)) +
    (await issueCrl(
      { certificate: issuing, key: issuingKey },
      revoked.map(serial => ({ serial, revokedMs: crlMs })),
      settings,
    ));
  return { federation: 'demo', root, issuing, crl: parseCrl(bundle), nowMs };
}

const leaf = (authority: Authority, kind: 'tls' | 'update', key = createKey(), nowMs = now) =>
  issueLeaf(
    { kind, principal, hosts: [], publicKey: rawPublicKey(key), nowMs },
    { certificate: authority.issuing, key: authority.issuingKey },
  );

const codeOf = (action: () => unknown): string => {
  try {
    action();
    return 'accepted';
  } catch (error) {
    return error instanceof Problem ? error.code : `${error}`;
  }
};

describe('an update certificate', () => {
  let authority: Authority;
  before(async () => {
    authority = await createAuthority();
  });

  test('gives its principal, key, hash and serial number', async () => {
    const key = createKey();
    const { der, serial, notAfterMs } = await leaf(authority, 'update', key);
    const verified = verifyUpdateCertificate(der, await trustOf(authority));
    const hash = new Uint8Array(createHash('sha256').update(der).digest());
    assert.deepEqual(verified, { principal, publicKey: signerOf(key).publicKey, hash, serial, notAfterMs });
    assert.equal(notAfterMs, now + lifeMs.update);
  });

  test('is refused when it is a TLS certificate, and is refused as a TLS peer', async () => {
    const trust = await trustOf(authority);
    const [tls, update] = [await leaf(authority, 'tls'), await leaf(authority, 'update')];
    assert.equal(
      codeOf(() => verifyUpdateCertificate(tls.der, trust)),
      'unauthenticated',
    );
    assert.equal(
      codeOf(() => principalOfPeer(update.der, 'demo')),
      'unauthenticated',
    );
    assert.equal(
      codeOf(() => verifyUpdateCertificate(update.der, trust)),
      'accepted',
    );
    assert.deepEqual(principalOfPeer(tls.der, 'demo'), {
      ...principal,
      serial: tls.serial,
      notAfterMs: tls.notAfterMs,
    });
  });

  test('is refused from another authority, also one of the same name', async () => {
    const trust = await trustOf(authority);
    const { der } = await leaf(await createAuthority(), 'update');
    assert.equal(
      codeOf(() => verifyUpdateCertificate(der, trust)),
      'unauthenticated',
    );
    const other = await createAuthority('other');
    const foreign = await issueLeaf(
      {
        kind: 'update',
        principal: { ...principal, federation: 'other' },
        hosts: [],
        publicKey: rawPublicKey(createKey()),
        nowMs: now,
      },
      { certificate: other.issuing, key: other.issuingKey },
    );
    assert.equal(
      codeOf(() => verifyUpdateCertificate(foreign.der, { ...trust, root: other.root, issuing: other.issuing })),
      'unauthenticated',
    );
  });

  test('is refused before its time, from its end on, and after the end of the issuing certificate', async () => {
    const { der } = await leaf(authority, 'update');
    const at = async (nowMs: number) => codeOf(() => verifyUpdateCertificate(der, { ...trust, nowMs }));
    const trust = await trustOf(authority, [], now, now);
    const wide = { ...trust, crl: parseCrl(trust.crl.pem) };
    assert.equal(await at(now), 'accepted');
    assert.equal(await at(now - 6 * 60_000), 'unauthenticated');
    const later = await trustOf(authority, [], now + lifeMs.update - 1000);
    for (const [nowMs, expected] of [
      [now + lifeMs.update - 1, 'accepted'],
      [now + lifeMs.update, 'unauthenticated'],
    ] as const) {
      assert.equal(
        codeOf(() => verifyUpdateCertificate(der, { ...later, nowMs })),
        expected,
      );
    }
    assert.equal(
      codeOf(() => verifyUpdateCertificate(der, { ...wide, nowMs: now + 2 * lifeMs.issuing })),
      'unauthenticated',
    );
    const nearEnd = await leaf(authority, 'update', createKey(), now + lifeMs.issuing - 86_400_000);
    assert.equal(nearEnd.notAfterMs, now + lifeMs.issuing);
  });

  test('is refused when revoked, and when a list is expired, missing or signed by another', async () => {
    const { der, serial } = await leaf(authority, 'update');
    const trust = await trustOf(authority);
    assert.equal(
      codeOf(() => verifyUpdateCertificate(der, trust)),
      'accepted',
    );
    const revoked = await trustOf(authority, [serial]);
    assert.equal(
      codeOf(() => verifyUpdateCertificate(der, revoked)),
      'revoked',
    );
    assert.deepEqual([...revoked.crl.revoked], [serial]);
    assert.equal(
      codeOf(() => verifyUpdateCertificate(der, { ...trust, nowMs: now + 86_400_000 })),
      'unauthenticated',
    );
    const rootOnly = parseCrl(trust.crl.pem.slice(0, trust.crl.pem.indexOf('-----END X509 CRL-----') + 23));
    assert.equal(rootOnly.lists.length, 1);
    assert.equal(
      codeOf(() => verifyUpdateCertificate(der, { ...trust, crl: rootOnly })),
      'unauthenticated',
    );
    const foreign = await trustOf(await createAuthority());
    assert.equal(
      codeOf(() => verifyUpdateCertificate(der, { ...trust, crl: foreign.crl })),
      'unauthenticated',
    );
  });

  test('that verified once is judged anew each time: by the list, the hour and the authority', async () => {
    const { der, serial } = await leaf(authority, 'update');
    const trust = await trustOf(authority);
    const other = await createAuthority();
    for (const round of [1, 2]) {
      assert.equal(
        codeOf(() => verifyUpdateCertificate(der, trust)),
        'accepted',
        `round ${round}`,
      );
      const { crl } = await trustOf(authority, [serial]);
      assert.equal(
        codeOf(() => verifyUpdateCertificate(der, { ...trust, crl })),
        'revoked',
      );
      assert.equal(
        codeOf(() => verifyUpdateCertificate(der, { ...trust, nowMs: now - 6 * 60_000 })),
        'unauthenticated',
      );
      assert.equal(
        codeOf(() => verifyUpdateCertificate(der, { ...trust, root: other.root, issuing: other.issuing })),
        'unauthenticated',
      );
      assert.equal(
        codeOf(() => verifyUpdateCertificate(der, { ...trust, federation: 'other' })),
        'unauthenticated',
      );
    }
    const first = verifyUpdateCertificate(der, trust);
    first.publicKey.fill(0);
    assert.notDeepEqual(verifyUpdateCertificate(der, trust).publicKey, first.publicKey);
  });

  test('has one encoding: altered, extended and truncated bytes are refused', async () => {
    const trust = await trustOf(authority);
    const { der } = await leaf(authority, 'update');
    for (let at = 0; at < der.length; at += 7) {
      const altered = Uint8Array.from(der);
      altered[at] ^= 0x01;
      assert.notEqual(
        codeOf(() => verifyUpdateCertificate(altered, trust)),
        'accepted',
        `byte ${at}`,
      );
    }
    for (const bytes of [Uint8Array.of(...der, 0), der.subarray(0, -1), new Uint8Array(0)]) {
      assert.equal(
        codeOf(() => verifyUpdateCertificate(bytes, trust)),
        'unauthenticated',
      );
    }
  });
});

describe('a certificate outside the profile is refused:', () => {
  const constraints = new x509.BasicConstraintsExtension(false, undefined, true);
  const keyUsage = new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true);
  const usage = (usages: string[]) => new x509.ExtendedKeyUsageExtension(usages, false);
  const names = (...items: x509.JsonGeneralNames) => new x509.SubjectAlternativeNameExtension(items);
  const url = (value: string): x509.JsonGeneralName => ({ type: 'url', value });
  const good = { constraints, keyUsage, usage: usage(tlsUsages), names: names(url(uri)) };
  const cases: Record<string, Partial<Record<string, x509.Extension | undefined>>> = {
    'two identities': { names: names(url(uri), url('spiffe://demo/coordinator/demo/coordinator')) },
    'the same identity twice': { names: names(url(uri), url(uri)) },
    'no identity': { names: names({ type: 'dns', value: 'localhost' }) },
    'no names at all': { names: undefined },
    'an identity of another form': { names: names(url('https://demo/client/a/s1')) },
    'the identity of an authority': { names: names(url('spiffe://demo')) },
    'another federation': { names: names(url('spiffe://other/client/a/s1')) },
    'an e-mail beside the identity': { names: names(url(uri), { type: 'email', value: 'a@example.org' }) },
    'an authority': { constraints: new x509.BasicConstraintsExtension(true, 0, true) },
    'a key that signs certificates': {
      keyUsage: new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.keyCertSign, true),
    },
    'no word on being an authority': { constraints: undefined },
    'no key usage': { keyUsage: undefined },
    'server use only': { usage: usage(tlsUsages.slice(0, 1)) },
    'both purposes': { usage: usage([...tlsUsages, updateUsage]) },
    'any purpose': { usage: usage(['2.5.29.37.0']) },
    'no purpose': { usage: undefined },
    'an unknown extension': { more: new x509.Extension('1.2.3.4', false, new Uint8Array([5, 0])) },
    'two extensions with names': { more: names(url('spiffe://demo/operator/demo/operator')) },
  };
  const certificate = async (parts: Record<string, x509.Extension | undefined>): Promise<Uint8Array> => {
    const key = createKey();
    const made = await x509.X509CertificateGenerator.create({
      serialNumber: '41',
      subject: 'CN=s1',
      issuer: 'CN=demo issuing',
      publicKey: verifyingKey(createPublicKey(key)),
      signingKey: signingKey(createKey()),
      signingAlgorithm: { name: 'Ed25519' },
      extensions: Object.values(parts).filter(part => part !== undefined),
    });
    return new Uint8Array(made.rawData);
  };

  test('nothing of this', async () => {
    assert.equal(principalOfPeer(await certificate(good), 'demo').name, 's1');
  });
  for (const [name, change] of Object.entries(cases)) {
    test(name, async () => {
      const der = await certificate({ ...good, ...change });
      assert.equal(
        codeOf(() => principalOfPeer(der, 'demo')),
        'unauthenticated',
      );
    });
  }
});

describe('a revocation list', () => {
  test('of 10,000 entries is issued and read back, whatever the number', async () => {
    const { root, rootKey } = await createAuthority();
    const entries = Array.from({ length: 10_000 }, (_, i) => ({
      serial: (2n ** 126n + BigInt(i)).toString(16),
      revokedMs: now,
    }));
    for (const number of [1, 127, 128, 255, 256, 65_536, Number.MAX_SAFE_INTEGER]) {
      const some = number === 128 ? entries : [];
      const crl = parseCrl(
        await issueCrl({ certificate: root, key: rootKey }, some, { number, nowMs: now, lifeMs: 1000 }),
      );
      assert.equal(crl.lists[0].number, number);
      assert.equal(crl.revoked.size, some.length);
      assert.equal(revocationListOf(crl, root), crl.lists[0]);
    }
    assert.throws(() => parseCrl('-----BEGIN CERTIFICATE-----'), TypeError);
  });
});
