/**
 * SLIP-0039, read from its shares to the master secret: what else than this build's own sharing its vectors can check. Only for the vectors;
 * times and memory give the secret away.
 */
import { createHmac, pbkdf2Sync } from 'node:crypto';
import type { Implementations } from '../case.ts';
import { BinaryField } from './binary-field.ts';
import { answering } from './bytes.ts';
import { slip39Words } from './slip39-words.ts';

export const slip39Functions: Implementations = {
  'slip39/combine': answering(({ mnemonics }) => {
    const shares = (mnemonics as string[]).map(parseShare);
    return Buffer.from(decrypt(recover(shares), shares[0], 'TREZOR')).toString('hex');
  }),
};

interface Share {
  readonly identifier: number;
  readonly extendable: boolean;
  readonly iterationExponent: number;
  readonly group: number;
  readonly groupThreshold: number;
  readonly groupCount: number;
  readonly member: number;
  readonly memberThreshold: number;
  readonly value: Uint8Array;
}

const wordBits = 10;
/** Words before the value and behind it: four of numbers, three of checksum. */
const [headWords, checksumWords] = [4, 3];
const shortestWords = 20;

/** Throws RangeError for a mnemonic that is none. */
function parseShare(mnemonic: string): Share {
  const words = mnemonic.trim().split(/\s+/).map(indexOf);
  if (words.length < shortestWords) throw new RangeError(`slip39: ${words.length} words, fewer than ${shortestWords}`);
  let number = words.slice(0, headWords).reduce((bits, word) => bits * 1024 + word, 0);
  const low = (bits: number): number => {
    const field = number % 2 ** bits;
    number = Math.floor(number / 2 ** bits);
    return field;
  };
  const memberThreshold = low(4) + 1;
  const member = low(4);
  const groupCount = low(4) + 1;
  const groupThreshold = low(4) + 1;
  const group = low(4);
  const iterationExponent = low(4);
  const extendable = low(1) === 1;
  const identifier = low(15);
  const customisation = extendable ? 'shamir_extendable' : 'shamir';
  if (rs1024([...Buffer.from(customisation), ...words]) !== 1) throw new RangeError('slip39: wrong checksum');
  if (groupThreshold > groupCount) throw new RangeError('slip39: a threshold above the number of groups');
  return {
    identifier,
    extendable,
    iterationExponent,
    group,
    groupThreshold,
    groupCount,
    member,
    memberThreshold,
    value: bytesOf(words.slice(headWords, -checksumWords)),
  };
}

function indexOf(word: string): number {
  const index = slip39Words.indexOf(word.toLowerCase());
  if (index < 0) throw new RangeError('slip39: an unknown word');
  return index;
}

/** The bytes in the words, padded in front with zero bits to whole words: a whole number of 16 bits, with fewer than a word to spare. */
function bytesOf(words: readonly number[]): Uint8Array {
  const padding = (words.length * wordBits) % 16;
  const bits = words.map(word => word.toString(2).padStart(wordBits, '0')).join('');
  if (padding > 8 || bits.slice(0, padding).includes('1')) throw new RangeError('slip39: wrong padding');
  return Uint8Array.from({ length: (bits.length - padding) / 8 }, (_, i) =>
    Number.parseInt(bits.slice(padding + 8 * i, padding + 8 * i + 8), 2),
  );
}

const generator = [
  0xe0e040, 0x1c1c080, 0x3838100, 0x7070200, 0xe0e0009, 0x1c0c2412, 0x38086c24, 0x3090fc48, 0x21b1f890, 0x3f3f120,
];

/** The Reed–Solomon checksum over GF(1024): 1 for a whole mnemonic. */
function rs1024(values: readonly number[]): number {
  return values.reduce((checksum, value) => {
    const top = checksum >>> 20;
    const shifted = ((checksum & 0xfffff) << wordBits) ^ value;
    return generator.reduce((sum, term, bit) => ((top >>> bit) & 1 ? sum ^ term : sum), shifted);
  }, 1);
}

/** The encrypted master secret of exactly as many groups, of exactly as many members, as their thresholds ask. */
function recover(shares: readonly Share[]): Uint8Array {
  const [{ groupThreshold }] = shares;
  const common = ({ identifier, extendable, iterationExponent, groupThreshold, groupCount, value }: Share) =>
    [identifier, extendable, iterationExponent, groupThreshold, groupCount, value.length].join();
  if (new Set(shares.map(common)).size !== 1) throw new RangeError('slip39: shares of different secrets');
  const groups = Map.groupBy(shares, ({ group }) => group);
  if (groups.size !== groupThreshold) throw new RangeError(`slip39: ${groups.size} groups, not ${groupThreshold}`);
  const secrets = [...groups].map(([x, members]) => ({ x, value: groupSecret(members) }));
  return sharedSecret(secrets, groupThreshold);
}

function groupSecret(members: readonly Share[]): Uint8Array {
  const [{ memberThreshold }] = members;
  if (members.some(share => share.memberThreshold !== memberThreshold))
    throw new RangeError('slip39: members of one group with different thresholds');
  return sharedSecret(
    members.map(({ member, value }) => ({ x: member, value })),
    memberThreshold,
  );
}

const rijndael = new BinaryField(0x11bn);
const [secretPlace, digestPlace] = [255, 254];
const digestBytes = 4;

/** The secret at place 255, held against the digest at place 254; with a threshold of one the share is the secret. */
function sharedSecret(shares: readonly { x: number; value: Uint8Array }[], threshold: number): Uint8Array {
  if (shares.length !== threshold) throw new RangeError(`slip39: ${shares.length} shares, not ${threshold}`);
  if (threshold === 1) return shares[0].value;
  const secret = interpolate(shares, secretPlace);
  const digest = interpolate(shares, digestPlace);
  const expected = createHmac('sha256', digest.subarray(digestBytes)).update(secret).digest().subarray(0, digestBytes);
  if (!expected.equals(digest.subarray(0, digestBytes))) throw new RangeError('slip39: wrong digest');
  return secret;
}

function interpolate(shares: readonly { x: number; value: Uint8Array }[], at: number): Uint8Array {
  return shares[0].value.map((_, i) =>
    Number(
      rijndael.interpolate(
        shares.map(({ x, value }) => [BigInt(x), BigInt(value[i])]),
        BigInt(at),
      ),
    ),
  );
}

const baseIterations = 2500;

/** Undoes the four rounds of the Feistel cipher. */
function decrypt(encrypted: Uint8Array, share: Share, passphrase: string): Uint8Array {
  const { identifier, extendable, iterationExponent } = share;
  const half = encrypted.length / 2;
  const prefix = extendable ? [] : [...Buffer.from('shamir'), identifier >> 8, identifier & 255];
  let [left, right] = [encrypted.subarray(0, half), encrypted.subarray(half)];
  for (let round = 3; round >= 0; round--) {
    const password = Buffer.from([round, ...Buffer.from(passphrase)]);
    const salt = Buffer.from([...prefix, ...right]);
    const key = pbkdf2Sync(password, salt, baseIterations << iterationExponent, half, 'sha256');
    [left, right] = [right, left.map((byte, i) => byte ^ key[i])];
  }
  return Uint8Array.of(...right, ...left);
}
