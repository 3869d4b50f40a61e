/** A ring-LWE ciphertext made by SEAL: decryption, and the distribution of secret and noise after the inverse transform. */
import { z } from 'zod';
import { exact } from '../case.ts';
import { jsonReader } from '../reader.ts';

const polynomial = z.array(z.number()).min(1);
const format = z.looseObject({
  N: z.number(),
  q: z.array(z.number()),
  s_ntt: polynomial,
  c0_ntt: polynomial,
  c1_ntt: polynomial,
  plaintext_ntt: polynomial,
  decrypted_ntt: polynomial,
});

export const rlweReader = jsonReader(format, ({ decrypted_ntt, ...input }, file) => [
  {
    id: `seal/${file.stem}/decrypt`,
    group: 'seal',
    fn: 'seal/decrypt',
    input,
    expectation: { kind: 'value', value: decrypted_ntt, tolerance: exact },
  },
  {
    id: `seal/${file.stem}/inverse-ntt`,
    group: 'seal',
    fn: 'seal/inverse-ntt',
    input: { ...input, decrypted_ntt },
    expectation: { kind: 'statement', statement: 'the secret is ternary and the noise has standard deviation 3.29' },
  },
]);
