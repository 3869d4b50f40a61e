/** What a member cannot outlast: its connection ends with its certificate, and a list of its update certificate alone puts it out. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { federationPaths } from '../../src/node/authority/home.ts';
import { openIssuer } from '../../src/node/authority/issuer.ts';
import { systemClock } from '../../src/node/clock.ts';
import { writeDurable } from '../../src/node/durable-file.ts';
import { issueCrl, readCrl } from '../../src/node/pki/crl.ts';
import { readLeaf } from '../../src/node/pki/verify.ts';
import { byHand, credentialsOf } from '../federation/by-hand.ts';
import { enrol, temporaryFolder } from '../federation/enrolled.ts';
import { startCoordinator } from '../federation/local.ts';

const hourMs = 3_600_000;

test('a connection ends with the certificate it was opened by, also when the clock jumped', async t => {
  await using stack = new AsyncDisposableStack();
  const enrolled = await enrol(temporaryFolder(t), ['anna']);
  const timers = new Map<() => void, number>();
  let offsetMs = 0;
  const coordinator = await startCoordinator(stack, enrolled, {
    clock: {
      now: () => systemClock.now() + offsetMs,
      after(milliseconds, action) {
        timers.set(action, milliseconds);
        return () => timers.delete(action);
      },
    },
  });
  const fire = (): void => {
    for (const action of [...timers.keys()]) {
      timers.delete(action);
      action();
    }
  };
  const anna = byHand(stack, enrolled, credentialsOf(enrolled, 'anna'));
  assert.equal((await anna.hello()).code, 'ok');
  assert.deepEqual([...timers.values()], [hourMs], 'the clock is looked at in an hour');

  offsetMs = anna.credentials.notAfter - systemClock.now() - 60_000;
  fire();
  assert.equal((await anna.hello()).code, 'ok');
  const [leftMs] = timers.values();
  assert.ok(leftMs > 0 && leftMs <= 60_000, 'then at the end of the certificate');

  offsetMs += 60_001;
  fire();
  await anna.closed;
  assert.equal(timers.size, 0);
  assert.ok(
    coordinator.log.some(
      ({ event, client, code }) => event === 'session-ended' && client === 'anna' && code === 'unauthenticated',
    ),
  );
});

test('a connection that was closed leaves no timer behind', async t => {
  await using stack = new AsyncDisposableStack();
  const enrolled = await enrol(temporaryFolder(t), ['anna']);
  let timers = 0;
  const none = Promise.withResolvers<void>();
  await startCoordinator(stack, enrolled, {
    clock: {
      now: systemClock.now,
      after(milliseconds, action) {
        timers++;
        const cancel = systemClock.after(milliseconds, action);
        return () => {
          cancel();
          if (--timers === 0) none.resolve();
        };
      },
    },
  });
  const anna = byHand(stack, enrolled, credentialsOf(enrolled, 'anna'));
  assert.equal((await anna.hello()).code, 'ok');
  assert.equal(timers, 1);
  anna.session.close();
  await none.promise;
});

test('a member whose update certificate alone is on the list is out, and stays out', { timeout: 30_000 }, async t => {
  await using stack = new AsyncDisposableStack();
  const enrolled = await enrol(temporaryFolder(t), ['anna', 'bert']);
  const coordinator = await startCoordinator(stack, enrolled);
  const [anna, bert] = ['anna', 'bert'].map(name => byHand(stack, enrolled, credentialsOf(enrolled, name)));
  for (const hand of [anna, bert]) assert.equal((await hand.hello()).code, 'ok');
  const waiting = anna.request('GET', '/v1/assignment');

  const paths = federationPaths(enrolled.home);
  const issuer = openIssuer(enrolled.home);
  stack.defer(() => issuer.close());
  const nowMs = Date.now();
  const { serial } = readLeaf(anna.credentials.updateCertificate, 'update', 'demo');
  const number = Math.max(...readCrl(paths.crl).lists.map(list => list.number)) + 1;
  const list = await issueCrl(issuer.issuing, [{ serial, revokedMs: nowMs }], { number, nowMs, lifeMs: hourMs });
  writeDurable(paths.crl, `${readFileSync(paths.rootCrl, 'utf8')}${list}`, 0o644);

  assert.equal((await waiting).code, 'closed');
  await anna.closed;
  assert.equal(coordinator.coordinator.present().includes('anna'), false);
  const again = byHand(stack, enrolled, credentialsOf(enrolled, 'anna'));
  assert.equal((await again.hello()).code, 'revoked');
  assert.equal((await again.request('GET', '/v1/assignment')).code, 'unauthenticated', 'it is forgotten');
  assert.equal((await bert.hello()).code, 'ok', 'nobody else is');
});
