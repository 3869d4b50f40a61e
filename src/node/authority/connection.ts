/** A member's requests to the authority: HTTPS pinned to the federation's root. */
import { X509Certificate } from 'node:crypto';
import { request } from 'node:https';
import { connect, type DetailedPeerCertificate } from 'node:tls';
import { Problem, UserError } from '../../core/protocol/problem.ts';
import { parseProblemCode } from '../http/problem-response.ts';
import { keyAgreementGroups, serverIdentityCheck } from '../pki/tls-options.ts';
import { authorityMediaType, maxBodyBytes } from './messages.ts';

const timeoutMs = 20_000;

/**
 * POSTs a CBOR body to the authority and resolves with the CBOR body of its answer. The server must be the authority of the
 * federation under `root` (PEM), by its certificate. Rejects with the Problem that the authority answered, or with a UserError
 * that says why it cannot be reached.
 */
export async function postToAuthority(url: string, path: string, body: Uint8Array, root: string): Promise<Uint8Array> {
  const { status, bytes } = await post(new URL(path, url), body, root).catch(error => {
    throw unreachable(url, error);
  });
  if (status === 200) return bytes;
  const code = parseProblemCode(bytes);
  throw code === null
    ? new UserError(
        url,
        `answered with status ${status}`,
        'Check that this is the address of the authority, as parley invite printed it.',
      )
    : new Problem(code);
}

/** The root certificate that a server presents, DER, not believed yet: nothing is sent, the handshake alone is made. */
export async function presentedRoot(url: string): Promise<Uint8Array> {
  const { hostname, port } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, '');
  const chain = new Promise<DetailedPeerCertificate>((resolve, reject) => {
    // What this handshake shows is compared with the invitation, and the connection is closed before anything else happens.
    const socket = connect({
      host,
      port: Number(port || 443),
      ...(/^[\d.]+$|:/.test(host) ? {} : { servername: host }),
      rejectUnauthorized: false,
      minVersion: 'TLSv1.3',
      ecdhCurve: keyAgreementGroups,
    });
    socket.setTimeout(timeoutMs, () => socket.destroy(new Error('no answer in time')));
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('the connection was closed during the handshake')));
    socket.once('secureConnect', () => {
      resolve(socket.getPeerCertificate(true));
      socket.destroy();
    });
  });
  return new Uint8Array(
    lastOf(
      await chain.catch(error => {
        throw unreachable(url, error);
      }),
    ).raw,
  );
}

/** The end of the chain: a root is its own issuer. */
function lastOf(certificate: DetailedPeerCertificate): DetailedPeerCertificate {
  let at = certificate;
  for (let depth = 0; depth < 8 && at.issuerCertificate !== undefined && at.issuerCertificate !== at; depth++)
    at = at.issuerCertificate;
  return at;
}

function post(url: URL, body: Uint8Array, root: string): Promise<{ status: number; bytes: Uint8Array }> {
  return new Promise((resolve, reject) => {
    const sent = request(url, {
      method: 'POST',
      agent: false,
      headers: { 'content-type': authorityMediaType, 'content-length': body.length },
      ca: root,
      minVersion: 'TLSv1.3',
      ecdhCurve: keyAgreementGroups,
      rejectUnauthorized: true,
      checkServerIdentity: serverIdentityCheck(federationOfRoot(root), 'authority'),
      signal: AbortSignal.timeout(timeoutMs),
    });
    sent.once('error', reject);
    sent.once('response', response => {
      const chunks: Buffer[] = [];
      let length = 0;
      response.once('error', reject);
      response.on('data', (chunk: Buffer) => {
        length += chunk.length;
        if (length > maxBodyBytes) return response.destroy(new Error('the answer is too long'));
        chunks.push(chunk);
      });
      response.once('end', () =>
        resolve({ status: response.statusCode ?? 0, bytes: new Uint8Array(Buffer.concat(chunks)) }),
      );
    });
    sent.end(body);
  });
}

/** The federation's name as the root states it: the organisation of its subject. */
function federationOfRoot(root: string): string {
  return /^O=(.+)$/m.exec(new X509Certificate(root).subject)?.[1] ?? '';
}

function unreachable(url: string, error: unknown): UserError {
  const { code, message, name } = error as NodeJS.ErrnoException;
  const options = { cause: error };
  if (name === 'TimeoutError' || name === 'AbortError')
    return new UserError(url, 'no answer in time', 'Check the network and try again.', options);
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    return new UserError(url, 'this host name is not known', 'Check the address and the network.', options);
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    const remedy =
      'Use the address that parley invite printed, or create the federation with the --host that members use.';
    return new UserError(url, 'the server has no certificate for this host name', remedy, options);
  }
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID') {
    return new UserError(
      url,
      "the server's certificate is not valid at this hour",
      'Set the clock of this machine; else restart the authority.',
      options,
    );
  }
  if (code === 'ECONNREFUSED')
    return new UserError(
      url,
      'nothing listens there',
      'Start the authority (parley coordinator starts it too), or check the address.',
      options,
    );
  return new UserError(
    url,
    `no secure connection: ${message}`,
    'Check that this is the address of the authority, as parley invite printed it.',
    options,
  );
}
