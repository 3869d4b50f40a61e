/** Enrolment and renewal: what the authority does with a request, whatever transport brought it. */
import { verify } from 'node:crypto';
import { Problem } from '../../core/protocol/problem.ts';
import { type CertificateKind, derOfPem } from '../pki/certificate.ts';
import { verifyRequest } from '../pki/request.ts';
import { type Leaf, readLeaf } from '../pki/verify.ts';
import { type Issuer, publishCrl, sign } from './issuer.ts';
import {
  type EnrolRequest,
  type EnrolResponse,
  type RenewRequest,
  type RenewResponse,
  renewalMessage,
} from './messages.ts';
import { tokenHash } from './token.ts';

/** How far the clocks of a member and the authority may differ, in ms. */
const clockSkewMs = 120_000;
/** Unexpired certificates that one member may hold per kind: a stolen key cannot fill the disk. */
const maxLiveCertificates = 32;

/**
 * Admits the bearer of an invitation. Name, organisation and role come from the invitation; of the requests only the keys count.
 * Throws Problem 'bad-token' (unknown, used and expired alike), 'bad-csr' or 'name-taken'; the token is then not consumed.
 */
export async function enrol(issuer: Issuer, request: EnrolRequest, nowMs: number): Promise<EnrolResponse> {
  const hash = tokenHash(request.token);
  const { name, organisation, role } = issuer.registry.invitation(hash, nowMs);
  const [tlsKey, updateKey] = await naming(name, async () => [
    await verifyRequest(request.tlsCsr),
    await verifyRequest(request.updateCsr),
  ]);
  const { federation, coordinatorUrl, authorityUrl } = issuer.description;
  const leaf = { principal: { federation, role, organisation, name }, hosts: [], nowMs };
  const tls = await sign(issuer, { ...leaf, kind: 'tls', publicKey: tlsKey });
  const update = await sign(issuer, { ...leaf, kind: 'update', publicKey: updateKey });
  // The token is consumed here, in one transaction with the registration; a certificate signed in vain never leaves this function.
  const replaced = await naming(name, async () => issuer.registry.admit(hash, [tls, update], nowMs));
  if (replaced) await publishCrl(issuer, nowMs);
  return {
    tlsCertificate: tls.issued.der,
    updateCertificate: update.issued.der,
    issuing: derOfPem(issuer.issuing.certificate),
    root: derOfPem(issuer.root),
    ...{ federation, role, organisation, name, coordinatorUrl, authorityUrl },
  };
}

/** Whoever shows an invitation is named in our log when something else about the request is refused. */
async function naming<T>(client: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    throw new Problem(error.code, error.detail, { cause: error, client });
  }
}

export interface Renewal {
  readonly name: string;
  readonly kind: CertificateKind;
  readonly answer: RenewResponse;
}

/**
 * Renews one certificate of a member: a new key, vouched for by the old one. A TLS key renews TLS certificates only, an update
 * key update certificates only. Throws Problem 'unauthenticated' (not ours, expired), 'revoked', 'stale', 'bad-signature',
 * 'replayed', 'bad-csr' or 'too-many'.
 */
export async function renew(issuer: Issuer, request: RenewRequest, nowMs: number): Promise<Renewal> {
  const { registry, description } = issuer;
  const leaf = currentLeaf(issuer, request.certificate, nowMs);
  if (Math.abs(nowMs - request.time) > clockSkewMs) throw new Problem('stale', leaf.principal.name);
  const message = renewalMessage(description.federation, request);
  if (!verify(null, message, leaf.certificate.publicKey, request.signature))
    throw new Problem('bad-signature', leaf.principal.name);
  // Kept until the time in the request would refuse it anyway.
  registry.useNonce(request.nonce, nowMs, request.time + 2 * clockSkewMs);
  const { name } = leaf.principal;
  const live = registry.certificatesOf(name).filter(({ kind, notAfterMs }) => kind === leaf.kind && notAfterMs > nowMs);
  if (live.length >= maxLiveCertificates) throw new Problem('too-many', name);
  const publicKey = await verifyRequest(request.csr);
  const hosts = leaf.kind === 'tls' ? (registry.member(name)?.hosts ?? []) : [];
  const next = await sign(issuer, { kind: leaf.kind, principal: leaf.principal, hosts, publicKey, nowMs });
  registry.addCertificates(name, [next], nowMs);
  return {
    name,
    kind: leaf.kind,
    answer: { certificate: next.issued.der, issuing: derOfPem(issuer.issuing.certificate) },
  };
}

/** The certificate, if it is one that this authority issued, byte for byte, and that is valid now. */
function currentLeaf(issuer: Issuer, der: Uint8Array, nowMs: number): Leaf {
  const leaf = readEither(der, issuer.description.federation);
  const known = issuer.registry.certificate(leaf.serial);
  if (known === null || !Buffer.from(known.der).equals(der))
    throw new Problem('unauthenticated', 'not a certificate of ours');
  if (known.revokedMs !== null) throw new Problem('revoked', known.member);
  if (nowMs >= leaf.notAfterMs) throw new Problem('unauthenticated', `the certificate of ${known.member} has expired`);
  return leaf;
}

function readEither(der: Uint8Array, federation: string): Leaf {
  try {
    return readLeaf(der, 'tls', federation);
  } catch {
    return readLeaf(der, 'update', federation);
  }
}
