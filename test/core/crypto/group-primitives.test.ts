import { nobleGroupPrimitives } from '../../../src/core/crypto/noble-group-primitives.ts';
import { nobleKeystream } from '../../../src/core/crypto/noble-keystream.ts';
import { noblePrimitives } from '../../../src/core/crypto/noble-primitives.ts';
import { sodiumGroupPrimitives } from '../../../src/core/crypto/sodium-group-primitives.ts';
import { webKeystream } from '../../../src/core/crypto/web-keystream.ts';
import { testEqualKeystreams, testEqualPorts, testGroupPrimitives, testKeystream } from './group-ports.ts';

const primitives = noblePrimitives(count => crypto.getRandomValues(new Uint8Array(count)));
const noble = nobleGroupPrimitives(primitives);
const sodium = await sodiumGroupPrimitives(primitives);
const web = webKeystream(crypto.subtle);

testGroupPrimitives('noble', noble);
testGroupPrimitives('libsodium', sodium);
testEqualPorts('noble and libsodium', noble, sodium);
testKeystream('noble', nobleKeystream);
testKeystream('WebCrypto', web);
testEqualKeystreams('noble and WebCrypto', nobleKeystream, web);
