/** must-not.json: masks that another system makes of 32 bits of a seed, and weights that wrap its sums. True: ours hold what is required. */
import { webcrypto } from 'node:crypto';
import type { Keystream } from '../../core/crypto/group-primitives.ts';
import { nobleKeystream } from '../../core/crypto/noble-keystream.ts';
import { webKeystream } from '../../core/crypto/web-keystream.ts';
import { RandomStream } from '../../core/math/random.ts';
import { maskKeyPair, pairSeed } from '../../core/secagg/derive.ts';
import { dequantise, groupMean, makeEncoding, quantise } from '../../core/secagg/encoding.ts';
import { nodeGroupPrimitives } from '../../node/group-primitives.ts';
import { nodeKeystream } from '../../node/keystream.ts';
import type { Implementation, Implementations } from '../case.ts';
import { refuses } from '../judge.ts';
import { answering, fromHex } from './bytes.ts';

export const maskMustNotFunctions: Implementations = {
  'must-not/secagg-prg-6161': fullSeed(),
  'must-not/secagg-prg-0001': fullSeed(),
  'must-not/secagg-bruteforce': answering(pairSeedsAreWhole),
  'must-not/secagg-weight': answering(heavyWeightIsRefused),
};

const keystreams: readonly Keystream[] = [nodeKeystream, nobleKeystream, webKeystream(webcrypto.subtle)];
const seedBytes = 32;

/** The stream of a seed is AES-256-CTR on every port, depends on each of its 256 bits, and takes no shorter key. */
function fullSeed(): Implementation {
  return answering(async ({ given }) => {
    const { seed: hex, count } = given as { seed: string; count: number };
    const seed = fromHex(hex);
    const bytes = Math.max(4 * count, 1000);
    const stream = await agreedStream(seed, bytes);
    for (let bit = 0; bit < 8 * seedBytes; bit++) {
      if (!areUnrelated(stream, streamOf(nodeKeystream, flipped(seed, bit), bytes))) return false;
    }
    // The peer folds both of its seeds, and every one that repeats itself, to the same 32 bits.
    const folded = new Uint8Array(seedBytes).fill(seed[0] ^ 1);
    return areUnrelated(stream, streamOf(nodeKeystream, folded, bytes)) && refusesShortKeys();
  });
}

/**
 * Of two members that agree on a pair seed, neither it nor what it is made of is shorter than 256 bits: all pairs have their own, members of
 * a pair the same, and another secret, session, pair or model gives one that is unrelated in every part.
 */
async function pairSeedsAreWhole(): Promise<boolean> {
  const primitives = await nodeGroupPrimitives();
  const [sid, model] = [7, 8].map(byte => new Uint8Array(32).fill(byte));
  const member = maskKeyPair(new Uint8Array(32).fill(1), primitives);
  const seeds: Uint8Array[] = [];
  for (let pair = 0; pair < 16; pair++) {
    const { ciphertext, secret } = primitives.kem.encapsulate(member.publicKey, new Uint8Array(64).fill(pair));
    const seed = pairSeed(secret, sid, [0, 1], model, primitives);
    const other = pairSeed(primitives.kem.decapsulate(ciphertext, member), sid, [0, 1], model, primitives);
    if (seed.length !== seedBytes || Buffer.compare(seed, other) !== 0) return false;
    seeds.push(
      seed,
      pairSeed(flipped(secret, pair), sid, [0, 1], model, primitives),
      pairSeed(secret, flipped(sid, pair), [0, 1], model, primitives),
      pairSeed(secret, sid, [0, 2], model, primitives),
      pairSeed(secret, sid, [0, 1], flipped(model, pair), primitives),
    );
  }
  const parts = Array.from({ length: seedBytes / 4 }, (_, i) => seeds.map(seed => seed.slice(4 * i, 4 * i + 4)));
  const streams = seeds.map(seed => streamOf(nodeKeystream, seed, 1000));
  return (
    parts.every(part => new Set(part.map(String)).size === seeds.length) &&
    streams.every((stream, i) => streams.slice(0, i).every(other => areUnrelated(stream, other))) &&
    refusesShortKeys()
  );
}

/** The peer's round: weights up to 1000, and a client that counts 10,000 examples. */
function heavyWeightIsRefused(): boolean {
  const random = new RandomStream(new Uint8Array(32));
  const update = Float32Array.from({ length: 1000 }, () => random.normal());
  const encoding = makeEncoding({ bits: 32, clipNorm: 50, weightMax: 1000, dimension: update.length, members: 3 });
  const weights = [1000, 1, 500];
  const sum = new Int32Array(update.length + 1);
  for (const weight of weights) for (const [i, word] of quantise(update, weight, encoding).entries()) sum[i] += word;
  const mean = groupMean(dequantise(sum, encoding, weights.length), encoding);
  const error = Math.hypot(...mean.map((value, i) => value - update[i])) / Math.hypot(...update);
  const refused = [10_000, 1001, 0, -15, 0.5, Number.NaN].every(weight =>
    refuses(() => quantise(update, weight, encoding)),
  );
  return refused && error < 1e-4;
}

async function agreedStream(seed: Uint8Array, bytes: number): Promise<Uint8Array> {
  const streams = await Promise.all(
    keystreams.map(async keystream => {
      const target = new Uint8Array(bytes);
      await keystream.open(seed).fill(target);
      return target;
    }),
  );
  if (streams.some(stream => Buffer.compare(stream, streams[0]) !== 0))
    throw new TypeError('conformance: keystreams differ');
  return streams[0];
}

function streamOf(keystream: Keystream, seed: Uint8Array, bytes: number): Uint8Array {
  const target = new Uint8Array(bytes);
  keystream.open(seed).fill(target);
  return target;
}

function refusesShortKeys(): boolean {
  return keystreams.every(keystream =>
    [0, 4, 16, 31, 33].every(length => refuses(() => keystream.open(new Uint8Array(length)))),
  );
}

/** About half of the bits differ: of 8000, no fewer than 45 % and no more than 55 %, 9 standard deviations. */
function areUnrelated(a: Uint8Array, b: Uint8Array): boolean {
  let differing = 0;
  for (let i = 0; i < a.length; i++) for (let bits = a[i] ^ b[i]; bits > 0; bits &= bits - 1) differing++;
  const share = differing / (8 * a.length);
  return share > 0.45 && share < 0.55;
}

function flipped(bytes: Uint8Array, bit: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy[bit >> 3] ^= 1 << (bit & 7);
  return copy;
}
