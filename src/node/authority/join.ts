/** Joining a federation: keys are made here, the invitation is shown only to the server it names, certificates come back. */

import { type KeyObject, timingSafeEqual, X509Certificate } from 'node:crypto';
import { existsSync } from 'node:fs';
import { encodeCbor } from '../../core/bytes/cbor.ts';
import type { Principal } from '../../core/protocol/identity.ts';
import { Problem, UserError } from '../../core/protocol/problem.ts';
import { type CertificateKind, pemOfDer } from '../pki/certificate.ts';
import {
  type Credentials,
  loadCredentials,
  loadKeyPair,
  makePrivateFolder,
  saveAuthorities,
  saveKeyPair,
} from '../pki/credentials.ts';
import { createRequest } from '../pki/request.ts';
import { createKey, privateKeyPem, rawPublicKey } from '../pki/signer.ts';
import { certificateHash, readLeaf } from '../pki/verify.ts';
import { postToAuthority, presentedRoot } from './connection.ts';
import { memberPaths, readMember, writeDescription } from './home.ts';
import { type EnrolResponse, parseEnrolResponse } from './messages.ts';
import { parseToken } from './token.ts';

export interface JoinOptions {
  /** True: the home belongs to a member of this federation whose credentials are to be replaced, after they expired. */
  readonly replace?: boolean;
}

/**
 * Joins the federation whose authority answers at `url` and writes the member's home. The server's root is compared with the
 * fingerprint in the token before anything is sent. Throws UserError for a wrong address, server, token form or home, and the
 * Problem that the authority answered ('bad-token', 'name-taken' …).
 */
export async function join(url: string, token: string, home: string, options: JoinOptions = {}): Promise<Credentials> {
  requireHttps(url);
  const { bytes, fingerprint } = parseToken(token);
  const before = requireHome(home, fingerprint, options.replace === true);
  const rootDer = await presentedRoot(url);
  if (!timingSafeEqual(certificateHash(rootDer), fingerprint)) {
    throw new UserError(
      url,
      'this server is not the one that the invitation names; nothing was sent to it',
      'Check the address. If it is right, someone may stand between you and the federation: tell its operator.',
    );
  }
  const root = pemOfDer(rootDer);
  const keys = { tls: createKey(), update: createKey() };
  const body = encodeCbor({
    token: bytes,
    tlsCsr: await createRequest(keys.tls),
    updateCsr: await createRequest(keys.update),
  });
  const answer = parseEnrolResponse(await postToAuthority(url, '/v1/enrol', body, root));
  requireOwnCertificates(answer, rootDer, keys);
  if (before !== null && before !== answer.name) {
    throw new UserError(
      home,
      `belongs to ${before}, and the invitation was for ${answer.name}`,
      'Ask for a new invitation and join in another folder (--home).',
    );
  }
  save(home, answer, root, fingerprint, keys);
  return loadCredentials(memberPaths(home).credentials);
}

type Keys = Readonly<Record<CertificateKind, KeyObject>>;

function requireHttps(url: string): void {
  if (!URL.canParse(url) || new URL(url).protocol !== 'https:') {
    throw new UserError(url, 'not an https address', 'Use the address that parley invite printed: https://HOST:PORT.');
  }
}

/** The name of the member that the home belongs to, null for a new home. */
function requireHome(home: string, fingerprint: Uint8Array, replace: boolean): string | null {
  const { description, credentials } = memberPaths(home);
  if (!existsSync(description)) {
    makePrivateFolder(home); // now: an invitation must not be spent on a folder that cannot be written
    return null;
  }
  if (!replace) {
    throw new UserError(
      home,
      'belongs to a member already',
      'Choose another folder with --home; to give this member new keys after they expired, add --replace.',
    );
  }
  if (readMember(home).rootFingerprint !== Buffer.from(fingerprint).toString('hex')) {
    throw new UserError(home, 'belongs to a member of another federation', 'Choose another folder with --home.');
  }
  return loadKeyPair(credentials, 'tls', 0).leaf.principal.name;
}

/** The authority is trusted to name us, not to give us somebody else's keys. */
function requireOwnCertificates(answer: EnrolResponse, rootDer: Uint8Array, keys: Keys): void {
  const { federation, role, organisation, name } = answer;
  const principal: Principal = { federation, role, organisation, name };
  const issuing = new X509Certificate(answer.issuing);
  const chained =
    Buffer.from(answer.root).equals(rootDer) && issuing.ca && issuing.verify(new X509Certificate(rootDer).publicKey);
  const owned =
    isOwn(answer.tlsCertificate, 'tls', principal, issuing, keys) &&
    isOwn(answer.updateCertificate, 'update', principal, issuing, keys);
  if (!chained || !owned)
    throw new Problem('unauthenticated', 'the authority answered with certificates that are not ours');
}

function isOwn(
  der: Uint8Array,
  kind: CertificateKind,
  principal: Principal,
  issuing: X509Certificate,
  keys: Keys,
): boolean {
  const leaf = readLeaf(der, kind, principal.federation);
  const { role, organisation, name } = leaf.principal;
  const named = role === principal.role && organisation === principal.organisation && name === principal.name;
  const own = Buffer.from(rawPublicKey(keys[kind])).equals(rawPublicKey(leaf.certificate.publicKey));
  return named && own && leaf.certificate.verify(issuing.publicKey);
}

/** The description comes last: a home with it is complete. */
function save(home: string, answer: EnrolResponse, root: string, fingerprint: Uint8Array, keys: Keys): void {
  const { description, credentials } = memberPaths(home);
  const { federation, coordinatorUrl, authorityUrl } = answer;
  saveAuthorities(credentials, root, pemOfDer(answer.issuing));
  saveKeyPair(credentials, 'update', {
    key: privateKeyPem(keys.update),
    certificate: pemOfDer(answer.updateCertificate),
  });
  saveKeyPair(credentials, 'tls', { key: privateKeyPem(keys.tls), certificate: pemOfDer(answer.tlsCertificate) });
  writeDescription(description, {
    federation,
    coordinatorUrl,
    authorityUrl,
    rootFingerprint: Buffer.from(fingerprint).toString('hex'),
  });
}
