/** What a client needs beside its other ports to be a member of groups. */
import type { Role } from '../core/protocol/identity.ts';
import type { GroupPorts } from '../core/secagg/group-ports.ts';
import type { MemberPolicy } from '../core/secagg/member-policy.ts';

/** Whose an update certificate is, as it says itself. */
export interface CertifiedMember {
  /** SHA-256 of the certificate, 32 bytes. */
  readonly certificate: Uint8Array;
  /** Ed25519, 32 bytes. */
  readonly publicKey: Uint8Array;
  readonly organisation: string;
  readonly name: string;
  readonly role: Role;
}

export interface MemberPorts extends GroupPorts {
  /**
   * Verifies another member's update certificate: chain to the root of this federation, validity, purpose, and that it is not revoked on the
   * newest list this client has seen, no older than a day. Throws Problem `revoked`, `stale`, or `unauthenticated`.
   */
  readonly verifyMember: (certificate: Uint8Array) => CertifiedMember;
  /** What this site asks of every group, whatever the task and the coordinator say. */
  readonly policy: MemberPolicy;
  /** Version of this program: all members have to run the same. */
  readonly build: string;
}

/** Five honest inputs in every sum; sets of survivors may shrink. */
export const defaultPolicy: MemberPolicy = { honest: 5, colluders: 0, setChanges: 'shrink' };
