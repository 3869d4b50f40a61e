/** The issuing authority: the only code that opens its private key. Runs in the authority process and in operator commands. */
import { readFileSync } from 'node:fs';
import type { Principal } from '../../core/protocol/identity.ts';
import { UserError } from '../../core/protocol/problem.ts';
import { writeDurable } from '../durable-file.ts';
import { type IssuingKey, issueLeaf, type LeafRequest, lifeMs } from '../pki/certificate.ts';
import { readKeyFile } from '../pki/credentials.ts';
import { issueCrl } from '../pki/crl.ts';
import { createKey, parsePrivateKey, privateKeyPem, rawPublicKey } from '../pki/signer.ts';
import { type FederationDescription, federationPaths, readFederation } from './home.ts';
import { type NewCertificate, Registry } from './registry.ts';

/** A federation's authority, open for work. */
export interface Issuer {
  readonly home: string;
  readonly description: FederationDescription;
  readonly registry: Registry;
  /** PEM. */
  readonly root: string;
  readonly issuing: IssuingKey;
  close(): void;
}

/** Opens the authority of a federation's home. Throws UserError when the home or its keys cannot be used. */
export function openIssuer(home: string): Issuer {
  const paths = federationPaths(home);
  const description = readFederation(home);
  const issuing = {
    certificate: readCertificateFile(paths.issuing),
    key: parsePrivateKey(readKeyFile(paths.issuingKey)),
  };
  const root = readCertificateFile(paths.root);
  const registry = new Registry(paths.registry);
  return { home, description, registry, root, issuing, close: () => registry.close() };
}

/** Signs a leaf. It is not issued before the registry holds it. */
export async function sign(issuer: Issuer, request: LeafRequest): Promise<NewCertificate> {
  const { kind, publicKey } = request;
  return { kind, publicKey, issued: await issueLeaf(request, issuer.issuing) };
}

/** Makes a TLS key on this machine and signs its certificate: for the federation's own processes only. */
export async function signOwnTls(issuer: Issuer, principal: Principal, hosts: readonly string[], nowMs: number) {
  const key = createKey();
  const certificate = await sign(issuer, { kind: 'tls', principal, hosts, publicKey: rawPublicKey(key), nowMs });
  return { certificate, pair: { key: privateKeyPem(key), certificate: certificate.issued.pem } };
}

/** The list says nothing after this long. */
const crlLifeMs = 24 * 3_600_000;

/**
 * Issues the revocation list anew and writes the bundle. Whatever other processes publish meanwhile, the bundle on the disk is
 * never older than one that was there before. Returns the number of the list.
 */
export async function publishCrl(issuer: Issuer, nowMs: number): Promise<number> {
  const { registry } = issuer;
  const paths = federationPaths(issuer.home);
  for (;;) {
    const last = registry.publication();
    const next = { number: last.number + 1, denyVersion: registry.denyVersion(), timeMs: nowMs };
    const list = await issueCrl(issuer.issuing, registry.revokedCertificates(nowMs), {
      number: next.number,
      nowMs,
      lifeMs: crlLifeMs,
    });
    const bundle = `${readFileSync(paths.rootCrl, 'utf8')}${list}`;
    if (registry.publish(last, next, () => writeDurable(paths.crl, bundle, 0o644))) return next.number;
  }
}

/** True when a revocation is not published yet, or when the list is an hour old, or from a clock that ran ahead. */
export function isCrlDue(registry: Registry, nowMs: number): boolean {
  const { denyVersion, timeMs } = registry.publication();
  return denyVersion !== registry.denyVersion() || nowMs - timeMs >= 3_600_000 || timeMs - nowMs > 60_000;
}

/** The root's list: it revokes issuing certificates, of which there is one; it lasts as long as that one. */
export function issueRootCrl(root: IssuingKey, nowMs: number): Promise<string> {
  return issueCrl(root, [], { number: 1, nowMs, lifeMs: lifeMs.issuing });
}

function readCertificateFile(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new UserError(path, 'cannot be read', 'Restore the file, or name the home of the federation with --home.', {
      cause,
    });
  }
}
