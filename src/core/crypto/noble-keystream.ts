/** The keystream port on noble, where the platform has no AES of its own: forty times slower, and its tables are not constant in time. */
import { ctr } from '@noble/ciphers/aes.js';
import { blockBytes, counterBlock } from './counter-block.ts';
import type { Keystream } from './group-primitives.ts';

export const nobleKeystream: Keystream = {
  open(key, fromByte = 0) {
    counterBlock(key, fromByte);
    const own = Uint8Array.from(key);
    let next = fromByte;
    return {
      fill(target) {
        const { block, skip } = counterBlock(own, next);
        const whole = new Uint8Array(Math.ceil((skip + target.length) / blockBytes) * blockBytes);
        target.set(
          ctr(own, block)
            .encrypt(whole)
            .subarray(skip, skip + target.length),
        );
        next += target.length;
      },
    };
  },
};
