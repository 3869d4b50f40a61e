import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nobleKeystream } from '../../src/core/crypto/noble-keystream.ts';
import { sodiumGroupPrimitives } from '../../src/core/crypto/sodium-group-primitives.ts';
import { nodeGroupPrimitives } from '../../src/node/group-primitives.ts';
import { nodeKeystream } from '../../src/node/keystream.ts';
import { opensslHasLattices } from '../../src/node/openssl-kem.ts';
import { nodePrimitives } from '../../src/node/primitives.ts';
import { testEqualKeystreams, testEqualPorts, testGroupPrimitives, testKeystream } from '../core/crypto/group-ports.ts';

const node = await nodeGroupPrimitives();

test('this Node has ML-KEM, so that the tests below are about OpenSSL', () => {
  assert.ok(opensslHasLattices());
});

test('the port is made once', async () => {
  assert.equal(await nodeGroupPrimitives(), node);
});

testGroupPrimitives('node', node);
testEqualPorts('node and libsodium', node, await sodiumGroupPrimitives(nodePrimitives));
testKeystream('node', nodeKeystream);
testEqualKeystreams('node and noble', nodeKeystream, nobleKeystream);
