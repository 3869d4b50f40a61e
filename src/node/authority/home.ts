/** The folders of a federation and of a member: what lies where, and the small JSON file that says which federation it is. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { isName } from '../../core/protocol/identity.ts';
import { UserError } from '../../core/protocol/problem.ts';
import { writeDurable } from '../durable-file.ts';

const description = z.strictObject({
  federation: z.string().refine(isName, 'not a name'),
  coordinatorUrl: z.url({ protocol: /^https$/ }),
  authorityUrl: z.url({ protocol: /^https$/ }),
  /** SHA-256 of the root certificate, hexadecimal. */
  rootFingerprint: z.string().regex(/^[0-9a-f]{64}$/),
});

/** Which federation a home belongs to: federation.json of the federation's own home, member.json of a member's. */
export type FederationDescription = z.infer<typeof description>;

/** Paths inside the federation's home. */
export function federationPaths(home: string) {
  const authority = join(home, 'authority');
  return {
    description: join(home, 'federation.json'),
    authority,
    rootKey: join(authority, 'root.key'),
    root: join(authority, 'root.crt'),
    issuingKey: join(authority, 'issuing.key'),
    issuing: join(authority, 'issuing.crt'),
    registry: join(authority, 'registry.sqlite'),
    /** Written once with the root's key, which may then leave this machine. */
    rootCrl: join(authority, 'root-crl.pem'),
    /** The bundle to check peers against: the root's list and the issuing authority's. */
    crl: join(authority, 'crl.pem'),
    /** A member's home of its own, for the coordinator. */
    coordinator: join(home, 'coordinator'),
    /** A member's home of its own, for the operator. */
    operator: join(home, 'operator'),
  };
}

/** Paths inside a member's home. */
export function memberPaths(home: string) {
  return { description: join(home, 'member.json'), credentials: join(home, 'credentials') };
}

/** An https URL without a path; IPv6 addresses get their brackets. */
export function httpsUrl(host: string, port: number): string {
  return `https://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** Reads federation.json of a home. Throws UserError when there is none or it is not valid. */
export function readFederation(home: string): FederationDescription {
  return readDescription(
    federationPaths(home).description,
    'Create a federation first (parley init), or name its folder with --home.',
  );
}

/** Reads member.json of a home. Throws UserError when there is none or it is not valid. */
export function readMember(home: string): FederationDescription {
  return readDescription(
    memberPaths(home).description,
    'Join the federation first (parley join), or name its folder with --home.',
  );
}

/** Writes federation.json or member.json. */
export function writeDescription(path: string, value: FederationDescription): void {
  writeDurable(path, `${JSON.stringify(description.parse(value), null, 2)}\n`, 0o644);
}

function readDescription(path: string, remedy: string): FederationDescription {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'EACCES' || code === 'EPERM')
      throw new UserError(path, 'may not be read by this user', 'Run as the owner of the file.', { cause });
    throw new UserError(path, code === 'ENOENT' ? 'not found' : 'cannot be read', remedy, { cause });
  }
  try {
    return description.parse(JSON.parse(text));
  } catch (cause) {
    throw new UserError(path, 'not the description of a federation', 'Restore the file from a backup.', { cause });
  }
}
