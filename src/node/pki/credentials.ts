/** The credentials folder of a process: its TLS and update keys with their certificates, and the authorities it trusts. */

import { X509Certificate } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { Signer } from '../../core/crypto/primitives.ts';
import type { Principal } from '../../core/protocol/identity.ts';
import { parseIdentityUri } from '../../core/protocol/identity.ts';
import { Problem, UserError } from '../../core/protocol/problem.ts';
import { writeDurable } from '../durable-file.ts';
import type { CertificateKind } from './certificate.ts';
import { parsePrivateKey, rawPublicKey, signerOf } from './signer.ts';
import { certificateHash, type Leaf, readLeaf } from './verify.ts';

/** All that a process needs to prove who it is. */
export interface Credentials {
  readonly principal: Principal;
  /** PEM texts: key, chain (leaf, issuing), and the root that peers are checked against. */
  readonly tls: { readonly key: string; readonly cert: string; readonly ca: string };
  /** PEM of the issuing certificate. */
  readonly issuing: string;
  readonly updateSigner: Signer;
  /** DER. */
  readonly updateCertificate: Uint8Array;
  /** SHA-256 of `updateCertificate`, 32 bytes: the sender of every signed message. */
  readonly updateCertificateHash: Uint8Array;
  /** End of the TLS certificate, Unix time in ms. */
  readonly notAfter: number;
  /** The home that holds the credentials folder. */
  readonly home: string;
}

/** A private key with its certificate, one file, so that a renewal replaces both in one rename. */
export interface KeyPair {
  /** PKCS #8 PEM. */
  readonly key: string;
  /** Certificate PEM. */
  readonly certificate: string;
}

/**
 * Loads a credentials folder. Throws UserError, with path and remedy, for a missing or unreadable file, a key that others may
 * read, a key that is not its certificate's, and certificates that have expired at `nowMs`.
 */
export function loadCredentials(folder: string, nowMs: number = Date.now()): Credentials {
  const ca = readText(join(folder, 'root.crt'));
  const issuing = readText(join(folder, 'issuing.crt'));
  const tls = loadKeyPair(folder, 'tls', nowMs);
  const update = loadKeyPair(folder, 'update', nowMs);
  return {
    principal: tls.leaf.principal,
    tls: { key: tls.pair.key, cert: `${tls.pair.certificate}${issuing}`, ca },
    issuing,
    updateSigner: signerOf(parsePrivateKey(update.pair.key)),
    updateCertificate: new Uint8Array(update.leaf.certificate.raw),
    updateCertificateHash: certificateHash(update.leaf.certificate.raw),
    notAfter: tls.leaf.notAfterMs,
    home: dirname(resolve(folder)),
  };
}

/** A key pair of the folder with what its certificate says. Throws UserError as `loadCredentials` does. */
export function loadKeyPair(folder: string, kind: CertificateKind, nowMs: number): { pair: KeyPair; leaf: Leaf } {
  const path = join(folder, `${kind}.pem`);
  const pair = splitPair(readKeyFile(path));
  const leaf = pair === null ? null : readPair(pair, kind);
  if (pair === null || leaf === null) {
    throw new UserError(
      path,
      'not a key with its certificate',
      'Restore the file, or ask for a new invitation: parley invite NAME --replace.',
    );
  }
  if (nowMs >= leaf.notAfterMs) {
    throw new UserError(
      path,
      `the certificate of ${leaf.principal.name} expired at ${new Date(leaf.notAfterMs).toISOString()}`,
      `Ask the federation for a new invitation: parley invite ${leaf.principal.name} --replace.`,
    );
  }
  return { pair, leaf };
}

/** Makes a folder that only its owner may enter, and whatever folders lead to it. */
export function makePrivateFolder(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  chmodSync(folder, 0o700);
}

/** Writes the root and issuing certificates (PEM) of a credentials folder. */
export function saveAuthorities(folder: string, root: string, issuing: string): void {
  makePrivateFolder(folder);
  writeDurable(join(folder, 'root.crt'), root, 0o644);
  writeDurable(join(folder, 'issuing.crt'), issuing, 0o644);
}

/** Replaces a key pair in one step: after a crash the folder holds the old pair or the new one. */
export function saveKeyPair(folder: string, kind: CertificateKind, pair: KeyPair): void {
  writeDurable(join(folder, `${kind}.pem`), `${pair.key.trimEnd()}\n${pair.certificate.trimEnd()}\n`, 0o600);
}

/** Reads a private file. Throws UserError when it is missing or when anyone but its owner may read it. */
export function readKeyFile(path: string): string {
  const mode = statSync(path, { throwIfNoEntry: false })?.mode;
  if (mode !== undefined && process.platform !== 'win32' && (mode & 0o077) !== 0) {
    throw new UserError(
      path,
      'others than its owner may use this private key',
      `Run: chmod 600 ${path} – and if anyone may have read it, ask for a new invitation.`,
    );
  }
  return readText(path);
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    throw new UserError(
      path,
      missing ? 'there are no credentials here' : `cannot be read: ${(cause as Error).message}`,
      missing
        ? 'Join the federation first (parley join), or name its folder with --home.'
        : 'Run as the owner of the file.',
      { cause },
    );
  }
}

function splitPair(text: string): KeyPair | null {
  const match =
    /^(-----BEGIN PRIVATE KEY-----[^-]+-----END PRIVATE KEY-----\n)(-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n)$/.exec(
      text,
    );
  return match === null ? null : { key: match[1], certificate: match[2] };
}

/** What the certificate says, or null unless it is of this kind and of this key. */
function readPair(pair: KeyPair, kind: CertificateKind): Leaf | null {
  try {
    const certificate = new X509Certificate(pair.certificate);
    const uri = /URI:([^,]+)/.exec(certificate.subjectAltName ?? '')?.[1] ?? '';
    const leaf = readLeaf(certificate.raw, kind, parseIdentityUri(uri)?.federation ?? '');
    const own = rawPublicKey(parsePrivateKey(pair.key));
    return Buffer.from(own).equals(rawPublicKey(certificate.publicKey)) ? leaf : null;
  } catch (error) {
    if (
      error instanceof Problem ||
      error instanceof TypeError ||
      (error as NodeJS.ErrnoException).code?.startsWith('ERR_')
    )
      return null;
    throw error;
  }
}
