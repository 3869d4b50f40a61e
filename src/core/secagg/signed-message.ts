/** What another member signed, as the coordinator passes it on: nothing of it counts before all of this holds. */
import { sameBytes } from '../bytes/floats.ts';
import { decodeEnvelope, verifyEnvelope } from '../crypto/envelope.ts';
import type { Primitives } from '../crypto/primitives.ts';
import { Problem } from '../protocol/problem.ts';
import type { MemberLabel } from './group-message.ts';
import type { MemberSession, Peer } from './member-state.ts';

/**
 * The payload of an envelope that `peer` signed under this label in this session's federation, task and round. Throws Problem:
 * `bad-request` for bytes that are no envelope, `group-altered` for one of another place, `bad-signature`.
 */
export function openSigned(
  envelope: Uint8Array,
  label: MemberLabel,
  peer: Peer,
  { manifest }: MemberSession,
  primitives: Primitives,
): Uint8Array {
  const signed = decodeEnvelope(envelope);
  const isOfThisRound =
    signed.label === label &&
    signed.federation === manifest.federation &&
    sameBytes(signed.task, manifest.task) &&
    signed.round === manifest.round &&
    sameBytes(signed.sender, peer.certificate);
  if (!isOfThisRound) throw new Problem('group-altered', `no ${label} of member ${peer.at} in this round`);
  verifyEnvelope(signed, peer.publicKey, primitives);
  return signed.payload;
}

/** Throws Problem `group-altered` for the message of another session. */
export function checkSession(sid: Uint8Array, session: MemberSession, what: string): void {
  if (!sameBytes(sid, session.sid)) throw new Problem('group-altered', `${what}: of another session`);
}
