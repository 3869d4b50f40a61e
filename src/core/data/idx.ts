/** The IDX format of MNIST: arrays of unsigned bytes with their dimensions (LeCun, Cortes; "THE IDX FILE FORMAT"). */

export interface IdxArray {
  /** Sizes of the dimensions, outermost first. */
  readonly shape: readonly number[];
  /** Row-major; a view of the input. */
  readonly values: Uint8Array;
}

/** What an IDX file says of itself before its values. */
export interface IdxHeader {
  readonly shape: readonly number[];
  /** Bytes of the whole file: header and values. */
  readonly fileBytes: number;
}

/** Bytes that hold the longest header, 255 dimensions. */
export const idxHeaderBytes = 4 + 4 * 255;

const unsignedByte = 0x08;

/** Parses the header of an IDX file of unsigned bytes, not compressed; values may follow or not. Throws RangeError for anything else. */
export function parseIdxHeader(bytes: Uint8Array): IdxHeader {
  if (bytes.length < 4 || bytes[0] !== 0 || bytes[1] !== 0)
    throw new RangeError('idx: the file does not begin as IDX does');
  if (bytes[2] !== unsignedByte) throw new RangeError(`idx: values of type 0x${bytes[2].toString(16)}, expected 0x8`);
  const dimensions = bytes[3];
  const start = 4 + 4 * dimensions;
  if (dimensions === 0 || bytes.length < start) throw new RangeError('idx: the header is cut');
  const view = new DataView(bytes.buffer, bytes.byteOffset, start);
  const shape = Array.from({ length: dimensions }, (_, i) => view.getUint32(4 + 4 * i));
  // A product beyond float64 is infinite, unless a size is 0: infinity times 0 is no number.
  const values = shape.includes(0) ? 0 : shape.reduce((product, size) => product * size, 1);
  return { shape, fileBytes: start + values };
}

/** Parses an IDX file of unsigned bytes, not compressed. Throws RangeError for anything else, and for a byte too many or too few. */
export function parseIdx(bytes: Uint8Array): IdxArray {
  const { shape, fileBytes } = parseIdxHeader(bytes);
  const start = 4 + 4 * shape.length;
  if (bytes.length !== fileBytes) {
    throw new RangeError(`idx: ${bytes.length - start} values, expected ${shape.join(' × ')}`);
  }
  return { shape, values: bytes.subarray(start) };
}
