import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodeElement } from '../../../src/core/secagg/field.ts';
import { Recovery } from '../../../src/core/secagg/recover.ts';
import { split } from '../../../src/core/secagg/shamir.ts';
import { bytesFrom, hashOf } from './member-group.ts';

test('any members give the secrets back, set after set', () => {
  const recovery = new Recovery(4);
  const dealt = [1, 2, 3].map(i => {
    const secret = hashOf(`secret ${i}`);
    return { secret, shares: split(secret, 4, 9, bytesFrom(`dealer ${i}`)) };
  });
  fc.assert(
    fc.property(fc.shuffledSubarray([0, 1, 2, 3, 4, 5, 6, 7, 8], { minLength: 4, maxLength: 4 }), places => {
      for (const { secret, shares } of dealt)
        assert.deepEqual(recovery.secret(places.map(at => ({ at, share: shares[at] }))), secret);
    }),
    { numRuns: 30 },
  );
});

test('shares of what is no 32-byte secret give none', () => {
  // f(x) = 2^256 − 2^255·x.
  const shares = [1n << 255n, 0n].map((value, at) => ({ at, share: encodeElement(value) }));
  assert.equal(new Recovery(2).secret(shares), null);
});

test('more or fewer shares than open a secret are refused', () => {
  const shares = split(hashOf('secret'), 3, 5, bytesFrom('dealer')).map((share, at) => ({ at, share }));
  for (const count of [0, 2, 4]) assert.throws(() => new Recovery(3).secret(shares.slice(0, count)), RangeError);
});
