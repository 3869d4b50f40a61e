/** Reading identities from certificates: TLS peers that Node has verified, and update certificates that we verify ourselves. */
import 'reflect-metadata';
import { createHash, X509Certificate } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { type Principal, parseIdentityUri } from '../../core/protocol/identity.ts';
import { Problem } from '../../core/protocol/problem.ts';
import { type CertificateKind, tlsUsages, updateUsage } from './certificate.ts';
import { type Crl, revocationListOf } from './crl.ts';
import { rawPublicKey } from './signer.ts';

/** What a leaf certificate says. */
export interface Leaf {
  readonly principal: Principal;
  readonly kind: CertificateKind;
  /** Lower-case hexadecimal. */
  readonly serial: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly certificate: X509Certificate;
}

/** Who is at the other end of a TLS connection, by which certificate, and until when. */
export type Peer = Principal & Pick<Leaf, 'serial' | 'notAfterMs'>;

/** What an update certificate is checked against. */
export interface UpdateTrust {
  readonly federation: string;
  /** Root certificate, PEM. */
  readonly root: string;
  /** Issuing certificate, PEM. */
  readonly issuing: string;
  /** Current lists of both authorities. */
  readonly crl: Crl;
  /** Unix time in ms. */
  readonly nowMs: number;
}

export interface VerifiedUpdateCertificate {
  readonly principal: Principal;
  /** Ed25519, 32 bytes. */
  readonly publicKey: Uint8Array;
  /** SHA-256 of the DER, 32 bytes. */
  readonly hash: Uint8Array;
  /** Lower-case hexadecimal. */
  readonly serial: string;
  /** Unix time in ms. */
  readonly notAfterMs: number;
}

/**
 * Verifies an update certificate: chain to the root, validity, purpose, one identity, not revoked, on current lists.
 * Throws Problem 'revoked', or 'unauthenticated' for everything else.
 */
export function verifyUpdateCertificate(der: Uint8Array, trust: UpdateTrust): VerifiedUpdateCertificate {
  const hash = certificateHash(der);
  const { leaf, issuingSerial, publicKey, notBeforeMs, notAfterMs } = verifyChain(der, hash, trust);
  if (trust.nowMs < notBeforeMs) refuse('not valid yet');
  if (trust.nowMs >= notAfterMs) refuse('expired');
  requireNotRevoked(issuingSerial, trust.crl, trust.root, trust.nowMs);
  requireNotRevoked(leaf.serial, trust.crl, trust.issuing, trust.nowMs);
  const { principal, serial } = leaf;
  return { principal, publicKey: publicKey.slice(), hash, serial, notAfterMs: leaf.notAfterMs };
}

/**
 * The principal of a TLS peer whose chain, validity and revocation Node has verified in this handshake.
 * Throws Problem('unauthenticated') for a CA, a certificate of another kind or federation, and none or several identities.
 */
export function principalOfPeer(der: Uint8Array, federation: string): Peer {
  const { principal, serial, notAfterMs } = readLeaf(der, 'tls', federation);
  return { ...principal, serial, notAfterMs };
}

/** SHA-256 of a certificate's DER, 32 bytes. */
export function certificateHash(der: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha256').update(der).digest());
}

/**
 * Reads a leaf of the wanted kind by the profile of `certificate.ts`; anything outside the profile is refused. Verifies no
 * signature. Throws Problem('unauthenticated').
 */
export function readLeaf(der: Uint8Array, kind: CertificateKind, federation: string): Leaf {
  const { certificate, extensions } = parseStrictly(der);
  const usages = kind === 'tls' ? tlsUsages : [updateUsage];
  // Node's list of usages: @peculiar/x509 2 misreads arcs beyond 64 bits.
  const found = certificate.keyUsage ?? [];
  if (found.length !== usages.length || !usages.every(usage => found.includes(usage)))
    refuse('a certificate for another purpose');
  // Node's `ca` also wants keyCertSign: it would let an authority without that usage pass.
  const constraints = extensions.get('2.5.29.19');
  if (!(constraints instanceof x509.BasicConstraintsExtension) || constraints.ca)
    refuse('a certificate of an authority');
  const keyUsage = extensions.get('2.5.29.15');
  if (!(keyUsage instanceof x509.KeyUsagesExtension) || keyUsage.usages !== x509.KeyUsageFlags.digitalSignature) {
    refuse('a key for another purpose');
  }
  const principal = onlyIdentity(extensions.get('2.5.29.17'));
  if (principal === null) refuse('not exactly one identity');
  if (principal.federation !== federation) refuse('another federation');
  return {
    principal,
    kind,
    serial: certificate.serialNumber.toLowerCase(),
    notBeforeMs: certificate.validFromDate.getTime(),
    notAfterMs: certificate.validToDate.getTime(),
    certificate,
  };
}

/** Basic constraints, key usage, extended key usage, alternative name, subject and authority key identifiers. */
const knownExtensions = new Set(['2.5.29.19', '2.5.29.15', '2.5.29.37', '2.5.29.17', '2.5.29.14', '2.5.29.35']);

function parseStrictly(der: Uint8Array): { certificate: X509Certificate; extensions: Map<string, x509.Extension> } {
  try {
    const certificate = new X509Certificate(der);
    // OpenSSL ignores bytes after the certificate; two encodings of one certificate would be two senders.
    if (!certificate.raw.equals(der)) refuse('not one DER certificate');
    const list = new x509.X509Certificate(der as Uint8Array<ArrayBuffer>).extensions;
    const extensions = new Map(list.map(extension => [extension.type, extension]));
    if (extensions.size !== list.length || list.some(({ type }) => !knownExtensions.has(type)))
      refuse('extensions outside the profile');
    return { certificate, extensions };
  } catch (cause) {
    if (cause instanceof Problem) throw cause;
    throw new Problem('unauthenticated', 'not a certificate', { cause });
  }
}

/** The identity, if the alternative names hold exactly one URI and it is one; DNS names and addresses may stand beside it. */
function onlyIdentity(extension: x509.Extension | undefined): Principal | null {
  if (!(extension instanceof x509.SubjectAlternativeNameExtension)) return null;
  const names = extension.names.items;
  const uris = names.filter(name => name.type === 'url');
  if (uris.length !== 1 || names.some(name => !['url', 'dns', 'ip'].includes(name.type))) return null;
  return parseIdentityUri(uris[0].value);
}

/** What of a certificate does not change with time: its content, and who signed it. */
interface Chain {
  readonly leaf: Leaf;
  readonly issuingSerial: string;
  readonly publicKey: Uint8Array;
  /** When all certificates of the chain are valid. */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** Chains that verified, by hash and trust: a member sends the same certificate with each update. The oldest is dropped first. */
const verifiedChains = new Map<string, Chain>();
const maxVerifiedChains = 1024;

function verifyChain(der: Uint8Array, hash: Uint8Array, { federation, root, issuing }: UpdateTrust): Chain {
  const key = [Buffer.from(hash).toString('hex'), federation, root, issuing].join();
  const known = verifiedChains.get(key);
  if (known !== undefined) return known;
  const chain = readChain(readLeaf(der, 'update', federation), new X509Certificate(issuing), new X509Certificate(root));
  verifiedChains.set(key, chain);
  if (verifiedChains.size > maxVerifiedChains) verifiedChains.delete(verifiedChains.keys().next().value ?? '');
  return chain;
}

function readChain(leaf: Leaf, issuing: X509Certificate, root: X509Certificate): Chain {
  const chained =
    issuing.ca &&
    root.ca &&
    leaf.certificate.checkIssued(issuing) &&
    issuing.checkIssued(root) &&
    leaf.certificate.verify(issuing.publicKey) &&
    issuing.verify(root.publicKey);
  if (!chained) refuse('not issued by this federation');
  const certificates = [leaf.certificate, issuing, root];
  return {
    leaf,
    issuingSerial: issuing.serialNumber.toLowerCase(),
    publicKey: rawPublicKey(leaf.certificate.publicKey),
    notBeforeMs: Math.max(...certificates.map(({ validFromDate }) => validFromDate.getTime())),
    notAfterMs: Math.min(...certificates.map(({ validToDate }) => validToDate.getTime())),
  };
}

function requireNotRevoked(serial: string, crl: Crl, authority: string, nowMs: number): void {
  const list = revocationListOf(crl, authority);
  if (list === null || nowMs >= list.nextUpdateMs) refuse('no current revocation list');
  if (list.revoked.has(serial)) throw new Problem('revoked');
}

function refuse(detail: string): never {
  throw new Problem('unauthenticated', detail);
}
