/** HKDF-SHA256 over one-shot digests: half the time of node:crypto's, which makes a key object at each call. */
import { hash } from 'node:crypto';

const digestBytes = 32;
const blockBytes = 64;

/** `length` bytes, 1–8160, of key material `key`, extracted with `salt` and bound to `info` (RFC 5869 §2). Throws RangeError for another length. */
export function nodeHkdf(key: Uint8Array, salt: Uint8Array, info: Uint8Array, length: number): Uint8Array {
  if (!Number.isSafeInteger(length) || length < 1 || length > 255 * digestBytes) {
    throw new RangeError(`HKDF: 1 to ${255 * digestBytes} bytes, not ${length}`);
  }
  const extracted = hmac(salt, [key]);
  const output = new Uint8Array(length);
  let block: Uint8Array = new Uint8Array(0);
  for (let at = 0, counter = 1; at < length; at += digestBytes, counter++) {
    block = hmac(extracted, [block, info, Uint8Array.of(counter)]);
    output.set(block.subarray(0, length - at), at);
  }
  return output;
}

/** RFC 2104. */
function hmac(key: Uint8Array, message: readonly Uint8Array[]): Uint8Array {
  const short = key.length > blockBytes ? hash('sha256', key, 'buffer') : key;
  const inner = sha256([padded(short, 0x36), ...message]);
  return sha256([padded(short, 0x5c), inner]);
}

function padded(key: Uint8Array, pad: number): Uint8Array {
  const block = new Uint8Array(blockBytes).fill(pad);
  for (let i = 0; i < key.length; i++) block[i] ^= key[i];
  return block;
}

function sha256(parts: readonly Uint8Array[]): Uint8Array {
  return hash('sha256', Buffer.concat(parts), 'buffer');
}
