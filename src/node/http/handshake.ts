/** Connections that end before a request: why, in the words of our log, and whose they were; the same for every server of a federation. */
import { X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import type { Server, TLSSocket } from 'node:tls';
import type { Credentials } from '../pki/credentials.ts';
import { readLeaf } from '../pki/verify.ts';

export interface HandshakeRefusal {
  readonly code: string;
  readonly detail: string;
  readonly address: string | undefined;
  /** The member whose certificate it was: one that our authority signed, with a key that the peer has. */
  readonly client?: string;
}

/** What a refused socket has lost when the refusal is told: kept from when it was there. */
export interface HandshakeWatch {
  /** Why the connection was ended; null when the peer just hung up, as a health check does. */
  refusal(error: NodeJS.ErrnoException, socket: Socket): HandshakeRefusal | null;
}

/**
 * Watches the handshakes of a server. With `credentials`, of a server that asks for client certificates, a refused member is
 * named; a name that is only claimed, in a certificate that someone else signed, is not.
 */
export function watchHandshakes(server: Server, credentials: (() => Credentials) | null): HandshakeWatch {
  // Reading it once makes Node keep it.
  server.on('connection', (socket: Socket) => void socket.remoteAddress);
  const certificates = new WeakMap<Socket, X509Certificate>();
  if (credentials !== null) keepCertificates(server, certificates);
  return {
    refusal(error, socket) {
      const certificate = certificates.get(socket);
      const client =
        certificate === undefined || credentials === null ? undefined : memberOf(certificate, credentials());
      const reason = reasonOf(error, socket as Partial<TLSSocket>, client !== undefined);
      if (reason === null) return null;
      return { ...reason, address: addressOf(socket), ...(client === undefined ? {} : { client }) };
    },
  };
}

/**
 * Node destroys a socket whose certificate it refuses, and the certificate with it, before it tells anyone. `keylog` is the one
 * event that hands out the socket before: its line, a secret of the connection, is dropped here.
 */
function keepCertificates(server: Server, certificates: WeakMap<Socket, X509Certificate>): void {
  const seen = new WeakSet<Socket>();
  server.on('keylog', (_secret, socket) => {
    if (seen.has(socket)) return;
    seen.add(socket);
    // The end of the handshake, ahead of Node's own listener, which looks at the verdict on the certificate.
    socket.prependOnceListener('secure', () => {
      const certificate = socket.getPeerX509Certificate();
      if (certificate !== undefined) certificates.set(socket, certificate);
    });
  });
}

function memberOf(certificate: X509Certificate, { issuing, principal }: Credentials): string | undefined {
  if (!certificate.verify(new X509Certificate(issuing).publicKey)) return undefined;
  for (const kind of ['tls', 'update'] as const) {
    try {
      return readLeaf(new Uint8Array(certificate.raw), kind, principal.federation).principal.name;
    } catch {} // of the other kind
  }
  return undefined;
}

function reasonOf(
  error: NodeJS.ErrnoException,
  { authorizationError }: Partial<TLSSocket>,
  isOurs: boolean,
): { readonly code: string; readonly detail: string } | null {
  // A code such as CERT_HAS_EXPIRED; the type is wrong.
  const verdict = authorizationError as unknown as string | null | undefined;
  if (verdict !== undefined && verdict !== null) {
    const words = isOurs && verdict === 'UNABLE_TO_GET_CRL' ? 'our revocation list is missing' : verdicts[verdict];
    return { code: verdict === 'CERT_REVOKED' ? 'revoked' : 'unauthenticated', detail: words ?? verdict };
  }
  const { code = error.message } = error;
  if (code === 'ECONNRESET' || code === 'EPIPE') return null;
  const known = failures[code];
  return known === undefined ? { code: 'bad-request', detail: code } : { code: known[0], detail: known[1] };
}

const foreign = 'certificate of another authority';

/** OpenSSL's verdict on a certificate → words. Without its authority OpenSSL misses the list first, and says only that. */
const verdicts: Readonly<Record<string, string>> = {
  CERT_REVOKED: 'the certificate was revoked',
  CERT_HAS_EXPIRED: 'the certificate has expired',
  CERT_NOT_YET_VALID: 'the certificate is not valid yet: one of the clocks is wrong',
  CRL_HAS_EXPIRED: 'our revocation list has expired: the authority has to run',
  INVALID_PURPOSE: 'a certificate for another purpose',
  UNABLE_TO_GET_CRL: foreign,
  UNABLE_TO_GET_ISSUER_CERT: foreign,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: foreign,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: foreign,
  SELF_SIGNED_CERT_IN_CHAIN: foreign,
  DEPTH_ZERO_SELF_SIGNED_CERT: foreign,
  CERT_SIGNATURE_FAILURE: foreign,
};

/** Code of Node → ours, and words. */
const failures: Readonly<Record<string, readonly [string, string]>> = {
  ERR_SSL_HTTP_REQUEST: ['plain-text', 'HTTP without TLS'],
  ERR_SSL_WRONG_VERSION_NUMBER: ['plain-text', 'not TLS'],
  ERR_SSL_UNSUPPORTED_PROTOCOL: ['bad-request', 'TLS older than 1.3'],
  ERR_SSL_NO_APPLICATION_PROTOCOL: ['bad-request', 'not HTTP/2'],
  ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE: ['unauthenticated', 'no client certificate'],
  ERR_TLS_HANDSHAKE_TIMEOUT: ['too-slow', 'the handshake was not finished in time'],
  ERR_HTTP_REQUEST_TIMEOUT: ['too-slow', 'the request was not finished in time'],
};

function addressOf(socket: Socket): string | undefined {
  // The TCP socket below, which Node names in no public way.
  return socket.remoteAddress ?? (socket as Socket & { _parent?: Socket })._parent?.remoteAddress;
}
