/** The federation's own processes: coordinator, authority and operator get their credentials on this machine, from the issuer. */
import { existsSync } from 'node:fs';
import type { Principal } from '../../core/protocol/identity.ts';
import { UserError } from '../../core/protocol/problem.ts';
import { lifeMs } from '../pki/certificate.ts';
import { type Credentials, loadCredentials, saveAuthorities, saveKeyPair } from '../pki/credentials.ts';
import { createKey, privateKeyPem, rawPublicKey } from '../pki/signer.ts';
import { federationPaths, memberPaths, writeDescription } from './home.ts';
import { type Issuer, openIssuer, sign, signOwnTls } from './issuer.ts';
import type { NewCertificate } from './registry.ts';

type OwnProcess = 'coordinator' | 'authority' | 'operator';

/** Names in a server's certificate: the public one, and for a server of this machine also the loopback addresses. */
export function serverNames(host: string): string[] {
  return host === 'localhost' ? ['localhost', '127.0.0.1', '::1'] : [host];
}

/** Registers one of the federation's own processes; coordinator and operator get a home with credentials. */
export async function addOwnProcess(
  issuer: Issuer,
  name: OwnProcess,
  hosts: readonly string[],
  nowMs: number,
): Promise<void> {
  const principal = ownPrincipal(issuer, name);
  const { save, certificates } =
    name === 'authority' ? nothing : await makeCredentials(issuer, principal, hosts, nowMs);
  issuer.registry.addOwn({ ...principal, hosts, joinedMs: nowMs }, certificates);
  save();
}

/**
 * The operator's credentials of a federation's home. When they end soon or have ended they are issued anew, which needs the
 * authority's folder. Throws UserError when they are not usable and that folder is not here.
 */
export async function operatorCredentials(home: string, nowMs: number = Date.now()): Promise<Credentials> {
  const { operator, issuingKey } = federationPaths(home);
  const folder = memberPaths(operator).credentials;
  const current = tryLoad(folder, nowMs);
  if (!(current instanceof UserError) && current.notAfter - nowMs > lifeMs.tls / 2) return current;
  if (existsSync(issuingKey)) {
    const issuer = openIssuer(home);
    try {
      await reissue(issuer, 'operator', nowMs);
    } finally {
      issuer.close();
    }
    return loadCredentials(folder, nowMs);
  }
  if (current instanceof UserError) throw current;
  return current;
}

/** Gives the coordinator new credentials if its own have ended, as after some days without power. True when it did. */
export async function reviveCoordinator(issuer: Issuer, nowMs: number): Promise<boolean> {
  const folder = memberPaths(federationPaths(issuer.home).coordinator).credentials;
  if (!(tryLoad(folder, nowMs) instanceof UserError)) return false;
  await reissue(issuer, 'coordinator', nowMs);
  return true;
}

/** A TLS key and certificate for the authority's own server; the key stays in memory. PEM, chain up to the root. */
export async function authorityTls(
  issuer: Issuer,
  nowMs: number,
): Promise<{ key: string; cert: string; notAfterMs: number }> {
  const hosts = issuer.registry.member('authority')?.hosts ?? [];
  const { certificate, pair } = await signOwnTls(issuer, ownPrincipal(issuer, 'authority'), hosts, nowMs);
  issuer.registry.addCertificates('authority', [certificate], nowMs);
  // With the root, so that who joins can compare it with the token.
  const cert = `${pair.certificate}${issuer.issuing.certificate}${issuer.root}`;
  return { key: pair.key, cert, notAfterMs: certificate.issued.notAfterMs };
}

async function reissue(issuer: Issuer, name: OwnProcess, nowMs: number): Promise<void> {
  const hosts = issuer.registry.member(name)?.hosts ?? [];
  const { save, certificates } = await makeCredentials(issuer, ownPrincipal(issuer, name), hosts, nowMs);
  issuer.registry.addCertificates(name, certificates, nowMs);
  save();
}

interface OwnCredentials {
  readonly certificates: readonly NewCertificate[];
  /** Writes the home. Called once the registry holds the certificates. */
  save(): void;
}

const nothing: OwnCredentials = { certificates: [], save: () => {} };

async function makeCredentials(
  issuer: Issuer,
  principal: Principal,
  hosts: readonly string[],
  nowMs: number,
): Promise<OwnCredentials> {
  const home =
    principal.role === 'operator' ? federationPaths(issuer.home).operator : federationPaths(issuer.home).coordinator;
  const { description, credentials } = memberPaths(home);
  const tls = await signOwnTls(issuer, principal, hosts, nowMs);
  const updateKey = createKey();
  const update = await sign(issuer, {
    kind: 'update',
    principal,
    hosts: [],
    publicKey: rawPublicKey(updateKey),
    nowMs,
  });
  return {
    certificates: [tls.certificate, update],
    save() {
      saveAuthorities(credentials, issuer.root, issuer.issuing.certificate);
      saveKeyPair(credentials, 'update', { key: privateKeyPem(updateKey), certificate: update.issued.pem });
      saveKeyPair(credentials, 'tls', tls.pair);
      writeDescription(description, issuer.description);
    },
  };
}

/** They belong to the organisation that is called like the federation. */
function ownPrincipal({ description: { federation } }: Issuer, name: OwnProcess): Principal {
  return { federation, role: name, organisation: federation, name };
}

function tryLoad(folder: string, nowMs: number): Credentials | UserError {
  try {
    return loadCredentials(folder, nowMs);
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
}
