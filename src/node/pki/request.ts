/** Certificate requests (PKCS #10): a proof that the sender holds a key. Nothing else in them is believed. */
import 'reflect-metadata';
import { createPublicKey, type KeyObject } from 'node:crypto';
import { ed25519 } from '@noble/curves/ed25519.js';
import * as x509 from '@peculiar/x509';
import { Problem } from '../../core/protocol/problem.ts';
import { signingKey, verifyingKey } from './certificate.ts';
import { rawFromSpki } from './signer.ts';

/** A request for a certificate of `key`, DER. Its subject is a fixed word: the authority takes the name from the invitation. */
export async function createRequest(key: KeyObject): Promise<Uint8Array> {
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: [{ CN: ['parley'] }],
    keys: { privateKey: signingKey(key), publicKey: verifyingKey(createPublicKey(key)) },
    signingAlgorithm: { name: 'Ed25519' },
  });
  return new Uint8Array(request.rawData);
}

/**
 * The 32 bytes of the Ed25519 key that signed the request. Subject, extensions and attributes are ignored.
 * Throws Problem('bad-csr') for other kinds of key, small-order or non-canonical points, and signatures that do not verify.
 */
export async function verifyRequest(der: Uint8Array): Promise<Uint8Array> {
  try {
    const request = new x509.Pkcs10CertificateRequest(der as Uint8Array<ArrayBuffer>);
    const publicKey = rawFromSpki(new Uint8Array(request.publicKey.rawData));
    if (publicKey === null || !isStrongPoint(publicKey)) throw new Problem('bad-csr', 'not an Ed25519 key');
    if (!(await request.verify())) throw new Problem('bad-csr', 'the signature does not verify');
    return publicKey;
  } catch (cause) {
    if (cause instanceof Problem) throw cause;
    throw new Problem('bad-csr', 'not a PKCS #10 request', { cause });
  }
}

/** A canonical point of the prime-order subgroup: anything else would verify signatures on messages its owner never saw. */
function isStrongPoint(publicKey: Uint8Array): boolean {
  const point = ed25519.Point.fromBytes(publicKey, false);
  return !point.isSmallOrder() && point.isTorsionFree();
}
