/** Deterministic CBOR (RFC 8949 §4.2.1) a second time, as short as it can be: what an independent implementation has to write anyway. */

export function cbor(value: unknown): Uint8Array {
  return Uint8Array.from(item(value));
}

function item(value: unknown): number[] {
  if (value === null) return [0xf6];
  if (typeof value === 'number') return Number.isInteger(value) ? integer(value) : float(value);
  if (typeof value === 'string') return [...head(3, Buffer.byteLength(value)), ...Buffer.from(value)];
  if (value instanceof Uint8Array) return [...head(2, value.length), ...value];
  if (Array.isArray(value)) return [...head(4, value.length), ...value.flatMap(item)];
  const entries = Object.entries(value as object).map(([key, one]) => [item(key), item(one)]);
  entries.sort(([a], [b]) => Buffer.compare(Uint8Array.from(a), Uint8Array.from(b)));
  return [...head(5, entries.length), ...entries.flat(2)];
}

function integer(value: number): number[] {
  return value < 0 ? head(1, -1 - value) : head(0, value);
}

function head(major: number, count: number): number[] {
  const kind = major << 5;
  if (count < 24) return [kind | count];
  if (count < 2 ** 8) return [kind | 24, count];
  if (count < 2 ** 16) return [kind | 25, count >> 8, count & 255];
  if (count < 2 ** 32) return [kind | 26, ...bytesOf(4, view => view.setUint32(0, count))];
  return [kind | 27, ...bytesOf(8, view => view.setBigUint64(0, BigInt(count)))];
}

/** The shortest that is exact. */
function float(value: number): number[] {
  const half = bytesOf(2, view => view.setFloat16(0, value));
  if (new DataView(Uint8Array.from(half).buffer).getFloat16(0) === value) return [0xf9, ...half];
  if (Math.fround(value) === value) return [0xfa, ...bytesOf(4, view => view.setFloat32(0, value))];
  return [0xfb, ...bytesOf(8, view => view.setFloat64(0, value))];
}

function bytesOf(length: number, set: (view: DataView) => void): number[] {
  const bytes = new Uint8Array(length);
  set(new DataView(bytes.buffer));
  return [...bytes];
}
