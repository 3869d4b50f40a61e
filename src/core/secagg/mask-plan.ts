/** What there is to mask, and how the seed of a mask becomes the words that are added. */
import { encodeCbor } from '../bytes/cbor.ts';
import type { GroupPrimitives } from '../crypto/group-primitives.ts';
import type { Mask } from './mask.ts';

/** One part of a masked vector. Each draws keys of its own from the same seeds, so that no two share a keystream. */
export interface MaskSegment {
  /** Words. */
  readonly length: number;
  /** Values are integers modulo 2^bits. */
  readonly bits: 16 | 20 | 24 | 32;
  /** Differs from the labels of the other segments of the vector. */
  readonly label: string;
}

/** Throws RangeError unless the vector has the segment's length, the words `from` to `to` lie in it, and seeds have 32 bytes. */
export function expectMaskable(
  masks: readonly Mask[],
  { length }: MaskSegment,
  vector: Int32Array,
  from: number,
  to: number,
): void {
  if (vector.length !== length)
    throw new RangeError(`masks: a segment of ${length} words, a vector of ${vector.length}`);
  if (!(Number.isSafeInteger(from) && Number.isSafeInteger(to) && 0 <= from && from <= to && to <= length)) {
    throw new RangeError(`masks: no part ${from} to ${to} of ${length} words`);
  }
  for (const { seed } of masks) {
    if (seed.length !== 32) throw new RangeError(`masks: a seed has 32 bytes, this one ${seed.length}`);
  }
}

/** Bytes of keystream for each word: little-endian, of which the low `bits` bits count. */
export function wordBytes({ bits }: MaskSegment): 2 | 4 {
  return bits <= 16 ? 2 : 4;
}

/** Key of the keystream that masks this segment: KDF(seed, ["parley/v1/stream", label]), 32 bytes. */
export function streamKey(
  seed: Uint8Array,
  { label }: MaskSegment,
  { hkdf }: Pick<GroupPrimitives, 'hkdf'>,
): Uint8Array {
  return hkdf(seed, noSalt, encodeCbor(['parley/v1/stream', label]), 32);
}

const noSalt = new Uint8Array(0);
