import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Problem } from '../../../src/core/protocol/problem.ts';
import { createFederation, invite, revoke } from '../../../src/node/authority/federation.ts';
import { federationPaths } from '../../../src/node/authority/home.ts';
import { NewestCrl } from '../../../src/node/pki/newest-crl.ts';

const code = (wanted: string) => (error: unknown) => error instanceof Problem && error.code === wanted;

test('a member refuses a revocation list older than one it has seen, also after a restart', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'parley-crl-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const home = join(folder, 'federation');
  await createFederation(home, { federation: 'x', host: 'localhost', port: 1, authorityPort: 2 });
  const read = (): string => readFileSync(federationPaths(home).crl, 'utf8');
  const older = read();
  invite(home, { name: 'a', organisation: 'a', role: 'client', hours: 1 });
  await revoke(home, 'a');
  const newer = read();
  assert.notEqual(newer, older);

  const path = join(folder, 'crl.pem');
  const newest = new NewestCrl(path);
  newest.keep(newest.accept(older));
  newest.keep(newest.accept(newer));
  assert.throws(() => newest.accept(older), code('stale'));
  const restarted = new NewestCrl(path);
  assert.throws(() => restarted.accept(older), code('stale'));
  assert.equal(restarted.accept(newer).pem, newer);
});

test('a bundle that was not kept does not count, and what is no bundle is refused', t => {
  const folder = mkdtempSync(join(tmpdir(), 'parley-crl-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const newest = new NewestCrl(join(folder, 'crl.pem'));
  for (const text of ['', 'x', '-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n']) {
    assert.throws(() => newest.accept(text), code('bad-request'));
  }
});
