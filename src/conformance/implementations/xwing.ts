/** X-Wing on every port, as the vectors call it. */
import type { Implementations } from '../case.ts';
import { fromHex, hexOrRefused } from './bytes.ts';
import { onEveryPort } from './every-port.ts';

export const xwingFunctions: Implementations = {
  xwing: onEveryPort(({ kem }, { seed, eseed }) => {
    const pair = kem.keyPair(fromHex(seed));
    const { ciphertext, secret } = kem.encapsulate(pair.publicKey, fromHex(eseed));
    const opened = hexOrRefused(kem.decapsulate(ciphertext, pair));
    const sealed = hexOrRefused(secret);
    return {
      pk: hexOrRefused(pair.publicKey),
      ct: hexOrRefused(ciphertext),
      ss: opened === sealed ? sealed : 'decapsulates to another secret',
    };
  }),
};
