import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Problem } from '../../../src/core/protocol/problem.ts';
import { createFederation, invite, revoke } from '../../../src/node/authority/federation.ts';
import { federationPaths } from '../../../src/node/authority/home.ts';
import { openIssuer } from '../../../src/node/authority/issuer.ts';
import { issueCrl } from '../../../src/node/pki/crl.ts';
import { NewestCrl } from '../../../src/node/pki/newest-crl.ts';

const code = (wanted: string) => (error: unknown) => error instanceof Problem && error.code === wanted;

/** A federation with its authorities, in a folder of this test's own. */
async function federationIn(t: TestContext, name = 'x') {
  const folder = mkdtempSync(join(tmpdir(), 'parley-crl-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const home = join(folder, 'federation');
  await createFederation(home, { federation: name, host: 'localhost', port: 1, authorityPort: 2 });
  const paths = federationPaths(home);
  const issuer = openIssuer(home);
  t.after(() => issuer.close());
  const authorities = { root: readFileSync(paths.root, 'utf8'), issuing: issuer.issuing.certificate };
  return {
    home,
    issuer,
    path: join(folder, 'crl.pem'),
    authorities: () => authorities,
    rootList: readFileSync(paths.rootCrl, 'utf8'),
    bundle: (): string => readFileSync(paths.crl, 'utf8'),
    list: (number: number) => issueCrl(issuer.issuing, [], { number, nowMs: Date.now(), lifeMs: 3_600_000 }),
  };
}

test('a member refuses a revocation list older than one it has seen, also after a restart', async t => {
  const { home, path, authorities, bundle } = await federationIn(t);
  const older = bundle();
  invite(home, { name: 'a', organisation: 'a', role: 'client', hours: 1 });
  await revoke(home, 'a');
  const newer = bundle();
  assert.notEqual(newer, older);

  const newest = new NewestCrl(path, authorities);
  newest.keep(newest.accept(older));
  newest.keep(newest.accept(newer));
  assert.throws(() => newest.accept(older), code('stale'));
  const restarted = new NewestCrl(path, authorities);
  assert.throws(() => restarted.accept(older), code('stale'));
  assert.equal(restarted.accept(newer).pem, newer);
});

test('lists that the authorities of the federation did not sign are refused, wherever they stand', async t => {
  const ours = await federationIn(t);
  const theirs = await federationIn(t); // another federation of the same name
  const { path, authorities, rootList } = ours;
  const newest = new NewestCrl(path, authorities);
  const [forged, first] = [await theirs.list(1_000_000), await ours.list(10)];
  const bundles = {
    'a forged list in front': `${forged}${rootList}${first}`,
    'two forged lists in front': `${forged}${forged}${rootList}${first}`,
    'a forged list behind': `${rootList}${first}${forged}`,
    'a forged list between': `${rootList}${forged}${first}`,
    'a forged list in the place of ours': `${rootList}${forged}`,
    "a forged list in the place of the root's": `${forged}${first}`,
    'only one list': first,
    "only the root's list": rootList,
    'a list twice': `${rootList}${first}${first}`,
    'an older list beside the newer': `${rootList}${await ours.list(11)}${first}`,
    'nothing of ours': theirs.bundle(),
  };
  for (const [what, bundle] of Object.entries(bundles)) {
    assert.throws(() => newest.accept(bundle), code('bad-request'), what);
  }
  newest.keep(newest.accept(`${rootList}${first}`));
  assert.equal(new NewestCrl(path, authorities).accept(`${rootList}${first}`).lists.length, 2);
});

test('a list is compared with that of its own authority, whatever the order in the bundle', async t => {
  const { path, authorities, rootList, list } = await federationIn(t);
  const [older, newer] = [await list(10), await list(11)];
  const newest = new NewestCrl(path, authorities);
  newest.keep(newest.accept(`${rootList}${newer}`));
  assert.equal(newest.accept(`${newer}${rootList}`).lists.length, 2);
  for (const bundle of [`${rootList}${older}`, `${older}${rootList}`]) {
    assert.throws(() => newest.accept(bundle), code('stale'));
    assert.throws(() => new NewestCrl(path, authorities).accept(bundle), code('stale'));
  }
});

test('what is no bundle is refused', async t => {
  const { path, authorities } = await federationIn(t);
  const newest = new NewestCrl(path, authorities);
  for (const text of ['', 'x', '-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n']) {
    assert.throws(() => newest.accept(text), code('bad-request'));
  }
});
