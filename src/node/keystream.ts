/** The keystream port on OpenSSL: AES-256-CTR at the speed of the processor's own instructions. */
import { createCipheriv } from 'node:crypto';
import { counterBlock } from '../core/crypto/counter-block.ts';
import type { Keystream } from '../core/crypto/group-primitives.ts';

/** Encrypted at a time: what comes out still lies in the cache when it is copied. */
const zeros = new Uint8Array(64 * 1024);

export const nodeKeystream: Keystream = {
  open(key, fromByte = 0) {
    const { block, skip } = counterBlock(key, fromByte);
    const cipher = createCipheriv('aes-256-ctr', key, block);
    cipher.update(zeros.subarray(0, skip));
    return {
      fill(target) {
        for (let at = 0; at < target.length; at += zeros.length) {
          const count = Math.min(zeros.length, target.length - at);
          const stream = cipher.update(count === zeros.length ? zeros : zeros.subarray(0, count));
          target.set(stream, at);
          free(stream);
        }
      },
    };
  },
};

/**
 * Gives the memory back now: the next chunk gets the same, warm. Left to the garbage collector, every chunk would lie in fresh pages, which
 * takes as long as the encryption. A cipher's output has a buffer of its own.
 */
function free(stream: Uint8Array<ArrayBuffer>): void {
  if (stream.buffer.byteLength === stream.length) stream.buffer.transfer(0);
}
