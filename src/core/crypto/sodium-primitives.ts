/** Signatures on libsodium in WebAssembly: in browsers, where noble takes twenty times as long and a member of a large group verifies many. */
import sodium from 'libsodium-wrappers-sumo';
import type { Primitives } from './primitives.ts';
import { hasCanonicalScalar } from './strict-ed25519.ts';

/** The given port with signatures verified by libsodium. Rejects where WebAssembly cannot run. */
export async function sodiumPrimitives(primitives: Primitives): Promise<Primitives> {
  await sodium.ready;
  return {
    ...primitives,
    verify(publicKey, message, signature) {
      if (publicKey.length !== 32 || !hasCanonicalScalar(signature)) return false;
      // A valid point is canonical and of prime order. R = S·B − k·A is then of prime order too, and libsodium compares its encoding.
      return (
        sodium.crypto_core_ed25519_is_valid_point(publicKey) &&
        sodium.crypto_sign_verify_detached(signature, message, publicKey)
      );
    },
  };
}
