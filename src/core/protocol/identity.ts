/** Identities: who a party is, as the one SPIFFE URI in its certificates (`spiffe://<federation>/<role>/<organisation>/<name>`). */

export const roles = ['client', 'coordinator', 'gateway', 'worker', 'operator', 'authority'] as const;
export type Role = (typeof roles)[number];

/** A party, read from the URI path of a verified certificate; never from its common name. */
export interface Principal {
  readonly federation: string;
  readonly role: Role;
  readonly organisation: string;
  readonly name: string;
}

const label = /^[a-z0-9](?:[a-z0-9.-]{0,61}[a-z0-9])?$/;

/** True for a federation, organisation or member name: 1–63 of a–z, 0–9, dot, dash; begins and ends with a letter or digit. */
export function isName(text: string): boolean {
  return label.test(text);
}

/** The SPIFFE ID of a principal (SPIFFE-ID §2). Throws RangeError when a part is not a name. */
export function identityUri(principal: Principal): string {
  for (const part of [principal.federation, principal.organisation, principal.name]) {
    if (!isName(part)) throw new RangeError(`identity: "${part}" is not a name`);
  }
  return `spiffe://${principal.federation}/${principal.role}/${principal.organisation}/${principal.name}`;
}

/** The principal of a SPIFFE ID, or null for anything that `identityUri` would not have written. */
export function parseIdentityUri(uri: string): Principal | null {
  const match = /^spiffe:\/\/([^/]+)\/([^/]+)\/([^/]+)\/([^/]+)$/.exec(uri);
  if (match === null) return null;
  const [, federation, role, organisation, name] = match;
  if (!(roles as readonly string[]).includes(role) || ![federation, organisation, name].every(isName)) return null;
  // The check above proves that `role` is one of `roles`.
  return { federation, role: role as Role, organisation, name };
}
