/** Key files: who may read them, what is refused, and what a crash leaves behind. */
import assert from 'node:assert/strict';
import { verify } from 'node:crypto';
import { chmodSync, globSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { UserError } from '../../../src/core/protocol/problem.ts';
import { openIssuer, publishCrl } from '../../../src/node/authority/issuer.ts';
import { writeDurable } from '../../../src/node/durable-file.ts';
import { lifeMs } from '../../../src/node/pki/certificate.ts';
import { loadCredentials } from '../../../src/node/pki/credentials.ts';
import { newerCrl, readCrl, watchCrl } from '../../../src/node/pki/crl.ts';
import { publicKeyFromRaw } from '../../../src/node/pki/signer.ts';
import { type RunningFederation, runFederation, temporaryFolder } from '../authority/running-federation.ts';

const mode = (path: string): number => statSync(path).mode & 0o777;

describe('the credentials of a member', () => {
  let demo: RunningFederation;
  let folder: string;
  const hooks: (() => void | Promise<void>)[] = [];
  before(async () => {
    demo = await runFederation({ after: hook => void hooks.push(hook as () => void) });
    await demo.member('alice');
    folder = join(demo.memberHome('alice'), 'credentials');
  });
  test.after(async () => {
    for (const hook of hooks.reverse()) await hook();
  });

  test('load, and sign with the key of the update certificate', () => {
    const { principal, updateSigner, updateCertificateHash, notAfter, home } = loadCredentials(folder);
    assert.deepEqual(principal, { federation: 'demo', role: 'client', organisation: 'alice-hospital', name: 'alice' });
    const message = new TextEncoder().encode('an update');
    assert.ok(verify(null, message, publicKeyFromRaw(updateSigner.publicKey), updateSigner.sign(message)));
    assert.equal(updateCertificateHash.length, 32);
    assert.ok(notAfter > Date.now() && notAfter <= Date.now() + lifeMs.tls);
    assert.equal(home, demo.memberHome('alice'));
  });

  test('and of the federation lie in folders and files that only their owner may read', {
    skip: process.platform === 'win32',
  }, () => {
    const keys = globSync('**/{*.key,tls.pem,update.pem}', { cwd: demo.folder });
    assert.equal(keys.length, 2 + 2 * 3);
    for (const key of keys) assert.equal(mode(join(demo.folder, key)), 0o600, key);
    for (const path of [
      demo.home,
      demo.paths.authority,
      `${demo.paths.coordinator}/credentials`,
      demo.memberHome('alice'),
      folder,
    ]) {
      assert.equal(mode(path), 0o700, path);
    }
  });

  test('are refused when others may read a key, with the path and the remedy', {
    skip: process.platform === 'win32',
  }, () => {
    const path = join(folder, 'update.pem');
    for (const wrong of [0o640, 0o604, 0o660]) {
      chmodSync(path, wrong);
      assert.throws(
        () => loadCredentials(folder),
        (error: UserError) => error.message.includes(path) && error.remedy.includes('chmod 600'),
      );
    }
    chmodSync(path, 0o600);
    loadCredentials(folder);
  });

  test('are refused when missing, expired, mixed up or damaged', async t => {
    const other = await temporaryFolder(t);
    const copy = (change: (files: Record<string, string>) => void): string => {
      const files = Object.fromEntries(
        ['tls.pem', 'update.pem', 'root.crt', 'issuing.crt'].map(name => [
          name,
          readFileSync(join(folder, name), 'utf8'),
        ]),
      );
      change(files);
      rmSync(other, { recursive: true, force: true });
      mkdirSync(other);
      for (const [name, text] of Object.entries(files)) writeFileSync(join(other, name), text, { mode: 0o600 });
      return other;
    };
    assert.equal(loadCredentials(copy(() => {})).principal.name, 'alice');
    assert.throws(() => loadCredentials(folder, Date.now() + lifeMs.tls), /alice expired at .*Z/);
    assert.throws(
      () => loadCredentials(join(folder, 'nowhere')),
      (error: UserError) => error.remedy.includes('parley join'),
    );
    const keyOf = (text: string): string => text.slice(0, text.indexOf('-----BEGIN CERTIFICATE'));
    const changes: Record<string, (files: Record<string, string>) => void> = {
      'swapped pairs': files => {
        [files['tls.pem'], files['update.pem']] = [files['update.pem'], files['tls.pem']];
      },
      "another certificate's key": files => {
        files['tls.pem'] = files['tls.pem'].replace(keyOf(files['tls.pem']), keyOf(files['update.pem']));
      },
      'half a file': files => {
        files['tls.pem'] = files['tls.pem'].slice(0, 300);
      },
      'an empty file': files => {
        files['update.pem'] = '';
      },
    };
    for (const [name, change] of Object.entries(changes)) {
      assert.throws(
        () => loadCredentials(copy(change)),
        (error: UserError) => error instanceof UserError && error.message.includes('not a key'),
        name,
      );
    }
  });
});

test('a durable write replaces a file whole, with its mode, and leaves nothing beside it', async t => {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'file');
  writeDurable(path, 'old', 0o644);
  writeDurable(path, 'new', 0o600);
  assert.equal(readFileSync(path, 'utf8'), 'new');
  if (process.platform !== 'win32') assert.equal(mode(path), 0o600);
  mkdirSync(join(folder, 'taken'));
  assert.throws(() => writeDurable(join(folder, 'taken'), 'bytes', 0o600));
  assert.deepEqual(globSync('**', { cwd: folder }).sort(), ['.', 'file', 'taken']);
});

test('a watch reports the list that another process published; damaged and older ones are passed over', async t => {
  const demo = await runFederation(t);
  const issuer = openIssuer(demo.home);
  t.after(() => issuer.close());
  const older = readFileSync(demo.paths.crl, 'utf8');
  await publishCrl(issuer, Date.now());
  const known = readCrl(demo.paths.crl);
  const changed = Promise.withResolvers<number>();
  const watch = watchCrl(demo.paths.crl, crl => changed.resolve(crl.lists[1].number));
  t.after(watch.close);
  await publishCrl(issuer, Date.now());
  assert.equal(await changed.promise, known.lists[1].number + 1);
  assert.equal(newerCrl(known, older), null);
  assert.equal(newerCrl(known, 'damaged'), null);
  assert.equal(newerCrl(known, readFileSync(demo.paths.rootCrl, 'utf8')), null);
  assert.equal(newerCrl(null, older)?.lists.length, 2);
  rmSync(demo.paths.crl);
  assert.throws(() => readCrl(demo.paths.crl), UserError);
});
