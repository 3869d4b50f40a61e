/** Deterministic CBOR (RFC 8949 §4.2.1): the one encoding of everything hashed, signed or sent. */

/** Values that have an encoding. Integers within ±(2^53 − 1) encode as integers, other numbers as the shortest exact float. */
export type Cbor = null | boolean | number | string | Uint8Array | readonly Cbor[] | { readonly [key: string]: Cbor };

/** Bytes that are not one deterministic CBOR item. Says little on purpose: it answers bytes from outside. */
export class CborError extends Error {
  override readonly name = 'CborError';
}

const maxDepth = 32;
/** Longest text of ASCII that is read and written without a decoder: labels, and the names of fields. */
const shortText = 24;
/** Room at first: for most of what is hashed and signed. */
const startBytes = 512;
const utf8 = new TextEncoder();
const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Encodes a value: shortest integer, length and float forms, definite lengths, map keys sorted by their encoded bytes.
 * Object members that are undefined are left out. Throws TypeError for anything that has no encoding
 * (NaN and infinities included: nothing non-finite is ever hashed, signed or sent).
 */
export function encodeCbor(value: unknown): Uint8Array<ArrayBuffer> {
  const writer = new Writer();
  encodeItem(value, writer, 0, new Map());
  return writer.end();
}

/** Decodes exactly one item that fills `bytes`. Throws CborError for anything that `encodeCbor` would not have written. */
export function decodeCbor(bytes: Uint8Array): Cbor {
  return decodeWhole(bytes, item => item.slice());
}

/** As `decodeCbor`, several times faster for many short byte strings: they are views of `bytes`, which must not change any more. */
export function viewCbor(bytes: Uint8Array): Cbor {
  return decodeWhole(bytes, item => item);
}

function decodeWhole(bytes: Uint8Array, hold: Reader['hold']): Cbor {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const reader = { bytes, view, at: 0, hold };
  const value = decodeItem(reader, 0);
  if (reader.at !== bytes.length) throw new CborError('bytes after the item');
  return value;
}

/** Bytes written one after another; long ones are copied once, at the end. */
class Writer {
  readonly #pieces: Uint8Array[] = [];
  #before = 0;
  #bytes = new Uint8Array(startBytes);
  #length = 0;

  byte(value: number): void {
    if (this.#length === this.#bytes.length) this.#grow(1);
    this.#bytes[this.#length++] = value;
  }

  /** Not to change before `end`. */
  bytes(values: Uint8Array): void {
    if (values.length >= startBytes) {
      this.#cut();
      this.#add(values);
      return;
    }
    if (this.#length + values.length > this.#bytes.length) this.#grow(values.length);
    this.#bytes.set(values, this.#length);
    this.#length += values.length;
  }

  end(): Uint8Array<ArrayBuffer> {
    if (this.#pieces.length === 0) return this.#bytes.slice(0, this.#length);
    this.#cut();
    const out = new Uint8Array(this.#before);
    let at = 0;
    for (const piece of this.#pieces) {
      out.set(piece, at);
      at += piece.length;
    }
    return out;
  }

  /** What was written so far is a piece; the rest of its buffer is written on. */
  #cut(): void {
    this.#add(this.#bytes.subarray(0, this.#length));
    this.#bytes = this.#bytes.subarray(this.#length);
    this.#length = 0;
  }

  #add(piece: Uint8Array): void {
    this.#pieces.push(piece);
    this.#before += piece.length;
  }

  #grow(more: number): void {
    const larger = new Uint8Array(Math.max(2 * this.#bytes.length, this.#length + more + startBytes));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }
}

/** @param keys encoded keys of maps seen before: a list of many alike is encoded several times faster. */
function encodeItem(value: unknown, out: Writer, depth: number, keys: Map<string, Uint8Array>): void {
  if (depth > maxDepth) throw new TypeError(`CBOR: nested deeper than ${maxDepth}`);
  if (value === null) return out.byte(0xf6);
  if (value === false) return out.byte(0xf4);
  if (value === true) return out.byte(0xf5);
  if (typeof value === 'number') return encodeNumber(value, out);
  if (typeof value === 'string') return encodeText(value, out);
  if (value instanceof Uint8Array) {
    encodeHead(2, value.length, out);
    return out.bytes(value);
  }
  if (Array.isArray(value)) {
    encodeHead(4, value.length, out);
    for (const item of value) encodeItem(item, out, depth + 1, keys);
    return;
  }
  if (typeof value === 'object' && isPlain(value)) return encodeMap(value, out, depth, keys);
  throw new TypeError(`CBOR: no encoding for ${typeof value}`);
}

function encodeText(value: string, out: Writer): void {
  if (value.length <= shortText && isAscii(value)) {
    encodeHead(3, value.length, out);
    for (let i = 0; i < value.length; i++) out.byte(value.charCodeAt(i));
    return;
  }
  if (!value.isWellFormed()) throw new TypeError('CBOR: the string is not well-formed Unicode');
  const bytes = utf8.encode(value);
  encodeHead(3, bytes.length, out);
  out.bytes(bytes);
}

function isAscii(value: string): boolean {
  for (let i = 0; i < value.length; i++) if (value.charCodeAt(i) >= 0x80) return false;
  return true;
}

function isPlain(value: object): value is Record<string, unknown> {
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function encodeMap(map: Record<string, unknown>, out: Writer, depth: number, keys: Map<string, Uint8Array>): void {
  const entries = Object.entries(map)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => [encodeKey(key, keys), value] as const)
    .sort(([a], [b]) => compareBytes(a, b));
  encodeHead(5, entries.length, out);
  for (const [key, value] of entries) {
    out.bytes(key);
    encodeItem(value, out, depth + 1, keys);
  }
}

function encodeKey(key: string, keys: Map<string, Uint8Array>): Uint8Array {
  const known = keys.get(key);
  if (known !== undefined) return known;
  const encoded = encodeCbor(key);
  keys.set(key, encoded);
  return encoded;
}

/** Bytewise lexicographic order (RFC 8949 §4.2.1). */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) if (a[i] !== b[i]) return a[i] - b[i];
  return a.length - b.length;
}

function encodeHead(major: number, argument: number, out: Writer): void {
  const top = major << 5;
  if (argument < 24) return out.byte(top | argument);
  const width = argument < 0x100 ? 0 : argument < 0x10000 ? 1 : argument < 0x100000000 ? 2 : 3;
  out.byte(top | (24 + width));
  if (width === 3) bigEndian(Math.floor(argument / 0x100000000), 4, out);
  bigEndian(argument % 0x100000000, Math.min(4, 2 ** width), out);
}

/** The last so many bytes of an integer below 2^32. */
function bigEndian(value: number, bytes: number, out: Writer): void {
  for (let shift = 8 * (bytes - 1); shift >= 0; shift -= 8) out.byte((value >>> shift) & 0xff);
}

function encodeNumber(value: number, out: Writer): void {
  if (!Number.isFinite(value)) throw new TypeError('CBOR: the number is not finite');
  if (!Number.isSafeInteger(value) || Object.is(value, -0)) return out.bytes(encodeFloat(value));
  if (value >= 0) encodeHead(0, value, out);
  else encodeHead(1, -1 - value, out);
}

function encodeFloat(value: number): Uint8Array {
  const half = toHalf(value);
  if (half !== null) return Uint8Array.of(0xf9, half >> 8, half & 0xff);
  const out = new Uint8Array(Math.fround(value) === value ? 5 : 9);
  const view = new DataView(out.buffer);
  out[0] = out.length === 5 ? 0xfa : 0xfb;
  if (out.length === 5) view.setFloat32(1, value);
  else view.setFloat64(1, value);
  return out;
}

/** The binary16 bits of `value` if it is exact there, else null. */
function toHalf(value: number): number | null {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(value);
  if (size === 0) return sign;
  if (size > 65504 || size < 2 ** -24) return null;
  const exponent = Math.max(Math.floor(Math.log2(size)), -14);
  for (const e of [exponent, exponent + 1, exponent - 1]) {
    if (e < -14 || e > 15) continue;
    const significand = size * 2 ** (10 - e);
    if (!Number.isInteger(significand) || significand >= 2048 || (e > -14 && significand < 1024)) continue;
    return sign | (significand < 1024 ? significand : ((e + 15) << 10) | (significand - 1024));
  }
  return null;
}

function fromHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 31) return Number.NaN;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25));
}

interface Reader {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  at: number;
  /** What becomes of a byte string. */
  readonly hold: (item: Uint8Array) => Uint8Array;
}

function decodeItem(reader: Reader, depth: number): Cbor {
  if (depth > maxDepth) throw new CborError('nested too deep');
  need(reader, 1);
  const initial = reader.bytes[reader.at++];
  const major = initial >> 5;
  const info = initial & 0x1f;
  if (major === 7) return decodeSimple(reader, info);
  const argument = decodeArgument(reader, info);
  if (major === 0) return argument;
  if (major === 1) {
    if (argument >= Number.MAX_SAFE_INTEGER) throw new CborError('integer too large');
    return -1 - argument;
  }
  if (major === 2) return reader.hold(take(reader, argument));
  if (major === 3) return decodeText(take(reader, argument));
  if (major === 4) return decodeArray(reader, argument, depth);
  if (major === 5) return decodeMap(reader, argument, depth);
  throw new CborError('tags are not used');
}

function need(reader: Reader, count: number): void {
  if (count > reader.bytes.length - reader.at) throw new CborError('ends early');
}

function take(reader: Reader, count: number): Uint8Array {
  need(reader, count);
  reader.at += count;
  return reader.bytes.subarray(reader.at - count, reader.at);
}

function decodeText(bytes: Uint8Array): string {
  if (bytes.length <= shortText && bytes.every(byte => byte < 0x80)) return String.fromCharCode(...bytes);
  try {
    return strictUtf8.decode(bytes);
  } catch (cause) {
    throw new CborError('text is not UTF-8', { cause });
  }
}

function decodeArgument(reader: Reader, info: number): number {
  if (info < 24) return info;
  if (info > 27) throw new CborError('indefinite or reserved length');
  const width = 1 << (info - 24);
  need(reader, width);
  const at = reader.at;
  reader.at += width;
  if (width === 8) {
    const large = reader.view.getBigUint64(at);
    if (large < 0x100000000n || large > BigInt(Number.MAX_SAFE_INTEGER)) throw new CborError('length not in range');
    return Number(large);
  }
  const value =
    width === 1 ? reader.view.getUint8(at) : width === 2 ? reader.view.getUint16(at) : reader.view.getUint32(at);
  if (value < (width === 1 ? 24 : width === 2 ? 0x100 : 0x10000)) throw new CborError('not the shortest form');
  return value;
}

function decodeSimple(reader: Reader, info: number): Cbor {
  if (info === 20) return false;
  if (info === 21) return true;
  if (info === 22) return null;
  if (info < 25 || info > 27) throw new CborError('unknown simple value');
  const width = 1 << (info - 24);
  need(reader, width);
  const at = reader.at;
  reader.at += width;
  const value =
    width === 2
      ? fromHalf(reader.view.getUint16(at))
      : width === 4
        ? reader.view.getFloat32(at)
        : reader.view.getFloat64(at);
  if (!Number.isFinite(value)) throw new CborError('number is not finite');
  if (compareBytes(encodeCbor(value), reader.bytes.subarray(at - 1, reader.at)) !== 0)
    throw new CborError('not the shortest form');
  return value;
}

function decodeArray(reader: Reader, count: number, depth: number): Cbor[] {
  need(reader, count); // every item takes a byte or more: a huge count cannot allocate
  const items: Cbor[] = [];
  for (let i = 0; i < count; i++) items.push(decodeItem(reader, depth + 1));
  return items;
}

function decodeMap(reader: Reader, count: number, depth: number): { [key: string]: Cbor } {
  need(reader, count * 2);
  const map: { [key: string]: Cbor } = {};
  let last: Uint8Array | null = null;
  for (let i = 0; i < count; i++) {
    const start = reader.at;
    const key = decodeItem(reader, depth + 1);
    if (typeof key !== 'string') throw new CborError('map keys are text');
    const encoded = reader.bytes.subarray(start, reader.at);
    if (last !== null && compareBytes(last, encoded) >= 0) throw new CborError('map keys are not in order');
    last = encoded;
    const value = decodeItem(reader, depth + 1);
    if (key !== '__proto__') map[key] = value;
    // A plain assignment would set the prototype.
    else Object.defineProperty(map, key, { value, enumerable: true, configurable: true, writable: true });
  }
  return map;
}
