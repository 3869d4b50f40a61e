/** Base64 of our own constants (RFC 4648 §4), for platforms without Buffer and atob. */

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** The bytes of padded base64 text. Throws RangeError for another character or length. */
export function base64ToBytes(text: string): Uint8Array {
  const digits = text.replace(/={1,2}$/, '');
  if (text.length % 4 !== 0 || digits.length % 4 === 1) throw new RangeError('base64: the text is cut');
  const bytes = new Uint8Array((digits.length * 3) >> 2);
  let held = 0;
  let bits = 0;
  let at = 0;
  for (const character of digits) {
    const value = alphabet.indexOf(character);
    if (value < 0) throw new RangeError('base64: not a base64 character');
    held = ((held << 6) | value) & 0xffffff;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes[at++] = held >> bits;
  }
  return bytes;
}
