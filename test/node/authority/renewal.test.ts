/** Renewal: who may have a new certificate, and credentials that stay usable whatever happens meanwhile. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { renameSync, writeFileSync } from 'node:fs';
import { join as joinPath } from 'node:path';
import { before, describe, test } from 'node:test';
import type { LogEvent } from '../../../src/core/protocol/ports.ts';
import { UserError } from '../../../src/core/protocol/problem.ts';
import { enrol, renew } from '../../../src/node/authority/admission.ts';
import { members, revoke } from '../../../src/node/authority/federation.ts';
import { type Issuer, openIssuer } from '../../../src/node/authority/issuer.ts';
import { join } from '../../../src/node/authority/join.ts';
import { type RenewRequest, renewalMessage } from '../../../src/node/authority/messages.ts';
import { operatorCredentials, reviveCoordinator } from '../../../src/node/authority/own-processes.ts';
import { keepRenewed, renewalTimeMs, renewCertificate } from '../../../src/node/authority/renewal.ts';
import { parseToken } from '../../../src/node/authority/token.ts';
import { derOfPem, lifeMs } from '../../../src/node/pki/certificate.ts';
import { loadCredentials, loadKeyPair } from '../../../src/node/pki/credentials.ts';
import { readCrl } from '../../../src/node/pki/crl.ts';
import { createRequest } from '../../../src/node/pki/request.ts';
import { createKey, parsePrivateKey, signerOf } from '../../../src/node/pki/signer.ts';
import { readLeaf } from '../../../src/node/pki/verify.ts';
import { problemCode, type RunningFederation, runFederation } from './running-federation.ts';

const folderOf = (demo: RunningFederation, name: string): string => joinPath(demo.memberHome(name), 'credentials');

/** A member whose certificates were issued at `nowMs`, without the network; returns its keys and certificates. */
async function memberAt(demo: RunningFederation, issuer: Issuer, name: string, nowMs: number) {
  const keys = { tls: createKey(), update: createKey() };
  const token = parseToken(demo.invite(name, {}, nowMs)).bytes;
  const answer = await enrol(
    issuer,
    { token, tlsCsr: await createRequest(keys.tls), updateCsr: await createRequest(keys.update) },
    nowMs,
  );
  return { keys, tls: answer.tlsCertificate, update: answer.updateCertificate };
}

/** A renewal request signed by `key`. */
async function renewalOf(
  certificate: Uint8Array,
  key: ReturnType<typeof createKey>,
  time: number,
  change: Partial<RenewRequest> = {},
) {
  const request = {
    certificate,
    csr: await createRequest(createKey()),
    time,
    nonce: new Uint8Array(randomBytes(32)),
    ...change,
  };
  return { ...request, signature: signerOf(key).sign(renewalMessage('demo', request)) };
}

describe('the authority renews', () => {
  let demo: RunningFederation;
  let issuer: Issuer;
  const hooks: (() => void | Promise<void>)[] = [];
  const now = Date.now();
  before(async () => {
    demo = await runFederation({ after: hook => void hooks.push(hook as () => void) });
    issuer = openIssuer(demo.home);
    hooks.push(() => issuer.close());
  });
  test.after(async () => {
    for (const hook of hooks.reverse()) await hook();
  });
  const answer = (request: RenewRequest, nowMs = now): Promise<string> =>
    problemCode(() => renew(issuer, request, nowMs));

  test('a certificate for a new key of the same member and kind', async () => {
    const { keys, tls, update } = await memberAt(demo, issuer, 'regular', now);
    for (const [kind, der] of [
      ['tls', tls],
      ['update', update],
    ] as const) {
      const { answer, name } = await renew(issuer, await renewalOf(der, keys[kind], now), now + 60_000);
      const [before, after] = [readLeaf(der, kind, 'demo'), readLeaf(answer.certificate, kind, 'demo')];
      assert.deepEqual(after.principal, before.principal);
      assert.equal(name, 'regular');
      assert.notEqual(after.serial, before.serial);
      assert.ok(after.notAfterMs > before.notAfterMs);
    }
  });

  test('once per request: a replay is refused, also after a restart of the authority', async () => {
    const { keys, tls } = await memberAt(demo, issuer, 'replayed', now);
    const request = await renewalOf(tls, keys.tls, now);
    assert.equal(await answer(request), 'accepted');
    assert.equal(await answer(request), 'replayed');
    const restarted = openIssuer(demo.home);
    assert.equal(await problemCode(() => renew(restarted, request, now + 119_000)), 'replayed');
    restarted.close();
    assert.equal(await answer(request, now + 121_000), 'stale');
  });

  test('nothing for another key, another request, another time or another federation', async () => {
    const { keys, tls, update } = await memberAt(demo, issuer, 'victim', now);
    const good = await renewalOf(tls, keys.tls, now);
    const other = { ...good, signature: signerOf(keys.tls).sign(renewalMessage('other', good)) };
    const cases: Record<string, [RenewRequest, string]> = {
      "another member's key": [await renewalOf(tls, createKey(), now), 'bad-signature'],
      'the update key for the TLS certificate': [await renewalOf(tls, keys.update, now), 'bad-signature'],
      'the TLS key for the update certificate': [await renewalOf(update, keys.tls, now), 'bad-signature'],
      'another request under the signature': [{ ...good, csr: await createRequest(createKey()) }, 'bad-signature'],
      'another time under the signature': [{ ...good, time: now + 1 }, 'bad-signature'],
      'another federation': [other, 'bad-signature'],
      'a clock that is behind': [await renewalOf(tls, keys.tls, now - 121_000), 'stale'],
      'a clock that is ahead': [await renewalOf(tls, keys.tls, now + 121_000), 'stale'],
      'the key that is certified already': [
        await renewalOf(tls, keys.tls, now, { csr: await createRequest(keys.tls) }),
        'bad-csr',
      ],
      'a request without proof': [await renewalOf(tls, keys.tls, now, { csr: new Uint8Array(64) }), 'bad-csr'],
      'the issuing certificate': [
        await renewalOf(derOfPem(issuer.issuing.certificate), issuer.issuing.key, now),
        'unauthenticated',
      ],
      'no certificate': [await renewalOf(new Uint8Array(9), keys.tls, now), 'unauthenticated'],
    };
    for (const [name, [request, code]] of Object.entries(cases)) assert.equal(await answer(request), code, name);
    assert.equal(await answer(good), 'accepted');
  });

  test('nothing for a certificate of another authority of the same name', async t => {
    const evil = await runFederation(t, 'demo');
    const evilIssuer = openIssuer(evil.home);
    t.after(() => evilIssuer.close());
    const { keys, tls } = await memberAt(evil, evilIssuer, 'regular', now);
    assert.equal(await answer(await renewalOf(tls, keys.tls, now)), 'unauthenticated');
  });

  test('nothing for an expired certificate', async () => {
    const { keys, tls, update } = await memberAt(demo, issuer, 'sleeper', now - lifeMs.tls);
    assert.equal(await answer(await renewalOf(tls, keys.tls, now)), 'unauthenticated');
    assert.equal(await answer(await renewalOf(update, keys.update, now)), 'accepted');
  });

  test('nothing for a revoked member', async () => {
    const { keys, tls, update } = await memberAt(demo, issuer, 'outcast', now);
    await revoke(demo.home, 'outcast');
    assert.equal(await answer(await renewalOf(tls, keys.tls, now)), 'revoked');
    assert.equal(await answer(await renewalOf(update, keys.update, now)), 'revoked');
  });

  test('not without end for a member that never stops asking', async () => {
    const { keys, tls } = await memberAt(demo, issuer, 'greedy', now);
    const codes = new Set<string>();
    for (let i = 0; i < 40; i++) codes.add(await answer(await renewalOf(tls, keys.tls, now)));
    assert.deepEqual([...codes].sort(), ['accepted', 'too-many']);
  });
});

describe('a member', () => {
  test('renews at half of the life of each certificate, ± 10 %, the same after a restart', () => {
    const life = { notBeforeMs: 0, notAfterMs: 86_400_000 };
    const times = Array.from(
      { length: 200 },
      (_, i) => renewalTimeMs({ ...life, serial: String(i) }) / life.notAfterMs,
    );
    assert.ok(times.every(time => time >= 0.45 && time <= 0.55));
    assert.ok(Math.max(...times) - Math.min(...times) > 0.09);
    assert.equal(renewalTimeMs({ ...life, serial: '7' }), renewalTimeMs({ ...life, serial: '7' }));
  });

  test('renews what is due and hands the new credentials over, without a restart', async t => {
    const demo = await runFederation(t);
    const before = await demo.member('alice');
    const log: LogEvent[] = [];
    const seen: string[] = [];
    const keeper = keepRenewed(demo.memberHome('alice'), {
      onRenewed: credentials => seen.push(credentials.tls.cert),
      log: event => log.push(event),
    });
    t.after(keeper.close);
    assert.equal(await keeper.check(), false);
    await renewCertificate(demo.memberHome('alice'), 'tls', Date.now());
    assert.equal(await keeper.check(), true);
    assert.equal(await keeper.check(), false);
    const after = loadCredentials(folderOf(demo, 'alice'));
    assert.deepEqual(seen, [after.tls.cert]);
    assert.notEqual(after.tls.key, before.tls.key);
    assert.deepEqual(after.updateCertificateHash, before.updateCertificateHash);
    assert.deepEqual(
      log.map(({ event }) => event),
      ['certificate-renewed'],
    );
  });

  test('finds its certificate due on the wall clock, and is told when the authority refuses its clock', async t => {
    const demo = await runFederation(t);
    await demo.member('alice');
    let clock = Date.now();
    const keeper = keepRenewed(demo.memberHome('alice'), { onRenewed: () => {}, log: () => {}, clock: () => clock });
    t.after(keeper.close);
    clock += 0.44 * lifeMs.tls;
    assert.equal(await keeper.check(), false);
    clock += 0.12 * lifeMs.tls;
    assert.equal(await problemCode(() => keeper.check()), 'stale');
    clock += lifeMs.tls;
    await assert.rejects(
      keeper.check(),
      (error: UserError) => /expired/.test(error.message) && /parley invite alice --replace/.test(error.remedy),
    );
  });

  test('keeps working credentials at every step of a renewal that breaks off', async t => {
    const demo = await runFederation(t);
    const home = demo.memberHome('alice');
    const before = await demo.member('alice');
    await demo.close();
    await assert.rejects(renewCertificate(home, 'tls', Date.now()), UserError);
    assert.deepEqual(loadCredentials(folderOf(demo, 'alice')).tls, before.tls);
    // A crash before the rename leaves a temporary file: a new key without any use.
    writeFileSync(joinPath(folderOf(demo, 'alice'), '.tls.pem.123456.tmp'), 'half a ke', { mode: 0o600 });
    assert.deepEqual(loadCredentials(folderOf(demo, 'alice')).tls, before.tls);
    // Key and certificate are one file: there is no instant at which they differ.
    const { pair, leaf } = loadKeyPair(folderOf(demo, 'alice'), 'tls', Date.now());
    assert.deepEqual(signerOf(parsePrivateKey(pair.key)).publicKey.length, 32);
    assert.equal(leaf.principal.name, 'alice');
  });

  test('that expired gets new keys for its name by an explicit invitation, and its old ones are revoked', async t => {
    const demo = await runFederation(t);
    const before = await demo.member('alice');
    const old = readLeaf(before.updateCertificate, 'update', 'demo').serial;
    const token = demo.invite('alice', { replace: true });
    const home = demo.memberHome('alice');
    await assert.rejects(join(demo.url, token, home), /belongs to a member already/);
    const stranger = await runFederation(t, 'other');
    await assert.rejects(join(stranger.url, stranger.invite('alice'), home, { replace: true }), /another federation/);
    const after = await join(demo.url, token, home, { replace: true });
    assert.deepEqual(after.principal, before.principal);
    assert.ok(readCrl(demo.paths.crl).revoked.has(old));
    assert.equal(
      readCrl(demo.paths.crl).revoked.has(readLeaf(after.updateCertificate, 'update', 'demo').serial),
      false,
    );
    await assert.rejects(join(demo.url, demo.invite('bob'), home, { replace: true }), /belongs to alice/);
  });
});

describe("the federation's own processes", () => {
  test('renew over the network like everyone, keeping their host names', async t => {
    const demo = await runFederation(t);
    await renewCertificate(demo.paths.coordinator, 'tls', Date.now());
    const { leaf } = loadKeyPair(joinPath(demo.paths.coordinator, 'credentials'), 'tls', Date.now());
    assert.match(
      leaf.certificate.subjectAltName ?? '',
      /^URI:spiffe:\/\/demo\/coordinator\/demo\/coordinator, DNS:localhost, IP Address:127/,
    );
  });

  test('get new certificates on this machine after they expired, while the authority is here', async t => {
    const demo = await runFederation(t);
    const now = Date.now();
    const current = await operatorCredentials(demo.home, now);
    assert.equal((await operatorCredentials(demo.home, now)).tls.cert, current.tls.cert);
    const later = now + 3 * lifeMs.tls;
    const next = await operatorCredentials(demo.home, later);
    assert.deepEqual(next.principal, { federation: 'demo', role: 'operator', organisation: 'demo', name: 'operator' });
    assert.ok(next.notAfter > later);
    const issuer = openIssuer(demo.home);
    t.after(() => issuer.close());
    assert.equal(await reviveCoordinator(issuer, now), false);
    assert.equal(await reviveCoordinator(issuer, later), true);
    assert.equal(members(demo.home, later).find(({ name }) => name === 'coordinator')?.status, 'active');
    renameSync(demo.paths.issuingKey, `${demo.paths.issuingKey}.away`);
    await assert.rejects(operatorCredentials(demo.home, later + 3 * lifeMs.tls), /expired/);
  });
});
