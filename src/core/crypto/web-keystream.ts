/** The keystream port on WebCrypto, for browsers. It has no running cipher: each call begins at its own counter. */
import { blockBytes, counterBlock } from './counter-block.ts';
import type { Keystream } from './group-primitives.ts';

/** What the port uses of `crypto.subtle`; `Key` is the platform's CryptoKey. */
export interface SubtleCtr<Key> {
  importKey(
    format: 'raw',
    key: Uint8Array<ArrayBuffer>,
    algorithm: 'AES-CTR',
    extractable: false,
    usages: ['encrypt'],
  ): Promise<Key>;
  encrypt(
    algorithm: { readonly name: 'AES-CTR'; readonly counter: Uint8Array<ArrayBuffer>; readonly length: 128 },
    key: Key,
    data: Uint8Array<ArrayBuffer>,
  ): Promise<ArrayBuffer>;
}

/** The port on `crypto.subtle`, which browsers have in secure contexts only. */
export function webKeystream<Key>(subtle: SubtleCtr<Key>): Keystream {
  let zeros = new Uint8Array(64 * 1024);
  return {
    open(key, fromByte = 0) {
      counterBlock(key, fromByte);
      const own = Uint8Array.from(key);
      const imported = subtle.importKey('raw', own, 'AES-CTR', false, ['encrypt']);
      // A reader that nobody fills from has nobody who would hear of the failure.
      imported.catch(() => undefined);
      let next = fromByte;
      return {
        async fill(target) {
          const { block, skip } = counterBlock(own, next);
          next += target.length;
          const count = Math.ceil((skip + target.length) / blockBytes) * blockBytes;
          if (zeros.length < count) zeros = new Uint8Array(count);
          const algorithm = { name: 'AES-CTR', counter: block, length: 128 } as const;
          const stream = await subtle.encrypt(algorithm, await imported, zeros.subarray(0, count));
          target.set(new Uint8Array(stream, skip, target.length));
          // Not left to the garbage collector: the next chunk gets the same memory, warm.
          stream.transfer?.(0);
        },
      };
    },
  };
}
