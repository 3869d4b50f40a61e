/** The JSON header of a safetensors file, read by its own small grammar: JSON.parse would keep the last of two equal names. */
import { SafetensorsError } from './safetensors-error.ts';

/** One entry as it stands in the header; nothing is checked against the data yet. */
export interface TensorEntry {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

export interface Header {
  readonly tensors: readonly TensorEntry[];
  readonly metadata: ReadonlyMap<string, string>;
}

interface Reader {
  readonly text: string;
  at: number;
}

/** Parses the header; spaces may follow it. Throws SafetensorsError. */
export function parseHeader(text: string): Header {
  const reader: Reader = { text, at: 0 };
  const tensors: TensorEntry[] = [];
  let metadata: ReadonlyMap<string, string> = new Map();
  readObject(reader, name => {
    if (name === '__metadata__') metadata = readMetadata(reader);
    else tensors.push(readTensor(reader, name));
  });
  if (/[^ ]/.test(text.slice(reader.at))) throw new SafetensorsError('the header goes on after its closing brace');
  return { tensors, metadata };
}

function readMetadata(reader: Reader): ReadonlyMap<string, string> {
  const metadata = new Map<string, string>();
  readObject(reader, key => void metadata.set(key, readString(reader)));
  return metadata;
}

function readTensor(reader: Reader, name: string): TensorEntry {
  let dtype: string | null = null;
  let shape: readonly number[] | null = null;
  let offsets: readonly number[] | null = null;
  readObject(reader, key => {
    if (key === 'dtype') dtype = readString(reader);
    else if (key === 'shape') shape = readIntegers(reader);
    else if (key === 'data_offsets') offsets = readIntegers(reader);
    else throw new SafetensorsError(`tensor ${JSON.stringify(name)} has an unknown field`);
  });
  // The closure above assigns these; the compiler cannot see it.
  const found = { dtype, shape, offsets } as { dtype: string | null; shape: number[] | null; offsets: number[] | null };
  if (found.dtype === null || found.shape === null || found.offsets?.length !== 2) {
    throw new SafetensorsError(`tensor ${JSON.stringify(name)} needs dtype, shape and two data_offsets`);
  }
  return { name, dtype: found.dtype, shape: found.shape, begin: found.offsets[0], end: found.offsets[1] };
}

/** Reads an object and calls `onMember` with each key, the reader standing at its value. Keys are unique, never `__proto__`. */
function readObject(reader: Reader, onMember: (key: string) => void): void {
  expect(reader, '{');
  if (take(reader, '}')) return;
  const keys = new Set<string>();
  do {
    const key = readString(reader);
    if (key === '__proto__') throw new SafetensorsError('the header uses the name __proto__');
    if (keys.has(key)) throw new SafetensorsError(`the header holds ${JSON.stringify(key)} twice`);
    keys.add(key);
    expect(reader, ':');
    onMember(key);
  } while (take(reader, ','));
  expect(reader, '}');
}

function readIntegers(reader: Reader): number[] {
  expect(reader, '[');
  const values: number[] = [];
  if (take(reader, ']')) return values;
  do values.push(readInteger(reader));
  while (take(reader, ','));
  expect(reader, ']');
  return values;
}

function readInteger(reader: Reader): number {
  skipSpace(reader);
  const start = reader.at;
  while (isDigit(reader.text.charCodeAt(reader.at))) reader.at++;
  const digits = reader.text.slice(start, reader.at);
  if (digits === '' || (digits.length > 1 && digits[0] === '0')) throw malformed(start);
  const value = Number(digits);
  if (!Number.isSafeInteger(value)) throw new SafetensorsError('the header holds a number beyond 2^53 − 1');
  return value;
}

/** Found by hand, not by a pattern: a pattern's stack overflows on a string of many megabytes. */
function readString(reader: Reader): string {
  expect(reader, '"');
  const start = reader.at - 1;
  let end = reader.text.indexOf('"', reader.at);
  while (end >= 0 && isEscaped(reader.text, end)) end = reader.text.indexOf('"', end + 1);
  if (end < 0) throw malformed(start);
  reader.at = end + 1;
  const text = parseString(reader.text.slice(start, end + 1), start);
  if (!text.isWellFormed()) throw new SafetensorsError('the header holds text that is not well-formed Unicode');
  return text;
}

/** True when an odd number of backslashes stands before the quote at `at`. */
function isEscaped(text: string, at: number): boolean {
  let start = at;
  while (text[start - 1] === '\\') start--;
  return (at - start) % 2 === 1;
}

function parseString(quoted: string, at: number): string {
  try {
    return JSON.parse(quoted);
  } catch {
    throw malformed(at);
  }
}

function expect(reader: Reader, character: string): void {
  if (!take(reader, character)) throw malformed(reader.at);
}

function take(reader: Reader, character: string): boolean {
  skipSpace(reader);
  if (reader.text[reader.at] !== character) return false;
  reader.at++;
  return true;
}

function skipSpace(reader: Reader): void {
  while (' \t\r\n'.includes(reader.text[reader.at] ?? 'x')) reader.at++;
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

function malformed(at: number): SafetensorsError {
  return new SafetensorsError(`the header is not valid JSON of this format at character ${at}`);
}
