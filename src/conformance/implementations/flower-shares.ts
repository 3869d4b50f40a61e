/** flower.json: shares of that peer over GF(2^128), and what must come of shares that are altered or too few. */
import type { Implementation, Implementations } from '../case.ts';
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
};

type Unmarked = (x: bigint, y: bigint) => bigint;

function combine({ threshold, shares }: Given, plain: Unmarked = (_, y) => y): string {
  const padded = Array.isArray(shares);
  const all = padded
    ? shares.map(placed)
    : Object.entries(shares).map(([x, y]) => ({ x: BigInt(x), blocks: [toElement(y)] }));
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

function given(compute: (input: Given) => unknown): Implementation {
  return { precision: 'exact', run: input => compute(input.given as Given) };
}
