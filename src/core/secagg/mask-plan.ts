/** How the seed of a mask becomes the words that are added to a vector. */
import { encodeCbor } from '../bytes/cbor.ts';
import type { GroupPrimitives } from '../crypto/group-primitives.ts';

/** One part of a masked vector. Each draws keys of its own from the same seeds, so that no two share a keystream. */
export interface MaskSegment {
  /** Words. */
  readonly length: number;
  /** Values are integers modulo 2^bits. */
  readonly bits: 16 | 20 | 24 | 32;
  /** Differs from the labels of the other segments of the vector. */
  readonly label: string;
}

/** Bytes of keystream for each word: little-endian, of which the low `bits` bits count. */
export function wordBytes({ bits }: MaskSegment): 2 | 4 {
  return bits <= 16 ? 2 : 4;
}

/** Key of the keystream that masks this segment: KDF(seed, ["parley/v1/stream", label]), 32 bytes. Throws RangeError for another seed than 32 bytes. */
export function streamKey(
  seed: Uint8Array,
  { label }: MaskSegment,
  { hkdf }: Pick<GroupPrimitives, 'hkdf'>,
): Uint8Array {
  if (seed.length !== 32) throw new RangeError(`mask: a seed has 32 bytes, this one ${seed.length}`);
  return hkdf(seed, noSalt, encodeCbor(['parley/v1/stream', label]), 32);
}

const noSalt = new Uint8Array(0);
