/** Where the tensors of a safetensors file lie: its header read, and its places proved to tile the data exactly. */
import { SafetensorsError } from './safetensors-error.ts';
import { parseHeader, type TensorEntry } from './safetensors-header.ts';

export interface TensorLayout {
  /** In the order of their data; `begin` and `end` count from `dataStart`. */
  readonly tensors: readonly TensorEntry[];
  readonly dataStart: number;
  readonly metadata: ReadonlyMap<string, string>;
}

/** Bytes of one value, for each type a reader knows. */
export type ValueBytes = Readonly<Record<string, number>>;

/** Longest header, in bytes (the reference implementation's bound). */
export const maxHeaderBytes = 100_000_000;

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const openBrace = 0x7b;

/**
 * Reads the header. Refused with SafetensorsError: other formats, a header that is too long, broken or ambiguous, types
 * that are not in `valueBytes`, data with holes, overlaps or bytes to spare, shapes that do not fit their data.
 */
export function readLayout(bytes: Uint8Array, valueBytes: ValueBytes): TensorLayout {
  const { headerEnd, text } = readHeaderText(bytes);
  const header = parseHeader(text);
  const tensors = [...header.tensors].sort((a, b) => a.begin - b.begin || a.end - b.end);
  checkPlaces(tensors, bytes.length - headerEnd, valueBytes);
  return { tensors, dataStart: headerEnd, metadata: header.metadata };
}

function readHeaderText(bytes: Uint8Array): { headerEnd: number; text: string } {
  const other = (reason: string): SafetensorsError => new SafetensorsError(foreignFormat(bytes) ?? reason);
  if (bytes.length < 8) throw other('the file is too short for a header');
  const length = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
  if (length > BigInt(maxHeaderBytes))
    throw other(`is no safetensors file: its header would be longer than ${maxHeaderBytes} bytes`);
  const headerEnd = 8 + Number(length);
  if (headerEnd > bytes.length) throw other('the header says it is longer than the file');
  if (length < 2n || bytes[8] !== openBrace) throw other('the header does not begin with {');
  try {
    return { headerEnd, text: strictUtf8.decode(bytes.subarray(8, headerEnd)) };
  } catch (cause) {
    throw new SafetensorsError('the header is not UTF-8', { cause });
  }
}

/** What else the file is, by its first bytes; asked only once it is known not to be safetensors (0x80 may begin a length). */
function foreignFormat(bytes: Uint8Array): string | null {
  const begins = (...magic: number[]): boolean => magic.every((byte, i) => bytes[i] === byte);
  const refuse = (what: string): string => `this is ${what}, not safetensors; convert it where it was made`;
  if (begins(0x50, 0x4b, 3, 4))
    return refuse('a zip archive (PyTorch saves its pickles so; loading one runs its code)');
  if (begins(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59)) return refuse('a NumPy .npy file');
  if (begins(0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a)) return refuse('an HDF5 file');
  if (begins(0x80)) return refuse('a Python pickle (loading one runs its code)');
  return null;
}

/** Each tensor begins where the one before ends, the last ends with the file, and each shape fills its place. */
function checkPlaces(tensors: readonly TensorEntry[], dataBytes: number, valueBytes: ValueBytes): void {
  let expected = 0;
  for (const { name, dtype, shape, begin, end } of tensors) {
    const tensor = `tensor ${JSON.stringify(name)}`;
    if (!Object.hasOwn(valueBytes, dtype)) {
      const known = Object.keys(valueBytes).join(', ');
      throw new SafetensorsError(`${tensor} has dtype ${JSON.stringify(dtype)}; only ${known} is read`);
    }
    if (begin !== expected || end < begin)
      throw new SafetensorsError(`${tensor} leaves a hole or overlaps its neighbour`);
    if (end - begin !== byteSize(shape, valueBytes[dtype], tensor))
      throw new SafetensorsError(`${tensor} does not fill its place`);
    expected = end;
  }
  if (expected !== dataBytes) throw new SafetensorsError('the tensors do not end where the file ends');
}

function byteSize(shape: readonly number[], valueBytes: number, tensor: string): number {
  let size = valueBytes;
  for (const dimension of shape) {
    size *= dimension;
    if (!Number.isSafeInteger(size)) throw new SafetensorsError(`${tensor} has a shape beyond 2^53 bytes`);
  }
  return size;
}
