/** flower.json: shares of that peer over GF(2^128); and what must come of altered shares and of too few, for which ours are dealt. */
import { inclusionProof, leafHash, merkleTree, verifyInclusion } from '../../core/crypto/merkle.ts';
import { shareLeaf } from '../../core/secagg/derive.ts';
import { combine as combineShares, split } from '../../core/secagg/shamir.ts';
import { nodePrimitives } from '../../node/primitives.ts';
import type { Implementation, Implementations } from '../case.ts';
import { isRefusal } from '../judge.ts';
import { BinaryField } from './binary-field.ts';
import { fromHex } from './bytes.ts';

/** GF(2^128) with x^128 + x^7 + x^2 + x + 1, as PyCryptodome has it. */
const field = new BinaryField((1n << 128n) | 0x87n);
const blockBytes = 16;

interface Given {
  readonly threshold: number;
  /** Each with its place in front and a share per block of the padded secret; or by place, of a secret of one block. */
  readonly shares: readonly string[] | Readonly<Record<string, string>>;
}

export const flowerShareFunctions: Implementations = {
  'flower/shamir_gf2_128_combine': given(combine),
  // The tool ssss adds x^threshold to every value.
  'flower/shamir_gf2_128_combine_ssss': given(input => combine(input, (x, y) => y ^ field.power(x, input.threshold))),
  'flower/shamir-tamper': given(alteredShareIsFound),
  'flower/shamir-too-few': given(() => ofThisBuild().combine([1, 2])),
};

type Unmarked = (x: bigint, y: bigint) => bigint;

function combine({ threshold, shares }: Given, plain: Unmarked = (_, y) => y): string {
  const padded = Array.isArray(shares);
  const all = padded
    ? shares.map(placed)
    : Object.entries(shares).map(([x, y]) => ({ x: BigInt(x), blocks: [toElement(y)] }));
  if (all.length < threshold) throw new RangeError(`shamir: ${all.length} shares, not ${threshold}`);
  const used = all.slice(0, threshold);
  const blocks = used[0].blocks.map((_, block) =>
    field
      .interpolate(
        used.map(({ x, blocks }) => [x, plain(x, blocks[block])]),
        0n,
      )
      .toString(16)
      .padStart(2 * blockBytes, '0'),
  );
  const text = blocks.join('');
  // PKCS #7: the last byte tells how many bytes were added.
  return padded ? text.slice(0, -2 * fromHex(text)[text.length / 2 - 1]) : text;
}

/** A little-endian place of four bytes, then the blocks. */
function placed(share: string): { x: bigint; blocks: bigint[] } {
  const bytes = fromHex(share);
  const blocks = share.slice(8).match(/.{32}/g) ?? [];
  return { x: BigInt(new DataView(bytes.buffer).getUint32(0, true)), blocks: blocks.map(toElement) };
}

function toElement(hex: string): bigint {
  return BigInt(`0x${hex}`);
}

/** The first byte of share 1 of three is flipped: it no longer fits what its dealer committed to, and gives another secret or none. */
function alteredShareIsFound(): boolean {
  const { shares, secret, fits, combine } = ofThisBuild();
  const places = [1, 2, 3];
  if (!places.every(fits) || Buffer.compare(combine(places), secret) !== 0) return false;
  shares[0][0] ^= 0xff;
  try {
    if (Buffer.compare(combine(places), secret) === 0) return false;
  } catch (error) {
    if (!isRefusal(error)) throw error;
  }
  return !fits(1) && fits(2) && fits(3);
}

/** A secret shared by this build among five, three of whom open it, with the commitment to every share. */
function ofThisBuild() {
  const { randomBytes } = nodePrimitives;
  const [secret, sid] = [randomBytes(32), randomBytes(32)];
  const shares = split(secret, 3, 5, randomBytes);
  const leafOf = (place: number) => shareLeaf(sid, 0, place, 'root', shares[place - 1]);
  const tree = merkleTree(
    shares.map((_, i) => leafOf(i + 1)),
    nodePrimitives,
  );
  const proofs = shares.map((_, i) => inclusionProof(tree, i));
  const fits = (place: number): boolean => {
    const leaf = leafHash(leafOf(place), nodePrimitives);
    return verifyInclusion(tree.root, place - 1, tree.size, leaf, proofs[place - 1], nodePrimitives);
  };
  const combine = (places: readonly number[]): Uint8Array =>
    combineShares(
      places.map(x => ({ x, value: shares[x - 1] })),
      3,
    );
  return { shares, secret, fits, combine };
}

function given(compute: (input: Given) => unknown): Implementation {
  return { precision: 'exact', run: input => compute(input.given as Given) };
}
