/** What a member asks of every group, whatever the coordinator's manifest says. */
import { compareBytes } from '../bytes/cbor.ts';
import { Problem } from '../protocol/problem.ts';
import type { GroupManifest } from './manifest.ts';
import { sureNoise } from './noise-sharing.ts';
import { groupThresholds, type Thresholds } from './thresholds.ts';

/** The site's own floor: no message of the coordinator lowers it. */
export interface MemberPolicy {
  /** Honest inputs in every sum. No group has less than three, whatever stands here. */
  readonly honest: number;
  /** Members that may work with the coordinator, at least so many. */
  readonly colluders: number;
  /** How the set of survivors may change over rounds without differential privacy (`checkSet`). */
  readonly setChanges: 'shrink' | 'strict';
}

/** A member and the group that it is asked to take part in. */
interface Invitation {
  readonly manifest: GroupManifest;
  /** The member's own place. */
  readonly at: number;
  /** SHA-256 of its own certificate. */
  readonly certificate: Uint8Array;
  readonly policy: MemberPolicy;
}

/**
 * Whether a member may take part under a manifest, before it says anything. Throws Problem `group-refused` for thresholds that are wrong for
 * the size of the group or below the site's own, `group-altered` for a list of members that is not one or has the member elsewhere.
 *
 * Not checked here: that the groups were dealt fairly, and what the task says of segments, model, code and plan.
 */
export function checkManifest({ manifest, at, certificate, policy }: Invitation): void {
  const { members, thresholds } = manifest;
  if (members.some((hash, i) => hash.length !== 32 || (i > 0 && compareBytes(members[i - 1], hash) >= 0)))
    throw new Problem('group-altered', 'the members of the manifest are not ascending hashes, each once');
  if (at >= members.length || compareBytes(members[at], certificate) !== 0)
    throw new Problem('group-altered', `the manifest does not name this member at ${at}`);
  if (!areRight(thresholds, members.length))
    throw new Problem('group-refused', `the thresholds of the manifest are not those of ${members.length} members`);
  if (thresholds.honest < policy.honest)
    throw new Problem(
      'group-refused',
      `${thresholds.honest} honest inputs in a sum, this site asks for ${policy.honest}`,
    );
  if (thresholds.colluders < policy.colluders)
    throw new Problem(
      'group-refused',
      `the group bears ${thresholds.colluders} colluders, this site asks for ${policy.colluders}`,
    );
}

/**
 * Whether so many members are enough to go on with. Members of one organisation may all be one party, so that colluders are taken off the
 * number of organisations; under privacy a sum also holds the noise of as many others as shared noise counts on (`sureNoise`). Throws Problem `group-small`.
 */
export function checkEnough(
  { thresholds, plan }: GroupManifest,
  peers: readonly { readonly organisation: string }[],
): void {
  const { least, honest, colluders } = thresholds;
  if (peers.length < least) throw new Problem('group-small', `${peers.length} members, where ${least} must stay`);
  const organisations = new Set(peers.map(({ organisation }) => organisation)).size;
  if (organisations - colluders < honest)
    throw new Problem(
      'group-small',
      `${organisations} organisations, of which ${colluders} may collude: not ${honest} honest ones`,
    );
  const noisy = peers.length - placesOf(Math.max(1, colluders), peers);
  if (plan !== null && noisy < sureNoise(thresholds))
    throw new Problem(
      'group-small',
      `the noise of ${noisy} members that no organisation knows, where ${sureNoise(thresholds)} are counted on`,
    );
}

/**
 * Whether every two sets of t members have an honest one in common, whichever `colluders` organisations are one party with the coordinator:
 * else it could have two sums of one session agreed on and opened, and so both secrets of one member. Throws Problem `group-refused`.
 *
 * @param peers U1: nobody else ever signs or holds shares.
 */
export function checkQuorums(
  { thresholds: { t, colluders } }: GroupManifest,
  peers: readonly { readonly organisation: string }[],
): void {
  const held = placesOf(colluders, peers);
  const common = 2 * t - peers.length;
  if (held >= common)
    throw new Problem(
      'group-refused',
      `${colluders} organisations that may collude hold ${held} of ${peers.length} places, and must hold fewer than ${common}`,
    );
}

/** How many of these members so many organisations have, at most. */
function placesOf(organisations: number, peers: readonly { readonly organisation: string }[]): number {
  const places = new Map<string, number>();
  for (const { organisation } of peers) places.set(organisation, (places.get(organisation) ?? 0) + 1);
  const largest = [...places.values()].sort((a, b) => b - a).slice(0, organisations);
  return largest.reduce((sum, count) => sum + count, 0);
}

function areRight({ honest, colluders, ...derived }: Thresholds, members: number): boolean {
  try {
    const right = groupThresholds(members, { honest, colluders });
    return derived.members === members && derived.t === right.t && derived.least === right.least;
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    return false;
  }
}
