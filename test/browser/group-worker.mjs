// A Web Worker that is a member of a group: its keys, boxes, masks and shares are made here; bytes go to the server of the test.

import { decodeCbor } from '../../src/core/bytes/cbor.ts';
import { encodeEnvelope, signEnvelope } from '../../src/core/crypto/envelope.ts';
import { noblePrimitives } from '../../src/core/crypto/noble-primitives.ts';
import { sodiumGroupPrimitives } from '../../src/core/crypto/sodium-group-primitives.ts';
import { sodiumPrimitives } from '../../src/core/crypto/sodium-primitives.ts';
import { webKeystream } from '../../src/core/crypto/web-keystream.ts';
import { applyMasks } from '../../src/core/secagg/apply-masks.ts';
import { pack } from '../../src/core/secagg/packing.ts';
import { decodeTold, encodeSent, inputOf, playMember } from './group-member.ts';

/** Of the worker's own doing, ms; waiting for others does not count. */
const spent = { session: 0, masks: 0 };

async function post(path, body) {
  const response = await fetch(path, { method: 'POST', body });
  if (!response.ok) throw new Error(`${path}: ${await response.text()}`);
  return new Uint8Array(await response.arrayBuffer());
}

/** The private key never leaves WebCrypto, not even to this worker. */
async function joinGroup() {
  const { privateKey, publicKey } = await crypto.subtle.generateKey('Ed25519', false, ['sign', 'verify']);
  const raw = new Uint8Array(await crypto.subtle.exportKey('raw', publicKey));
  const { secrets, coins, ...joined } = decodeCbor(await post('/group/join', raw));
  return { privateKey, joined, secrets, coins };
}

/** An envelope whose signature WebCrypto makes: what is to be signed is caught on the way. */
async function sign(fields, privateKey, primitives) {
  let bytes = new Uint8Array(0);
  const catching = {
    publicKey: new Uint8Array(32),
    sign(message) {
      bytes = message;
      return new Uint8Array(64);
    },
  };
  const envelope = signEnvelope(fields, catching, primitives);
  const signature = new Uint8Array(await crypto.subtle.sign('Ed25519', privateKey, bytes));
  return encodeEnvelope({ ...envelope, signature });
}

/** Bytes that the test knows, so that it can make every message again; null: those of the platform. */
function randomBytesOf(coins) {
  if (coins === null) return count => crypto.getRandomValues(new Uint8Array(count));
  let at = 0;
  return count => {
    at += count;
    return coins.slice(at - count, at);
  };
}

async function play() {
  const { privateKey, joined, secrets, coins } = await joinGroup();
  const randomBytes = randomBytesOf(coins);
  const primitives = {
    ...(await sodiumGroupPrimitives(await sodiumPrimitives(noblePrimitives(randomBytes)))),
    sha256Large: async bytes => new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)),
  };
  const keystream = webKeystream(crypto.subtle);
  const vectors = inputOf(joined);
  const isExtractable = privateKey.extractable;
  let waited = 0;
  const started = performance.now();
  await playMember(joined, secrets, {
    primitives,
    sign: fields => sign(fields, privateKey, primitives),
    async mask(masks) {
      const from = performance.now();
      const packed = [];
      for (const [i, { label, words, bits }] of joined.manifest.segments.entries()) {
        await applyMasks(masks, { label, length: words, bits }, vectors[i], keystream, primitives);
        packed.push(pack(vectors[i], bits));
      }
      spent.masks = performance.now() - from;
      const bytes = new Uint8Array(await new Blob(packed).arrayBuffer());
      return { packed: bytes, bytes: bytes.length };
    },
    async exchange(envelope, body) {
      const sent = encodeSent(envelope, body);
      const from = performance.now();
      const told = await post('/group/send', sent);
      waited += performance.now() - from;
      return decodeTold(told);
    },
  });
  spent.session = performance.now() - started - waited - spent.masks;
  const isWiped = Object.values(secrets).every(secret => secret.every(byte => byte === 0));
  return { isExtractable, isWiped, spent };
}

self.onmessage = async () => {
  try {
    self.postMessage({ played: await play() });
  } catch (error) {
    self.postMessage({ error: String(error?.stack ?? error) });
  }
};
