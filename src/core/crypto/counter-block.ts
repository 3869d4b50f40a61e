/** Where a keystream of AES-256-CTR begins. */

export const blockBytes = 16;

/**
 * The counter of the block that holds byte `fromByte` of the stream with IV 0 (NIST SP 800-38A §6.5, the whole block counts, big-endian), and
 * how many bytes of it come before. Throws RangeError for a key of another length than 32 bytes and for a place that is no whole number.
 */
export function counterBlock(key: Uint8Array, fromByte: number): { block: Uint8Array<ArrayBuffer>; skip: number } {
  if (key.length !== 32) throw new RangeError(`keystream: a key has 32 bytes, this one ${key.length}`);
  if (!Number.isSafeInteger(fromByte) || fromByte < 0) throw new RangeError(`keystream: no place ${fromByte}`);
  const block = new Uint8Array(blockBytes);
  const skip = fromByte % blockBytes;
  new DataView(block.buffer).setBigUint64(8, BigInt((fromByte - skip) / blockBytes));
  return { block, skip };
}
