/** safetensors: the file format of published models. A header of names, shapes and places, then raw numbers; no code. */
import { type Manifest, parameterCount, tensorSize } from '../learning/parameters.ts';
import { SafetensorsError } from './safetensors-error.ts';
import { parseHeader, type TensorEntry } from './safetensors-header.ts';

/** A model file, read. */
export interface SafetensorsFile {
  /** Tensors in the order of their data. */
  readonly manifest: Manifest;
  /** All tensors, one after the other. */
  readonly parameters: Float32Array<ArrayBuffer>;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Longest header, in bytes (the reference implementation's bound). */
export const maxHeaderBytes = 100_000_000;

const utf8 = new TextEncoder();
const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const openBrace = 0x7b;

/**
 * Writes float32 tensors, little-endian, in manifest order without gaps; metadata sorted by key, so that equal content
 * gives equal bytes. The header is padded with spaces to a multiple of 8.
 * Throws RangeError when the manifest does not describe `parameters`, a name occurs twice or is reserved, a value is not
 * finite, or the header outgrows its bound.
 */
export function encodeSafetensors(
  manifest: Manifest,
  parameters: Float32Array,
  metadata: Readonly<Record<string, string>>,
): Uint8Array<ArrayBuffer> {
  const header = utf8.encode(headerText(manifest, parameters.length, metadata));
  const dataStart = 8 + Math.ceil(header.length / 8) * 8;
  if (dataStart - 8 > maxHeaderBytes)
    throw new RangeError(`safetensors: the header is longer than ${maxHeaderBytes} bytes`);
  const out = new Uint8Array(dataStart + parameters.length * 4);
  const view = new DataView(out.buffer);
  view.setBigUint64(0, BigInt(dataStart - 8), true);
  out.set(header, 8);
  out.fill(0x20, 8 + header.length, dataStart);
  for (let i = 0; i < parameters.length; i++) {
    if (!Number.isFinite(parameters[i])) throw new RangeError(`safetensors: parameter ${i} is not finite`);
    view.setFloat32(dataStart + i * 4, parameters[i], true);
  }
  return out;
}

/**
 * Reads a file of float32 tensors. Refused with SafetensorsError: other formats (pickle, zip, npy, HDF5, each named),
 * a header that is too long, broken, ambiguous (two equal names) or of another type, data with holes, overlaps or bytes
 * to spare, shapes that do not fit their data, and numbers that are not finite (legal in the format, useless in a model).
 */
export function decodeSafetensors(bytes: Uint8Array): SafetensorsFile {
  const { headerEnd, text } = readHeaderText(bytes);
  const header = parseHeader(text);
  const tensors = [...header.tensors].sort((a, b) => a.begin - b.begin || a.end - b.end);
  checkPlaces(tensors, bytes.length - headerEnd);
  return {
    manifest: tensors.map(({ name, shape }) => ({ name, shape })),
    parameters: readFloats(bytes, headerEnd),
    metadata: Object.fromEntries(header.metadata), // parseHeader refuses the key __proto__
  };
}

function headerText(manifest: Manifest, length: number, metadata: Readonly<Record<string, string>>): string {
  if (!manifest.every(tensor => tensor.shape.every(size => Number.isSafeInteger(size) && size >= 0))) {
    throw new RangeError('safetensors: a shape holds something else than whole numbers');
  }
  if (parameterCount(manifest) !== length) {
    throw new RangeError(`safetensors: the manifest describes ${parameterCount(manifest)} values, got ${length}`);
  }
  const names = new Set<string>();
  let begin = 0;
  const members = manifest.map(tensor => {
    checkKey(tensor.name);
    if (tensor.name === '__metadata__' || names.has(tensor.name)) {
      throw new RangeError(`safetensors: the tensor name ${JSON.stringify(tensor.name)} is reserved or used twice`);
    }
    names.add(tensor.name);
    const end = begin + tensorSize(tensor) * 4;
    const info = { dtype: 'F32', shape: tensor.shape, data_offsets: [begin, end] };
    begin = end;
    return `${JSON.stringify(tensor.name)}:${JSON.stringify(info)}`;
  });
  const pairs = Object.entries(metadata).sort(([a], [b]) => (a < b ? -1 : 1));
  const texts = pairs.map(([key, value]) => {
    checkKey(key);
    if (!value.isWellFormed())
      throw new RangeError(`safetensors: metadata ${JSON.stringify(key)} is not well-formed Unicode`);
    return `${JSON.stringify(key)}:${JSON.stringify(value)}`;
  });
  if (texts.length > 0) members.unshift(`"__metadata__":{${texts.join(',')}}`);
  return `{${members.join(',')}}`;
}

function checkKey(key: string): void {
  if (key === '__proto__' || !key.isWellFormed())
    throw new RangeError(`safetensors: ${JSON.stringify(key)} cannot be a name`);
}

function readHeaderText(bytes: Uint8Array): { headerEnd: number; text: string } {
  const other = (reason: string): SafetensorsError => new SafetensorsError(foreignFormat(bytes) ?? reason);
  if (bytes.length < 8) throw other('the file is too short for a header');
  const length = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
  if (length > BigInt(maxHeaderBytes)) throw other(`the header says it is longer than ${maxHeaderBytes} bytes`);
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
function checkPlaces(tensors: readonly TensorEntry[], dataBytes: number): void {
  let expected = 0;
  for (const { name, dtype, shape, begin, end } of tensors) {
    const tensor = `tensor ${JSON.stringify(name)}`;
    if (dtype !== 'F32') throw new SafetensorsError(`${tensor} has dtype ${JSON.stringify(dtype)}; only F32 is read`);
    if (begin !== expected || end < begin)
      throw new SafetensorsError(`${tensor} leaves a hole or overlaps its neighbour`);
    if (end - begin !== byteSize(shape, tensor)) throw new SafetensorsError(`${tensor} does not fill its place`);
    expected = end;
  }
  if (expected !== dataBytes) throw new SafetensorsError('the tensors do not end where the file ends');
}

function byteSize(shape: readonly number[], tensor: string): number {
  let size = 4;
  for (const dimension of shape) {
    size *= dimension;
    if (!Number.isSafeInteger(size)) throw new SafetensorsError(`${tensor} has a shape beyond 2^53 bytes`);
  }
  return size;
}

function readFloats(bytes: Uint8Array, start: number): Float32Array<ArrayBuffer> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const values = new Float32Array((bytes.length - start) / 4); // checkPlaces proves that 4 divides it
  for (let i = 0; i < values.length; i++) {
    const value = view.getFloat32(start + i * 4, true);
    if (!Number.isFinite(value)) throw new SafetensorsError(`value ${i} is not finite`);
    values[i] = value;
  }
  return values;
}
