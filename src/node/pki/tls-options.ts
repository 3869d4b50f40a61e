/** TLS of every connection in a federation: 1.3 only, hybrid post-quantum key agreement first, both sides authenticated. */
import { type ConnectionOptions, checkServerIdentity, type PeerCertificate, type TlsOptions } from 'node:tls';
import type { Role } from '../../core/protocol/identity.ts';
import { Problem } from '../../core/protocol/problem.ts';
import type { Credentials } from './credentials.ts';
import { splitCrl } from './crl.ts';
import { principalOfPeer } from './verify.ts';

/** X25519MLKEM768 (draft-ietf-tls-ecdhe-mlkem) first; plain X25519 for peers without it. */
export const keyAgreementGroups = 'X25519MLKEM768:X25519';

/**
 * Options for `http2.createSecureServer`, and again for `setSecureContext` after a renewal or revocation. A peer needs a
 * certificate of the federation that is on no list; `crlPem` holds a current list of every authority, else nobody is let in.
 * Session tickets get fresh keys with each context, so that no resumption outlives a revocation; sessions already open do, and
 * must be destroyed by serial number. Throws RangeError when `crlPem` holds no list: that would switch the check off.
 */
export function serverTlsOptions(credentials: Credentials, crlPem: string): TlsOptions {
  return {
    ...sharedOptions(credentials),
    crl: requireLists(crlPem),
    requestCert: true,
    ALPNProtocols: ['h2'],
  };
}

/**
 * Options for `http2.connect`. The server must have a certificate of the client's own federation, for its host name and for the
 * role that the client means to talk to. Without `crlPem` the server's revocation is not checked: its 24 h life is the bound.
 */
export function clientTlsOptions(
  credentials: Credentials,
  crlPem: string | undefined,
  role: Extract<Role, 'coordinator' | 'authority'> = 'coordinator',
): ConnectionOptions {
  return {
    ...sharedOptions(credentials),
    ...(crlPem === undefined ? {} : { crl: requireLists(crlPem) }),
    ALPNProtocols: ['h2'],
    checkServerIdentity: serverIdentityCheck(credentials.principal.federation, role),
  };
}

/** A `checkServerIdentity` that wants the host name and the role, both, from the server's certificate. */
export function serverIdentityCheck(
  federation: string,
  role: Role,
): (host: string, certificate: PeerCertificate) => Error | undefined {
  return (host, certificate) => checkServerIdentity(host, certificate) ?? roleError(certificate.raw, federation, role);
}

function roleError(der: Uint8Array, federation: string, role: Role): Error | undefined {
  try {
    const found = principalOfPeer(der, federation).role;
    return found === role
      ? undefined
      : new Problem('unauthenticated', `the server is a ${found}, not the ${role} of ${federation}`);
  } catch (error) {
    return error as Error;
  }
}

function sharedOptions({ tls }: Credentials): ConnectionOptions & TlsOptions {
  return {
    key: tls.key,
    cert: tls.cert,
    ca: tls.ca,
    minVersion: 'TLSv1.3',
    ecdhCurve: keyAgreementGroups,
    rejectUnauthorized: true,
  };
}

/** Node reads one list per text, and checks nothing at all for an empty array. */
function requireLists(crlPem: string): string[] {
  const lists = splitCrl(crlPem);
  if (lists.length === 0) throw new RangeError('TLS options: the revocation bundle holds no list');
  return lists;
}
