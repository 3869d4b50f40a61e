/**
 * Who is who in a simulated federation: real Ed25519 keys, made from the names, and stand-ins for certificates.
 *
 * Not simulated: the PKI. A stand-in is role, name and public key, unsigned; whoever is in the simulation is a member.
 */

import type { CertifiedMember } from '../client/group-ports.ts';
import type { Member } from '../coordinator/verify.ts';
import { CborError, decodeCbor, encodeCbor } from '../core/bytes/cbor.ts';
import { toHex } from '../core/bytes/floats.ts';
import type { Primitives, Signer } from '../core/crypto/primitives.ts';
import type { Role } from '../core/protocol/identity.ts';
import { Problem } from '../core/protocol/problem.ts';

export interface Identity {
  readonly signer: Signer;
  /** Stands in for the DER of the update certificate. */
  readonly document: Uint8Array;
  /** SHA-256 of the document. */
  readonly certificate: Uint8Array;
}

/** @param signerOf makes a signer from a 32-byte Ed25519 seed. */
export function simulatedIdentity(
  role: 'client' | 'coordinator',
  name: string,
  primitives: Primitives,
  signerOf: (seed: Uint8Array) => Signer,
): Identity {
  const signer = signerOf(primitives.sha256(encodeCbor(['parley/simulation/key', role, name])));
  const document = encodeCbor([role, name, signer.publicKey]);
  return { signer, document, certificate: primitives.sha256(document) };
}

/** Reads a stand-in: every member is an organisation of its own. Throws Problem `unauthenticated`. */
export function verifySimulated(document: Uint8Array, primitives: Primitives): Member & CertifiedMember {
  try {
    const [role, name, publicKey] = decodeCbor(document) as [Role, string, Uint8Array];
    const certificate = primitives.sha256(document);
    return { role, name, organisation: name, publicKey, certificate, serial: toHex(publicKey) };
  } catch (cause) {
    if (!(cause instanceof CborError)) throw cause;
    throw new Problem('unauthenticated', 'not a certificate of the simulation', { cause });
  }
}
