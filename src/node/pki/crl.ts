/** Revocation lists: issuing, reading and watching the bundle that holds one list for every authority of the chain. */
import 'reflect-metadata';
import { createPublicKey, type KeyObject, sign, verify, X509Certificate } from 'node:crypto';
import { type FSWatcher, readFileSync, statSync, watch } from 'node:fs';
import { basename, dirname } from 'node:path';
import * as x509 from '@peculiar/x509';
import { UserError } from '../../core/protocol/problem.ts';
import { type IssuingKey, verifyingKey } from './certificate.ts';
import { type Element, element, integer, readElements, readInteger, readTime, tags, time } from './der.ts';

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

/** SEQUENCE { OID 1.3.101.112 }: Ed25519 (RFC 8410 §3). */
const ed25519 = element(tags.sequence, element(tags.oid, Buffer.of(0x2b, 0x65, 0x70)));
/** 2.5.29.20 */
const crlNumberOid = Buffer.of(0x55, 0x1d, 0x14);

/** A signed list, PEM with the label that OpenSSL reads. `number` is a positive safe integer. */
export async function issueCrl(
  issuing: IssuingKey,
  entries: readonly RevocationEntry[],
  { number, nowMs, lifeMs }: { number: number; nowMs: number; lifeMs: number },
): Promise<string> {
  const issuer = new x509.X509Certificate(issuing.certificate).subjectName.toArrayBuffer();
  const authority = await x509.AuthorityKeyIdentifierExtension.create(verifyingKey(createPublicKey(issuing.key)));
  const numbered = element(tags.octetString, integer(number.toString(16)));
  const revoked = entries.map(({ serial, revokedMs }) => element(tags.sequence, integer(serial), time(revokedMs)));
  const list = element(
    tags.sequence,
    integer('1'), // version 2
    ed25519,
    new Uint8Array(issuer),
    time(nowMs - 60_000), // a verifier whose clock is a little behind must not refuse it
    time(nowMs + lifeMs),
    ...(revoked.length === 0 ? [] : [element(tags.sequence, ...revoked)]),
    element(
      tags.extensions,
      element(
        tags.sequence,
        new Uint8Array(authority.rawData),
        element(tags.sequence, element(tags.oid, crlNumberOid), numbered),
      ),
    ),
  );
  const signature = element(tags.bitString, Buffer.of(0), sign(null, list, issuing.key));
  return `${x509.PemConverter.encode(element(tags.sequence, list, ed25519, signature), 'X509 CRL')}\n`;
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

/** The bundle in `text` if it can be read and no list in it is older than the known one in its place, else null. */
export function newerCrl(known: Crl | null, text: string): Crl | null {
  try {
    const crl = parseCrl(text);
    const fell = known?.lists.some(({ number }, i) => (crl.lists[i]?.number ?? -1) < number) ?? false;
    return fell ? null : crl;
  } catch {
    return null; // the last good bundle stands until its nextUpdate
  }
}

/**
 * Calls `onChange` with every newer bundle that appears at `path`, well within a second: file events where the system has them,
 * and a look at the file every 250 ms where they get lost. A file that cannot be read or whose numbers fall is passed over:
 * the last good bundle stands until its nextUpdate. The watch does not keep the process alive.
 */
export function watchCrl(path: string, onChange: (crl: Crl) => void): { close(): void } {
  let seen = stamp(path);
  let known = newerCrl(null, textOf(path));
  const look = (): void => {
    const now = stamp(path);
    if (now === seen) return;
    seen = now;
    const crl = newerCrl(known, textOf(path));
    if (crl === null) return;
    known = crl;
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

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // being replaced on a system without atomic rename: the next look finds it
  }
}

function stamp(path: string): string {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stat === undefined ? '' : `${stat.ino}:${stat.mtimeNs}:${stat.size}`;
}

/** CertificateList (RFC 5280 §5.1). */
function parseList(pem: string): RevocationList {
  const der = new Uint8Array(x509.PemConverter.decodeFirst(pem));
  const [outer, ...more] = readElements(der);
  const [list] = sequence(outer);
  const [version, _algorithm, _issuer, thisUpdate, nextUpdate, ...rest] = sequence(list);
  const entries = rest[0]?.tag === tags.sequence ? rest.shift() : undefined;
  if (
    more.length > 0 ||
    version?.tag !== tags.integer ||
    nextUpdate === undefined ||
    rest[0]?.tag !== tags.extensions
  ) {
    throw new TypeError('not a revocation list of version 2 with an end');
  }
  const serials = entries === undefined ? [] : sequence(entries).map(entry => readInteger(sequence(entry)[0]));
  return {
    number: crlNumber(rest[0]),
    thisUpdateMs: readTime(thisUpdate),
    nextUpdateMs: readTime(nextUpdate),
    revoked: new Set(serials),
    der,
  };
}

function crlNumber(extensions: Element): number {
  for (const extension of sequence(readElements(extensions.content)[0])) {
    const parts = sequence(extension);
    if (!crlNumberOid.equals(parts[0]?.content ?? new Uint8Array(0))) continue;
    const number = Number.parseInt(readInteger(readElements(parts[parts.length - 1].content)[0]), 16);
    if (Number.isSafeInteger(number)) return number;
  }
  throw new TypeError('the revocation list has no number');
}

function isSignedBy(der: Uint8Array, publicKey: KeyObject): boolean {
  const [list, , signature] = sequence(readElements(der)[0]);
  // The first content byte of a BIT STRING counts unused bits.
  return verify(null, list.bytes, publicKey, signature?.content.subarray(1) ?? new Uint8Array(0));
}

function sequence(element: Element | undefined): Element[] {
  if (element?.tag !== tags.sequence) throw new TypeError('DER: not a sequence');
  return readElements(element.content);
}
