/** Revocation lists: issuing, reading and watching the bundle that holds one list for every authority of the chain. */
import 'reflect-metadata';
import { createPublicKey, type KeyObject, verify, X509Certificate } from 'node:crypto';
import { type FSWatcher, readFileSync, statSync, watch } from 'node:fs';
import { basename, dirname } from 'node:path';
import * as x509 from '@peculiar/x509';
import { UserError } from '../../core/protocol/problem.ts';
import { type IssuingKey, signingKey, verifyingKey } from './certificate.ts';

/** One authority's list. */
export interface RevocationList {
  /** CRL number (RFC 5280 §5.2.3); grows with each issue. */
  readonly number: number;
  readonly thisUpdateMs: number;
  /** From this instant on the list says nothing: everything fails closed. */
  readonly nextUpdateMs: number;
  /** Serial numbers, lower-case hexadecimal. */
  readonly revoked: ReadonlySet<string>;
  readonly der: Uint8Array;
}

/** A bundle as Node's `crl` option wants it: one PEM text per list. */
export interface Crl {
  readonly lists: readonly RevocationList[];
  /** The file as it is. */
  readonly pem: string;
  /** Union of the lists' serial numbers: which live connections must end. */
  readonly revoked: ReadonlySet<string>;
}

export interface RevocationEntry {
  readonly serial: string;
  readonly revokedMs: number;
}

const crlNumberOid = '2.5.29.20';

/** A signed list, PEM with the label that OpenSSL reads. `number` is a positive safe integer. */
export async function issueCrl(
  issuing: IssuingKey,
  entries: readonly RevocationEntry[],
  { number, nowMs, lifeMs }: { number: number; nowMs: number; lifeMs: number },
): Promise<string> {
  const crl = await x509.X509CrlGenerator.create({
    issuer: new x509.X509Certificate(issuing.certificate).subjectName.toJSON(),
    // A verifier whose clock is a little behind must not refuse it.
    thisUpdate: new Date(nowMs - 60_000),
    nextUpdate: new Date(nowMs + lifeMs),
    signingKey: signingKey(issuing.key),
    signingAlgorithm: { name: 'Ed25519' },
    entries: entries.map(({ serial, revokedMs }) => ({ serialNumber: serial, revocationDate: new Date(revokedMs) })),
    extensions: [
      await x509.AuthorityKeyIdentifierExtension.create(verifyingKey(createPublicKey(issuing.key))),
      new x509.Extension(crlNumberOid, false, derInteger(number)),
    ],
  });
  return `${x509.PemConverter.encode(crl.rawData, 'X509 CRL')}\n`;
}

/** The PEM texts in a bundle, one per list. */
export function splitCrl(pem: string): string[] {
  return pem.match(/-----BEGIN X509 CRL-----[^-]*-----END X509 CRL-----/g) ?? [];
}

/** Parses a bundle. Throws TypeError when it holds no list or one that cannot be read. Signatures: see `revocationListOf`. */
export function parseCrl(pem: string): Crl {
  const lists = splitCrl(pem).map(parseList);
  if (lists.length === 0) throw new TypeError('the bundle holds no revocation list');
  return { lists, pem, revoked: new Set(lists.flatMap(list => [...list.revoked])) };
}

/** Reads a bundle from a file. Throws UserError with the path when there is none that can be read. */
export function readCrl(path: string): Crl {
  try {
    return parseCrl(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw new UserError(path, 'not a revocation list', 'Start the authority: it writes a new one (parley authority).', {
      cause,
    });
  }
}

const verified = new WeakMap<RevocationList, string>();

/** The list of the bundle that the authority with this certificate (PEM) signed, or null. */
export function revocationListOf(crl: Crl, certificate: string): RevocationList | null {
  for (const list of crl.lists) {
    if (verified.get(list) === certificate) return list;
    if (!isSignedBy(list.der, new X509Certificate(certificate).publicKey)) continue;
    verified.set(list, certificate);
    return list;
  }
  return null;
}

/**
 * Calls `onChange` with every newer bundle that appears at `path`, well within a second: file events where the system has them,
 * and a look at the file every 250 ms where they get lost. A file that cannot be read or whose numbers fall is passed over:
 * the last good bundle stands until its nextUpdate. The watch does not keep the process alive.
 */
export function watchCrl(path: string, onChange: (crl: Crl) => void): { close(): void } {
  let seen = '';
  let numbers = readable(path)?.lists.map(list => list.number) ?? [];
  seen = stamp(path);
  const look = (): void => {
    const now = stamp(path);
    if (now === seen) return;
    const crl = readable(path);
    if (crl === null) return;
    seen = now;
    const next = crl.lists.map(list => list.number);
    if (numbers.some((number, i) => (next[i] ?? -1) < number)) return;
    numbers = next;
    onChange(crl);
  };
  const timer = setInterval(look, 250).unref();
  const watcher = watchFolder(path, look);
  return {
    close() {
      clearInterval(timer);
      watcher?.close();
    },
  };
}

function watchFolder(path: string, look: () => void): FSWatcher | null {
  try {
    // The folder, as a rename puts a new file in the place of the watched one.
    const watcher = watch(dirname(path), { persistent: false }, (_event, name) => {
      if (name === null || name === basename(path)) look();
    });
    watcher.on('error', () => watcher.close()); // polling goes on
    return watcher;
  } catch {
    return null; // no file events on this system: polling alone
  }
}

function readable(path: string): Crl | null {
  try {
    return parseCrl(readFileSync(path, 'utf8'));
  } catch {
    return null;
  }
}

function stamp(path: string): string {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stat === undefined ? '' : `${stat.ino}:${stat.mtimeNs}:${stat.size}`;
}

function parseList(pem: string): RevocationList {
  const crl = new x509.X509Crl(pem);
  const number = crl.getExtension(crlNumberOid);
  if (number === null || crl.nextUpdate === undefined)
    throw new TypeError('the revocation list has no number or no end');
  return {
    number: readDerInteger(new Uint8Array(number.value)),
    thisUpdateMs: crl.thisUpdate.getTime(),
    nextUpdateMs: crl.nextUpdate.getTime(),
    revoked: new Set(crl.entries.map(entry => entry.serialNumber.toLowerCase())),
    der: new Uint8Array(crl.rawData),
  };
}

/** CertificateList ::= SEQUENCE { tbsCertList, signatureAlgorithm, signature BIT STRING } (RFC 5280 §5.1). */
function isSignedBy(der: Uint8Array, publicKey: KeyObject): boolean {
  const outer = readTlv(der, 0);
  const tbs = readTlv(der, outer.contentAt);
  const algorithm = readTlv(der, tbs.end);
  const signature = readTlv(der, algorithm.end);
  // The first content byte of a BIT STRING counts unused bits.
  return verify(
    null,
    der.subarray(outer.contentAt, tbs.end),
    publicKey,
    der.subarray(signature.contentAt + 1, signature.end),
  );
}

/** Where the content of the DER element at `at` begins and ends. The bytes were parsed before; lengths are in range. */
function readTlv(der: Uint8Array, at: number): { contentAt: number; end: number } {
  const first = der[at + 1];
  if (first < 0x80) return { contentAt: at + 2, end: at + 2 + first };
  const width = first & 0x7f;
  const length = der.subarray(at + 2, at + 2 + width).reduce((value, byte) => value * 256 + byte, 0);
  return { contentAt: at + 2 + width, end: at + 2 + width + length };
}

function derInteger(value: number): Uint8Array<ArrayBuffer> {
  const hex = value.toString(16);
  const bytes = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
  const content = bytes[0] & 0x80 ? [0, ...bytes] : [...bytes];
  return Uint8Array.of(2, content.length, ...content);
}

function readDerInteger(der: Uint8Array): number {
  if (der[0] !== 2 || der[1] !== der.length - 2 || der.length > 9)
    throw new TypeError('the revocation list has no readable number');
  return der.subarray(2).reduce((value, byte) => value * 256 + byte, 0);
}
