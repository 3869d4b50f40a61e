/** A member that is revoked while it is connected: out at once, and nobody waits for it any more. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { revoke } from '../../src/node/authority/federation.ts';
import { type ByHand, byHand, credentialsOf } from '../federation/by-hand.ts';
import { startClient } from '../federation/local.ts';
import { type UnderAttack, underAttack } from './under-attack.ts';

describe('a member that is revoked', () => {
  const stack = new AsyncDisposableStack();
  let federation: UnderAttack;
  before(async () => {
    federation = await underAttack(stack, ['waiting', 'silent', 'away', 'running']);
  });
  after(() => stack.disposeAsync());

  const connected = async (name: string): Promise<ByHand> => {
    const hand = byHand(stack, federation.enrolled, credentialsOf(federation.enrolled, name));
    assert.equal((await hand.hello()).code, 'ok');
    return hand;
  };

  test('while it waits for work loses its connection, and the request ends', async t => {
    const hand = await connected('waiting');
    const waiting = hand.request('GET', '/v1/assignment');
    await federation.operator.present(['waiting']);
    await revoke(federation.enrolled.home, 'waiting');
    const before = performance.now();
    assert.equal((await waiting).code, 'closed');
    await hand.closed;
    t.diagnostic(`closed ${Math.round(performance.now() - before)} ms after the revocation`);
    assert.equal(federation.coordinator.coordinator.present().includes('waiting'), false);
    assert.ok(
      federation.coordinator.log.some(
        ({ event, client, code }) => event === 'session-ended' && client === 'waiting' && code === 'revoked',
      ),
    );
  });

  test('while a round waits for its answer leaves the cohort, and the round goes on', async () => {
    const hand = await connected('silent');
    const assigned = hand.assignment();
    await federation.operator.present(['silent']);
    const log = await federation.during(async () => {
      await assigned;
      await revoke(federation.enrolled.home, 'silent');
      await hand.closed;
    });
    assert.ok(log.some(({ client, code }) => client === 'silent' && code === 'revoked'));
  });

  test('while its connection is lost leaves the cohort too', async () => {
    const hand = await connected('away');
    const assigned = hand.assignment();
    await federation.operator.present(['away']);
    await federation.during(async () => {
      await assigned;
      hand.session.destroy();
      while (federation.coordinator.connections() > 3) await new Promise(resolve => setImmediate(resolve));
      await revoke(federation.enrolled.home, 'away');
    });
  });

  test('and runs a client finds its connection refused from then on', async () => {
    const client = startClient(stack, federation.enrolled, 'running');
    await federation.operator.present(['running']);
    await revoke(federation.enrolled.home, 'running');
    while (!federation.coordinator.log.some(({ event, code }) => event === 'refused' && code === 'revoked')) {
      await new Promise(resolve => setImmediate(resolve));
    }
    const refused = federation.coordinator.log.find(({ event, code }) => event === 'refused' && code === 'revoked');
    assert.equal(refused?.client, 'running', 'the handshake is refused by name');
    assert.ok(client.log.some(({ event }) => event === 'connection-lost'));
    await federation.during(async () => undefined);
  });
});
