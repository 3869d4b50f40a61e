/** The certificate profiles of a federation: root, issuing authority, TLS leaf (an X509-SVID of SPIFFE), update certificate. */
import 'reflect-metadata';
import { createPublicKey, type KeyObject, randomBytes, webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { identityUri, type Principal } from '../../core/protocol/identity.ts';
import { publicKeyFromRaw } from './signer.ts';

x509.cryptoProvider.set(webcrypto);

/** What a leaf is for. Each kind has a key of its own, and neither is accepted in the place of the other. */
export type CertificateKind = 'tls' | 'update';

/** Extended key usage of update certificates: an OID under a UUID (ITU-T X.667), so that every TLS stack refuses them. */
export const updateUsage = '2.25.175631726502944301926727863906829861035';
/** serverAuth and clientAuth: X509-SVID §4.4 wants both or none. */
export const tlsUsages = ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2'];

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
/** Lives in ms. */
export const lifeMs = { root: 3652 * dayMs, issuing: 365 * dayMs, tls: dayMs, update: 30 * dayMs } as const;
/** Certificates begin a little in the past, for clocks that are behind. */
export const backdateMs = 5 * 60_000;

export interface Issued {
  readonly der: Uint8Array;
  readonly pem: string;
  /** Lower-case hexadecimal, 16 bytes. */
  readonly serial: string;
  readonly notAfterMs: number;
}

/** The authority that signs a certificate: its own certificate (PEM) and private key. */
export interface IssuingKey {
  readonly certificate: string;
  readonly key: KeyObject;
}

/** A self-signed root: 10 years, pathLen 1. */
export async function issueRoot(federation: string, key: KeyObject, nowMs: number): Promise<Issued> {
  const name = authorityName(federation, 'root');
  const profile = {
    subject: name,
    issuer: name,
    publicKey: createPublicKey(key),
    signingKey: key,
    issuerKey: createPublicKey(key),
  };
  return issue({ ...profile, ...validity(nowMs, lifeMs.root), extensions: authorityExtensions(1) });
}

/** The issuing authority's certificate, signed by the root: 1 year, pathLen 0. */
export async function issueIssuing(
  federation: string,
  publicKey: KeyObject,
  root: KeyObject,
  nowMs: number,
): Promise<Issued> {
  const names = { subject: authorityName(federation, 'issuing'), issuer: authorityName(federation, 'root') };
  const keys = { publicKey, signingKey: root, issuerKey: createPublicKey(root) };
  return issue({ ...names, ...keys, ...validity(nowMs, lifeMs.issuing), extensions: authorityExtensions(0) });
}

export interface LeafRequest {
  readonly kind: CertificateKind;
  readonly principal: Principal;
  /** DNS names and IP addresses that a server is reached by; empty for everyone else. */
  readonly hosts: readonly string[];
  /** Raw Ed25519 public key, 32 bytes. */
  readonly publicKey: Uint8Array;
  readonly nowMs: number;
}

/** A leaf of the federation; it never outlives the issuing certificate. */
export async function issueLeaf(request: LeafRequest, issuing: IssuingKey): Promise<Issued> {
  const { kind, principal, hosts, publicKey, nowMs } = request;
  const issuer = new x509.X509Certificate(issuing.certificate);
  const times = validity(nowMs, lifeMs[kind]);
  return issue({
    subject: [{ CN: [principal.name] }, { O: [principal.organisation] }],
    issuer: issuer.subjectName.toJSON(),
    publicKey: publicKeyFromRaw(publicKey),
    signingKey: issuing.key,
    issuerKey: createPublicKey(issuing.key),
    notBefore: times.notBefore,
    notAfter: new Date(Math.min(times.notAfter.getTime(), issuer.notAfter.getTime())),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension(kind === 'tls' ? tlsUsages : [updateUsage], kind === 'update'),
      new x509.SubjectAlternativeNameExtension([
        { type: 'url', value: identityUri(principal) },
        ...hosts.map(hostName),
      ]),
    ],
  });
}

/** DER of the first certificate in a PEM text. */
export function derOfPem(pem: string): Uint8Array {
  return new Uint8Array(x509.PemConverter.decodeFirst(pem));
}

/** PEM of a certificate. */
export function pemOfDer(der: Uint8Array): string {
  return `${x509.PemConverter.encode(der as Uint8Array<ArrayBuffer>, 'CERTIFICATE')}\n`;
}

/** Subject of the two authorities of a federation. */
export function authorityName(federation: string, which: 'root' | 'issuing'): x509.JsonName {
  return [{ CN: [`${federation} ${which}`] }, { O: [federation] }];
}

interface Profile {
  readonly subject: x509.JsonName;
  readonly issuer: x509.JsonName;
  readonly publicKey: KeyObject;
  readonly signingKey: KeyObject;
  readonly issuerKey: KeyObject;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly extensions: readonly x509.Extension[];
}

async function issue(profile: Profile): Promise<Issued> {
  const publicKey = verifyingKey(profile.publicKey);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: randomSerial(),
    subject: profile.subject,
    issuer: profile.issuer,
    notBefore: profile.notBefore,
    notAfter: profile.notAfter,
    publicKey,
    signingKey: signingKey(profile.signingKey),
    signingAlgorithm: ed25519,
    extensions: [
      ...profile.extensions,
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(verifyingKey(profile.issuerKey)),
    ],
  });
  return {
    der: new Uint8Array(certificate.rawData),
    pem: `${certificate.toString('pem')}\n`,
    serial: certificate.serialNumber,
    notAfterMs: certificate.notAfter.getTime(),
  };
}

const ed25519 = { name: 'Ed25519' };

/** The WebCrypto form of an Ed25519 private key, as @peculiar/x509 wants it. */
export function signingKey(key: KeyObject): webcrypto.CryptoKey {
  return key.toCryptoKey(ed25519, false, ['sign']);
}

/** The WebCrypto form of an Ed25519 public key. */
export function verifyingKey(key: KeyObject): webcrypto.CryptoKey {
  return key.toCryptoKey(ed25519, true, ['verify']);
}

/** 127 random bits, positive and of full length, so that every tool prints the same digits (RFC 5280 §4.1.2.2). */
function randomSerial(): string {
  const bytes = randomBytes(16);
  bytes[0] = (bytes[0] & 0x3f) | 0x40;
  return bytes.toString('hex');
}

/** Whole seconds, as X.509 keeps them. */
function validity(nowMs: number, life: number): { notBefore: Date; notAfter: Date } {
  const second = Math.floor(nowMs / 1000) * 1000;
  return { notBefore: new Date(second - backdateMs), notAfter: new Date(second + life) };
}

function authorityExtensions(pathLength: number): x509.Extension[] {
  return [
    new x509.BasicConstraintsExtension(true, pathLength, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
  ];
}

function hostName(host: string): x509.JsonGeneralName {
  return { type: /^[\d.]+$|:/.test(host) ? 'ip' : 'dns', value: host };
}
