/** safetensors: the file format of published models. A header of names, shapes and places, then raw numbers; no code. */
import { type Manifest, parameterCount, tensorSize } from '../learning/parameters.ts';
import { SafetensorsError } from './safetensors-error.ts';
import { maxHeaderBytes, readLayout } from './safetensors-layout.ts';

/** A model file, read. */
export interface SafetensorsFile {
  /** Tensors in the order of their data. */
  readonly manifest: Manifest;
  /** All tensors, one after the other. */
  readonly parameters: Float32Array<ArrayBuffer>;
  readonly metadata: Readonly<Record<string, string>>;
}

const utf8 = new TextEncoder();

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
  const { tensors, dataStart, metadata } = readLayout(bytes, { F32: 4 });
  return {
    manifest: tensors.map(({ name, shape }) => ({ name, shape })),
    parameters: readFloats(bytes, dataStart),
    metadata: Object.fromEntries(metadata), // parseHeader refuses the key __proto__
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

function readFloats(bytes: Uint8Array, start: number): Float32Array<ArrayBuffer> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const values = new Float32Array((bytes.length - start) / 4); // readLayout proves that 4 divides it
  for (let i = 0; i < values.length; i++) {
    const value = view.getFloat32(start + i * 4, true);
    if (!Number.isFinite(value)) throw new SafetensorsError(`value ${i} is not finite`);
    values[i] = value;
  }
  return values;
}
