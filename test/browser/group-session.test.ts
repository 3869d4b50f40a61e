import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { decodeEnvelope } from '../../src/core/crypto/envelope.ts';
import { findChromium, runInPage } from './chromium.ts';
import { decodeSent, encodeTold } from './group-member.ts';
import { encodeJoined, GroupRound } from './group-round.ts';

const chromium = findChromium();

test('a member in a Web Worker and members in Node open the exact sum, and the worker says byte for byte what Node would', {
  skip: chromium === null ? 'needs Chromium (set CHROMIUM to its path)' : false,
}, async () => {
  // With one of five gone, the sum opens only with the shares that the page holds.
  const round = new GroupRound({
    members: 5,
    segments: [
      { label: 'update', words: 40_001, bits: 20 },
      { label: 'figures', words: 2, bits: 32 },
    ],
    leaving: 1,
    isComplete: true,
  });
  const secret = () => Uint8Array.from(randomBytes(32));
  const secrets = { root: secret(), self: secret(), channel: secret() };
  const coins = Uint8Array.from(randomBytes(4096));
  const posted = await runInPage(chromium ?? '', 'test/browser/group-page.mjs', async (path, body) => {
    if (path === '/group/join') return encodeJoined(round.join(body), secrets, coins);
    const [envelope, sent] = decodeSent(body);
    return encodeTold(await round.send(round.pageAt, envelope, sent));
  });
  await round.others;
  const { played, error } = posted as { played?: { isExtractable: boolean; isWiped: boolean }; error?: string };
  assert.equal(error, undefined);
  assert.equal(played?.isExtractable, false, 'the signing key leaves WebCrypto');
  assert.equal(played?.isWiped, true, 'a secret is left in the worker');

  assert.equal(round.state.stage, 'opened');
  assert.equal(round.state.survivors.length, 4);
  assert.ok(round.state.survivors.includes(round.pageAt));
  const { opened, added } = await round.sums();
  assert.deepEqual(opened, added);

  const said = round.exchanges.map(({ envelope, body }) => ({ payload: decodeEnvelope(envelope).payload, body }));
  const twin = await round.twin(secrets, coins);
  assert.equal(twin.length, 5);
  assert.deepEqual(said, twin);
});
