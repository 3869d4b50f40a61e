/** Sharing, trees, masks and packing a second time: by their definitions, without a thought for speed. */
import { ctr } from '@noble/ciphers/aes.js';
import { sha256 } from '@noble/hashes/sha2.js';

const prime = 2n ** 256n + 297n;

/** Shamir 1979: the value at x of the polynomial with these coefficients. */
export function valueAt(coefficients: readonly bigint[], x: number): Uint8Array {
  const value = coefficients.reduce(
    (sum, coefficient, power) => (sum + coefficient * BigInt(x) ** BigInt(power)) % prime,
    0n,
  );
  return fromInteger(value);
}

/** The value at 0 of the polynomial through these points. */
export function interpolated(points: readonly { readonly x: number; readonly value: Uint8Array }[]): Uint8Array {
  let sum = 0n;
  for (const { x, value } of points) {
    let [over, under] = [1n, 1n];
    for (const other of points) {
      if (other.x === x) continue;
      over = (over * BigInt(other.x)) % prime;
      under = (under * BigInt(other.x - x)) % prime;
    }
    sum = (sum + toInteger(value) * over * power((under + prime) % prime, prime - 2n)) % prime;
  }
  return fromInteger(sum);
}

export function toInteger(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
}

function fromInteger(value: bigint): Uint8Array {
  return Uint8Array.from(Buffer.from(value.toString(16).padStart(64, '0'), 'hex'));
}

function power(base: bigint, exponent: bigint): bigint {
  if (exponent === 0n) return 1n;
  const half = power((base * base) % prime, exponent / 2n);
  return exponent % 2n === 1n ? (half * base) % prime : half;
}

/** MTH of RFC 9162 §2.1.1. */
export function treeRoot(leaves: readonly Uint8Array[]): Uint8Array {
  if (leaves.length === 1) return sha256(Buffer.concat([Uint8Array.of(0), leaves[0]]));
  const left = leftOf(leaves.length);
  return sha256(Buffer.concat([Uint8Array.of(1), treeRoot(leaves.slice(0, left)), treeRoot(leaves.slice(left))]));
}

/** PATH of RFC 9162 §2.1.3.1. */
export function treePath(leaves: readonly Uint8Array[], index: number): Uint8Array[] {
  if (leaves.length === 1) return [];
  const left = leftOf(leaves.length);
  return index < left
    ? [...treePath(leaves.slice(0, left), index), treeRoot(leaves.slice(left))]
    : [...treePath(leaves.slice(left), index - left), treeRoot(leaves.slice(0, left))];
}

/** The largest power of two below the count. */
function leftOf(count: number): number {
  return 2 ** (Math.ceil(Math.log2(count)) - 1);
}

/** Words of AES-256-CTR from counter zero: of 2 bytes up to 16 bits, else of 4; the low bits. */
export function maskWords(key: Uint8Array, count: number, bits: number): number[] {
  const size = bits <= 16 ? 2 : 4;
  const stream = Buffer.from(ctr(key, new Uint8Array(16)).encrypt(new Uint8Array(count * size)));
  return Array.from({ length: count }, (_, i) => stream.readUIntLE(i * size, size) % 2 ** bits);
}

/** value modulo 2^bits, never negative. */
export function modulo(value: number, bits: number): number {
  return ((value % 2 ** bits) + 2 ** bits) % 2 ** bits;
}

/** Words of 0 to 2^bits − 1, the least significant bit first. */
export function packed(words: readonly number[], bits: number): Uint8Array {
  let whole = 0n;
  for (const [i, word] of words.entries()) whole |= BigInt(word) << BigInt(i * bits);
  const bytes = new Uint8Array(Math.ceil((words.length * bits) / 8));
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number((whole >> BigInt(8 * i)) & 255n);
  return bytes;
}
