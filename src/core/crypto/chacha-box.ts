/** The checks that every port makes around ChaCha20-Poly1305 (RFC 8439 §2.8). */
import type { GroupPrimitives } from './group-primitives.ts';

type Boxes = Pick<GroupPrimitives, 'seal' | 'open'>;

/** `seal` and `open` as promised, around a library whose `open` throws whatever it likes for a wrong box. */
export function checkedBoxes(library: Boxes): Boxes {
  return {
    seal(key, nonce, plaintext, associated) {
      expectSizes(key, nonce);
      return library.seal(key, nonce, plaintext, associated);
    },
    open(key, nonce, sealed, associated) {
      expectSizes(key, nonce);
      try {
        return library.open(key, nonce, sealed, associated);
      } catch {
        // The sizes are right, so that the box is wrong.
        return null;
      }
    },
  };
}

function expectSizes(key: Uint8Array, nonce: Uint8Array): void {
  if (key.length !== 32) throw new RangeError(`box: a key has 32 bytes, this one ${key.length}`);
  if (nonce.length !== 12) throw new RangeError(`box: a nonce has 12 bytes, this one ${nonce.length}`);
}
