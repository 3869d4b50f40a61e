/** The little DER (X.690) that revocation lists need: thousands of entries, where a general ASN.1 library takes seconds. */

export const tags = {
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  extensions: 0xa0,
} as const;

/** One element: tag, shortest definite length, content. */
export function element(tag: number, ...content: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(content);
  if (body.length < 0x80) return Buffer.concat([Buffer.of(tag, body.length), body]);
  const hex = body.length.toString(16);
  const length = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
  return Buffer.concat([Buffer.of(tag, 0x80 | length.length), length, body]);
}

/** A non-negative INTEGER from hexadecimal digits. */
export function integer(hex: string): Buffer {
  const digits = hex.replace(/^0+(?=.)/, '');
  const bytes = Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, 'hex');
  return element(tags.integer, bytes[0] & 0x80 ? Buffer.of(0) : Buffer.alloc(0), bytes);
}

/** A time in whole seconds: UTCTime up to 2049, GeneralizedTime from 2050 on (RFC 5280 §4.1.2.5). `ms` is Unix time. */
export function time(ms: number): Buffer {
  const digits = new Date(ms).toISOString().replace(/[-:T]|\.\d+/g, '');
  const short = digits < '2050';
  return element(short ? tags.utcTime : tags.generalizedTime, Buffer.from(short ? digits.slice(2) : digits));
}

export interface Element {
  readonly tag: number;
  readonly content: Uint8Array;
  /** The whole element, header included. */
  readonly bytes: Uint8Array;
}

/** The elements that fill `bytes`. Throws TypeError for anything else, long tags and lengths beyond 2^32 included. */
export function readElements(bytes: Uint8Array): Element[] {
  const elements: Element[] = [];
  for (let at = 0; at < bytes.length; ) {
    const header = readHeader(bytes, at);
    const end = header.contentAt + header.length;
    if (end > bytes.length) throw new TypeError('DER: an element ends early');
    elements.push({ tag: bytes[at], content: bytes.subarray(header.contentAt, end), bytes: bytes.subarray(at, end) });
    at = end;
  }
  return elements;
}

/** Hexadecimal digits of a non-negative INTEGER, at least two, without the sign byte. */
export function readInteger({ tag, content }: Element): string {
  if (tag !== tags.integer || content.length === 0 || content[0] & 0x80)
    throw new TypeError('DER: not a non-negative integer');
  return Buffer.from(content.length > 1 && content[0] === 0 ? content.subarray(1) : content).toString('hex');
}

/** Unix time in ms. */
export function readTime({ tag, content }: Element): number {
  const text = Buffer.from(content).toString('latin1');
  // RFC 5280 §4.1.2.5.1: two-digit years from 50 on belong to the last century.
  const full = tag === tags.utcTime ? `${text < '50' ? '20' : '19'}${text}` : tag === tags.generalizedTime ? text : '';
  const match = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(full);
  const ms = match === null ? Number.NaN : Date.parse(`${match.slice(1, 4).join('-')}T${match.slice(4).join(':')}Z`);
  if (Number.isNaN(ms)) throw new TypeError('DER: not a time');
  return ms;
}

function readHeader(bytes: Uint8Array, at: number): { contentAt: number; length: number } {
  const first = bytes[at + 1];
  if (first === undefined || (bytes[at] & 0x1f) === 0x1f) throw new TypeError('DER: no element');
  if (first < 0x80) return { contentAt: at + 2, length: first };
  const width = first & 0x7f;
  const octets = bytes.subarray(at + 2, at + 2 + width);
  const length = octets.reduce((value, byte) => value * 256 + byte, 0);
  if (width < 1 || width > 4 || octets.length < width || length < 0x80 || octets[0] === 0)
    throw new TypeError('DER: not the shortest length');
  return { contentAt: at + 2 + width, length };
}
