/** What the operator does at the federation's home: create it, invite, list and revoke members. */
import { createPublicKey, randomBytes } from 'node:crypto';
import { existsSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { isName, type Role } from '../../core/protocol/identity.ts';
import { Problem, UserError } from '../../core/protocol/problem.ts';
import { syncFolder, writeDurable } from '../durable-file.ts';
import { issueIssuing, issueRoot } from '../pki/certificate.ts';
import { makePrivateFolder } from '../pki/credentials.ts';
import { createKey, privateKeyPem } from '../pki/signer.ts';
import { certificateHash } from '../pki/verify.ts';
import { type FederationDescription, federationPaths, httpsUrl, readFederation, writeDescription } from './home.ts';
import { issueRootCrl, openIssuer, publishCrl } from './issuer.ts';
import { addOwnProcess, serverNames } from './own-processes.ts';
import { Registry } from './registry.ts';
import { createToken, parseToken, tokenHash } from './token.ts';

export interface FederationSettings {
  readonly federation: string;
  /** DNS name or address by which members reach both servers. */
  readonly host: string;
  /** TCP port of the coordinator, 1–65535. */
  readonly port: number;
  /** TCP port of the authority, 1–65535. */
  readonly authorityPort: number;
}

/**
 * Creates a federation: root, issuing authority, registry, revocation lists, and the credentials of coordinator and operator.
 * The folder may hold other files; federation.json comes last, and a home without it holds no federation. Throws UserError when
 * there is one already, whole or in part, or when a setting is wrong.
 */
export async function createFederation(
  home: string,
  settings: FederationSettings,
  nowMs: number = Date.now(),
): Promise<FederationDescription> {
  requireSettings(settings);
  const taken = parts.map(part => join(home, part)).find(path => existsSync(path));
  if (taken !== undefined) {
    throw new UserError(taken, 'exists', 'Choose another folder with --home; a federation is never overwritten.');
  }
  makePrivateFolder(home);
  const draft = join(home, `.draft-${randomBytes(6).toString('hex')}`);
  try {
    const description = await writeFederation(draft, settings, nowMs);
    for (const part of parts) renameSync(join(draft, part), join(home, part));
    syncFolder(home);
    return description;
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

/** What lies in a federation's home, in the order in which it appears there. */
const parts = ['authority', 'coordinator', 'operator', 'federation.json'];

async function writeFederation(
  home: string,
  settings: FederationSettings,
  nowMs: number,
): Promise<FederationDescription> {
  const { federation, host, port, authorityPort } = settings;
  const paths = federationPaths(home);
  makePrivateFolder(home);
  makePrivateFolder(paths.authority);
  const rootKey = createKey();
  const issuingKey = createKey();
  const root = await issueRoot(federation, rootKey, nowMs);
  const issuing = await issueIssuing(federation, createPublicKey(issuingKey), rootKey, nowMs);
  writeDurable(paths.rootKey, privateKeyPem(rootKey), 0o600);
  writeDurable(paths.issuingKey, privateKeyPem(issuingKey), 0o600);
  writeDurable(paths.root, root.pem, 0o644);
  writeDurable(paths.issuing, issuing.pem, 0o644);
  writeDurable(paths.rootCrl, await issueRootCrl({ certificate: root.pem, key: rootKey }, nowMs), 0o644);
  const description: FederationDescription = {
    federation,
    coordinatorUrl: httpsUrl(host, port),
    authorityUrl: httpsUrl(host, authorityPort),
    rootFingerprint: Buffer.from(certificateHash(root.der)).toString('hex'),
  };
  writeDescription(paths.description, description);
  const issuer = openIssuer(home);
  try {
    await addOwnProcess(issuer, 'authority', serverNames(host), nowMs);
    await addOwnProcess(issuer, 'coordinator', serverNames(host), nowMs);
    await addOwnProcess(issuer, 'operator', [], nowMs);
    await publishCrl(issuer, nowMs);
  } finally {
    issuer.close();
  }
  return description;
}

/** Roles that people invite; the federation's own servers get theirs from `createFederation`. */
export const invitedRoles = ['client', 'gateway', 'worker', 'operator'] as const satisfies readonly Role[];

export interface InvitationSettings {
  readonly name: string;
  readonly organisation: string;
  readonly role: (typeof invitedRoles)[number];
  /** Until when the token works: more than 0, at most 24. */
  readonly hours: number;
  /** True gives an active member of this name new keys and revokes its old ones when the token is used. */
  readonly replace?: boolean;
}

export interface InvitationResult {
  /** To be handed to the member over a trusted channel; works once. It cannot be shown again. */
  readonly token: string;
  /** Unix time in ms. */
  readonly expiresMs: number;
  readonly authorityUrl: string;
  /** Older open invitations of this name, which work no more. */
  readonly withdrawn: number;
}

/** Makes a one-time invitation; it takes the place of older ones of this name. Throws UserError for a name that is taken (also by a revoked member) and for wrong settings. */
export function invite(home: string, settings: InvitationSettings, nowMs: number = Date.now()): InvitationResult {
  const { name, organisation, role, hours, replace = false } = settings;
  requireName('name', name);
  requireName('organisation', organisation);
  if (!(invitedRoles as readonly string[]).includes(role))
    throw new UserError(`role ${role}`, 'cannot be invited', `Use one of: ${invitedRoles.join(', ')}.`);
  if (!(hours > 0 && hours <= 24))
    throw new UserError(
      `hours ${hours}`,
      'an invitation lasts more than 0 and at most 24 hours',
      'Give --hours a number in that range.',
    );
  const { authorityUrl, rootFingerprint } = readFederation(home);
  const token = createToken(Buffer.from(rootFingerprint, 'hex'));
  const expiresMs = nowMs + Math.round(hours * 3_600_000);
  const withdrawn = withRegistry(home, registry => {
    const member = registry.member(name);
    if (replace && member?.status !== 'active') {
      throw new UserError(
        name,
        'there is no active member of this name to replace',
        'Invite a new name without --replace.',
      );
    }
    try {
      const hash = tokenHash(parseToken(token).bytes);
      return registry.addInvitation(hash, { name, organisation, role, replaces: replace, expiresMs }, nowMs);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      const active = member?.status === 'active';
      const remedy = active
        ? `Choose another name, or give this member new keys: parley invite ${name} --replace.`
        : 'Choose another name.';
      throw new UserError(
        name,
        active ? 'a member with this name exists' : 'a member of this name was revoked',
        remedy,
        { cause: error },
      );
    }
  });
  return { token, expiresMs, authorityUrl, withdrawn };
}

export interface MemberSummary {
  readonly name: string;
  readonly organisation: string;
  readonly role: Role;
  readonly status: 'active' | 'expired' | 'revoked' | 'invited';
  /** ISO 8601; null before joining. */
  readonly joined: string | null;
  /** ISO 8601: end of the newest TLS certificate; of the invitation for the invited. */
  readonly expires: string | null;
}

/** The members of a federation and its open invitations, by name. */
export function members(home: string, nowMs: number = Date.now()): MemberSummary[] {
  readFederation(home);
  return withRegistry(home, registry => {
    const joined = registry.members().map((member): MemberSummary => {
      const { name, organisation, role } = member;
      const endMs =
        registry.certificatesOf(name).find(({ kind, revokedMs }) => kind === 'tls' && revokedMs === null)?.notAfterMs ??
        null;
      const status = member.status === 'active' && endMs !== null && endMs <= nowMs ? 'expired' : member.status;
      return {
        name,
        organisation,
        role,
        status,
        joined: isoTime(member.joinedMs),
        expires: endMs === null ? null : isoTime(endMs),
      };
    });
    const invited = registry.openInvitations(nowMs).map(({ name, organisation, role, expiresMs }): MemberSummary => {
      return { name, organisation, role, status: 'invited', joined: null, expires: isoTime(expiresMs) };
    });
    return [...joined, ...invited].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  });
}

export interface Revocation {
  readonly name: string;
  /** Certificates that are refused from now on. */
  readonly serials: readonly string[];
  /** Version of the deny list. */
  readonly denyVersion: number;
  /** Open invitations that were withdrawn. */
  readonly invitations: number;
}

/**
 * Revokes a member and withdraws its invitations. When it resolves, the new list is on the disk; servers that watch it refuse the
 * member within a second. May be repeated. Throws UserError for an unknown name and for the federation's own servers.
 */
export async function revoke(home: string, name: string, nowMs: number = Date.now()): Promise<Revocation> {
  const issuer = openIssuer(home);
  try {
    const { federation } = issuer.description;
    const member = issuer.registry.member(name);
    if (member?.organisation === federation && ['coordinator', 'authority', 'operator'].includes(name)) {
      throw new UserError(
        name,
        'this is the federation itself',
        'If its keys are lost, stop the coordinator and create a new federation (parley init).',
      );
    }
    const result = issuer.registry.revoke(name, nowMs);
    if (result === null) throw new UserError(name, 'there is no such member', 'Look at: parley members.');
    await publishCrl(issuer, nowMs);
    return { name, ...result };
  } finally {
    issuer.close();
  }
}

function withRegistry<T>(home: string, body: (registry: Registry) => T): T {
  const path = federationPaths(home).registry;
  if (!existsSync(path))
    throw new UserError(
      path,
      'not found',
      'Run this where the authority of the federation lives, or name its home with --home.',
    );
  const registry = new Registry(path);
  try {
    return body(registry);
  } finally {
    registry.close();
  }
}

function requireSettings({ federation, host, port, authorityPort }: FederationSettings): void {
  requireName('federation', federation);
  if (!/^[a-z0-9]([a-z0-9.-]{0,252})$|^[0-9a-f:]+$/i.test(host))
    throw new UserError(
      `host ${host}`,
      'not a DNS name or address',
      'Give --host the name by which members reach this machine.',
    );
  for (const value of [port, authorityPort]) {
    if (!Number.isInteger(value) || value < 1 || value > 65535)
      throw new UserError(`port ${value}`, 'not a TCP port', 'Use a number from 1 to 65535.');
  }
  if (port === authorityPort)
    throw new UserError(
      `port ${port}`,
      'coordinator and authority need a port each',
      'Give --authority-port another number.',
    );
}

function requireName(what: string, value: string): void {
  if (!isName(value)) {
    throw new UserError(
      `${what} "${value}"`,
      'not a name',
      'Use 1–63 of a–z, 0–9, dot and dash; begin and end with a letter or digit.',
    );
  }
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}
